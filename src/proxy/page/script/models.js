
// ---- models -----------------------------------------------------------------------------------------------------

const models = {
  planned: [],          // of /odysseus/status: names, sizes, costs
  served: [],           // of /v1/models: what llama-server does with them now
  asked: new Map(),     // id → what its switch asked for, until llama-server says so too
  wanted: null,         // a name to be chosen as soon as it is there
};

const displayName = model => model.names?.[0] ?? model.id;
const answersTo = model => new Set([model.id, ...(model.names ?? []), ...(model.aliases ?? [])]);

function knownModels() {
  const all = models.planned.length ? models.planned : models.served;
  return [...new Map(all.filter(model => typeof model?.id === "string").map(model => [model.id, model])).values()];
}

const onlyToy = () => knownModels().every(model => model.id === k_toy);

// Embedding and ranking models answer no chat.
function chats(model) {
  const kind = servedEntries(model).find(entry => entry.kind)?.kind;
  return kind ? kind === "chat" || kind === "vision" : !/bert|embed|rerank/i.test(`${model.architecture ?? ""} ${model.id}`);
}

function servedEntries(model) {
  const names = answersTo(model);
  return models.served.filter(entry => names.has(entry.id));
}

function sees(model) {
  if (!model) return false;
  return Boolean(model.mmproj) || servedEntries(model).some(entry => entry.architecture?.input_modalities?.includes?.("image"));
}

// unloaded, loading, loaded, sleeping or failed; a friendly name may have an entry of its own
function valueOf(model) {
  const statuses = servedEntries(model).map(entry => entry.status ?? {});
  for (const value of ["loading", "loaded", "sleeping"])
    if (statuses.some(status => status.value === value)) return value;
  if (statuses.some(status => status.failed)) return "failed";
  return statuses[0]?.value ?? "unknown";
}

const k_fits = {yes: "fits", partly: "fits partly, slower", no: "too large"};
const fitsOf = model => k_fits[model.fits] ? model.fits : k_fits[model.placement?.fits] ? model.placement.fits : null;

// Q4_K_M and the like, as file names have it.
const quantOf = model => /(?:^|[-._])((?:UD-)?I?Q\d\w*|BF16|F16|F32|MXFP4\w*)$/i.exec(model.id)?.[1].toUpperCase() ?? "";

function showModels() {
  const list = knownModels();
  $("models-empty").hidden = list.length > 0;
  if (latest.state && !list.length) text($("models-empty"), "There is no model yet.");
  keep($("models"), list, model => model.id, makeModel, updateModel);
  showSelector(list.filter(chats));
  showPictureButton();
  showGet();
}

function makeModel(model) {
  const id = `model-${encodeURIComponent(model.id)}`;
  const button = make("button", {type: "button", role: "switch", "aria-labelledby": id, "aria-checked": "false"});
  button.addEventListener("click", () => toggle(model.id));
  return make("li", {class: "model"},
    make("span", {class: "name break", id}),
    make("span", {class: "switch"}, make("span", {class: "state small"}), button),
    make("span", {class: "facts small soft"}));
}

function updateModel(node, model) {
  const value = valueOf(model);
  const asked = models.asked.get(model.id);
  if (asked && (asked.on === (value === "loaded" || value === "sleeping")) || Date.now() > asked?.until) models.asked.delete(model.id);
  const busy = value === "loading" || models.asked.has(model.id);
  const button = node.querySelector("button");
  node.dataset.value = value;
  text(node.querySelector(".name"), displayName(model));
  node.querySelector(".name").title = [...answersTo(model)].join(", ");
  text(node.querySelector(".state"), busy ? (asked?.on === false ? "unloading …" : "loading …") : {unloaded: "not loaded", unknown: ""}[value] ?? value);
  button.hidden = value === "unknown";
  button.setAttribute("aria-checked", String(asked ? asked.on : ["loading", "loaded", "sleeping"].includes(value)));
  button.setAttribute("aria-disabled", String(models.asked.has(model.id)));
  text(node.querySelector(".facts"), [
    model.id === k_toy ? "toy: random words" : "",
    known(model.size_bytes) ? size(model.size_bytes / k_mib) : "", quantOf(model), k_fits[fitsOf(model)] ?? "",
    known(contextOf(model)) ? `${short(contextOf(model))} context` : "",
    sees(model) ? "sees pictures" : "", chats(model) ? "" : "not for chat",
  ].filter(Boolean).join(" · "));
}

async function toggle(id) {
  const model = knownModels().find(one => one.id === id);
  if (!model || models.asked.has(id)) return;
  const on = !["loading", "loaded", "sleeping"].includes(valueOf(model));
  models.asked.set(id, {on, until: Date.now() + 15000});
  text($("models-fault"), "");
  showModels();
  try {
    await ask(on ? "models/load" : "models/unload", {body: {model: id}, signal: AbortSignal.timeout(60000)});
    announce(`${displayName(model)} is being ${on ? "loaded" : "unloaded"}.`);
    if (on) chooseModel(displayName(model));    // the one to be asked next, most likely
  } catch (error) {
    models.asked.delete(id);
    text($("models-fault"), `${displayName(model)} could not be ${on ? "loaded" : "unloaded"}: ${inWords(error)}`);
  }
  await refreshModels();
}

async function refreshModels() {
  if (refreshModels.running) return;
  refreshModels.running = true;
  try {
    const answer = await (await ask("v1/models")).json();
    models.served = Array.isArray(answer.data) ? answer.data : [];
  } catch { /* the poll of the status says what is wrong */ }
  refreshModels.running = false;
  showModels();
}

// ---- the one that is asked: what was chosen, else the loaded one, else the one of last time -----------------------

function chooseModel(name) {
  models.wanted = name;
  showSelector(knownModels().filter(chats));
}

function showSelector(list) {
  const select = $("model");
  const options = list.map(model => ({value: displayName(model), label: [displayName(model),
    model.id === k_toy ? "random words" : known(model.size_bytes) ? size(model.size_bytes / k_mib) : "", valueOf(model) === "loaded" ? "loaded" : "",
    fitsOf(model) === "no" ? "too large" : ""].filter(Boolean).join(" · "), loaded: valueOf(model) === "loaded"}));
  const shape = JSON.stringify([options, models.wanted]);
  if (shape === showSelector.shape) return;
  showSelector.shape = shape;
  const chosen = showSelector.chosen ? select.value : "";
  select.replaceChildren(...(options.length ? options : [{value: "", label: "no model yet"}]).map(one => make("option", {value: one.value}, one.label)));
  const there = name => name && options.some(one => one.value === name);
  select.value = [models.wanted, chosen, options.find(one => one.loaded)?.value, store.get("odysseus.model"), options[0]?.value].find(there) ?? "";
  if (there(models.wanted)) [models.wanted, showSelector.chosen] = [null, true];
  select.disabled = !options.length;
  showUsed();
}

$("model").addEventListener("change", () => {
  showSelector.chosen = true;
  store.set("odysseus.model", $("model").value);
  showPictureButton();
  showUsed();
});
