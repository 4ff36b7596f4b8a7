
// ---- the model in use: its context, its memory, where it runs -----------------------------------------------------

const loadedModel = () => knownModels().find(model => ["loaded", "sleeping"].includes(valueOf(model)));
const modelNamed = name => knownModels().find(model => answersTo(model).has(name));

// The context that a model really has: never more than it was trained for.
function contextOf(model) {
  const own = model?.context?.tokens;
  if (known(own)) return own;
  const tokens = latest.context?.tokens;
  if (!known(tokens)) return null;
  return known(model?.trained_context) ? Math.min(tokens, model.trained_context) : tokens;
}

function kvMib(model, tokens) {
  if (!model || !known(model.kv_bytes_per_token) || !known(tokens)) return null;
  return (model.kv_bytes_per_token * tokens + (model.kv_fixed_bytes ?? 0)) / k_mib;
}

function placementWords(model) {
  const placement = model?.placement;
  if (placement?.reason) return placement.reason;
  const words = [];
  if (placement?.device) words.push(k_backends[placement.device] ?? placement.device);
  if (known(placement?.layers_total)) {
    const apart = placement.layers_partly ?? 0;
    words.push(apart ? `${apart} of ${placement.layers_total} layers partly in memory` : `all ${placement.layers_total} layers`);
  }
  return words.length ? words.join(", ") : k_backends[latest.hardware?.backend] ?? "";
}

function showTruth(status) {
  const loaded = loadedModel();
  const tokens = contextOf(loaded);
  const kv = kvMib(loaded, tokens);
  const rows = !loaded ? [["Model", "none is loaded; the first question loads one"]] : [
    ["Model", displayName(loaded) + (loaded.id === k_toy ? " (random words)" : "")],
    ["Context", known(tokens) ? `${whole(tokens)} tokens` + (loaded.trained_context > tokens ? `, trained for ${whole(loaded.trained_context)}` : "") : ""],
    ["In use", chat.used && answersTo(loaded).has(chat.used.model) ? `${whole(chat.used.tokens)} tokens by this chat` : ""],
    ["Memory", known(loaded.size_bytes) ? `${size(loaded.size_bytes / k_mib)} weights${kv === null ? "" : `, ${size(kv)} cache`}` : ""],
    ["Runs on", placementWords(loaded)],
  ];
  showFacts($("truth"), rows.filter(([, value]) => value));
  showMemory(status, loaded);
}

function showFacts(list, rows) {
  keep(list, rows.map(([name, value], index) => ({id: `${index} ${name}`, name, value})), row => row.id,
    () => make("div", {}, make("dt"), make("dd", {class: "break"})), (node, row) => {
      text(node.firstChild, row.name);
      text(node.lastChild, row.value);
    });
}

// What the loaded model takes; while none is loaded, what the plan reserved for the largest one.
function memoryParts(context, model) {
  if (!context || !known(context.available_mib)) return null;
  const weights = model && known(model.size_bytes) ? model.size_bytes / k_mib : context.largest_model_mib ?? 0;
  const kv = kvMib(model, contextOf(model)) ?? (context.kv_mib_per_4096 ?? 0) * context.tokens / 4096;
  const overhead = context.overhead_mib ?? 0;
  return {weights, kv, overhead, free: context.available_mib - weights - kv - overhead};
}

const k_part_names = {weights: "weights", kv: "cache", overhead: "set aside", free: "free"};

function showMemory(status, loaded) {
  const parts = memoryParts(status.context, loaded);
  $("bar").hidden = !parts;
  if (!parts) return text($("memory-caption"), "How much memory is free is not known here.");
  const largest = knownModels().reduce((a, b) => (b.size_bytes ?? 0) > (a?.size_bytes ?? 0) ? b : a, null);
  const model = loaded ? displayName(loaded) : `the largest model${largest ? `, ${displayName(largest)},` : ""}`;
  const over = parts.free < 0 ? ` That is ${size(-parts.free)} more than there was.` : "";
  text($("memory-caption"), `With ${model} loaded, of the ${size(status.context.available_mib)} of memory that were free at the start:${over}`);
  const shown = Object.entries(parts).map(([name, mib]) => ({name, mib: Math.max(0, mib)}));
  keep($("bar"), shown, part => part.name, part => make("div", {class: part.name}), (node, part) => {
    node.style.flexGrow = String(part.mib);
    node.hidden = part.mib === 0;
  });
  keep($("legend"), shown, part => part.name,
    part => make("li", {}, make("i", {class: part.name}), make("span")),
    (node, part) => text(node.lastChild, `${k_part_names[part.name]} ${size(part.mib)}`));
  $("bar").setAttribute("aria-label", `Memory: ${shown.map(part => `${k_part_names[part.name]} ${size(part.mib)}`).join(", ")}`);
}

// ---- context and its ladder -------------------------------------------------------------------------------------

const seen = {tokens: null, dropped: new Set(), changes: [], steps: null};

function showContext(status) {
  const context = status.context;
  if (!context || !known(context.tokens)) return;
  const steps = status.oom_steps ?? 0;
  noteChange(context.tokens, steps);
  text($("context-now"), `${whole(context.tokens)} tokens`);
  text($("context-reason"), context.reason ?? "");
  const rungs = k_ladder.includes(context.tokens) ? k_ladder : [...k_ladder, context.tokens].sort((a, b) => b - a);
  keep($("ladder"), rungs, String, makeRung, (node, tokens) => updateRung(node, tokens, context, steps));
  text($("context-steps"), [
    context.source && context.source !== "auto" ? `Set by hand (${context.source}).` : "",
    known(context.parallel) && context.parallel > 1 ? `Shared by ${context.parallel} requests at a time.` : "",
    steps ? `Stepped down ${steps === 1 ? "once" : `${steps} times`} since odysseus started, because memory was short.` : "",
  ].filter(Boolean).join(" "));
}

function noteChange(tokens, steps) {
  if (seen.tokens !== null && tokens !== seen.tokens) {
    const forMemory = steps > seen.steps;
    if (forMemory) seen.dropped.add(seen.tokens);
    seen.dropped.delete(tokens);
    const words = `${whole(seen.tokens)} → ${whole(tokens)} tokens${forMemory ? ", memory was short" : ""}`;
    seen.changes = [{at: new Date().toLocaleTimeString("en-GB"), words}, ...seen.changes].slice(0, 5);
    keep($("context-history"), seen.changes, change => `${change.at} ${change.words}`, () => make("li"),
      (node, change) => text(node, `${change.at}: ${change.words}`));
    announce(`The context changed: ${words}.`);
  }
  seen.tokens = tokens;
  seen.steps = steps;
}

function makeRung(tokens) {
  const bar = make("span", {class: "rung", "aria-hidden": "true"});
  bar.style.width = `${Math.max(2, Math.min(100, 100 * tokens / k_ladder[0]))}%`;
  return make("li", {}, make("span", {class: "number"}), bar, make("span", {class: "cost number soft"}), make("span", {class: "mark"}));
}

function updateRung(node, tokens, context, steps) {
  const mark = rungMark(tokens, context, steps);
  node.toggleAttribute("aria-current", false);
  if (mark === "now") node.setAttribute("aria-current", "true");
  node.dataset.mark = mark;
  text(node.children[0], whole(tokens));
  const kv = kvMib(loadedModel(), tokens) ?? (known(context.kv_mib_per_4096) ? context.kv_mib_per_4096 * tokens / 4096 : null);
  text(node.children[2], kv === null ? "" : size(kv));
  text(node.children[3], {now: "in use", tried: "did not fit", above: "too large", below: ""}[mark]);
}

// Only what was tried is said not to have fitted: the context of the start, and what this page saw fail.
function rungMark(tokens, context, steps) {
  if (tokens === context.tokens) return "now";
  if (seen.dropped.has(tokens) || (steps && tokens > context.tokens && tokens === context.start_tokens)) return "tried";
  return known(context.estimated_max_tokens) && tokens > context.estimated_max_tokens ? "above" : "below";
}

// ---- hardware ---------------------------------------------------------------------------------------------------

function showHardware(hardware) {
  if (!hardware) return;
  const rows = [];
  const system = [{linux: "Linux", macos: "macOS", win: "Windows"}[hardware.os] ?? hardware.os, hardware.arch].filter(Boolean).join(" ");
  if (system) rows.push(["System", system]);
  if (hardware.cpu_model || known(hardware.cpu_cores))
    rows.push(["Processor", [hardware.cpu_model, known(hardware.cpu_cores) ? plural(hardware.cpu_cores, "core") : ""].filter(Boolean).join(", ")]);
  if (known(hardware.ram_mib))
    rows.push(["Memory", size(hardware.ram_mib) + (known(hardware.available_ram_mib) ? `, ${size(hardware.available_ram_mib)} free at the start` : "")]);
  const gpus = hardware.gpus ?? [];
  gpus.forEach((gpu, index) => rows.push([gpus.length > 1 ? `GPU ${index + 1}` : "GPU", [
    gpu.name ?? gpu.vendor ?? "not named", known(gpu.total_mib) ? size(gpu.total_mib) : "",
    known(gpu.free_mib) ? `${size(gpu.free_mib)} free at the start` : "", gpu.driver ? `driver ${gpu.driver}` : "",
  ].filter(Boolean).join(", ")]));
  if (!gpus.length) rows.push(["GPU", "no GPU"]);
  (hardware.notes ?? []).forEach((note, index) => rows.push([index ? "" : "Notes", String(note)]));
  showFacts($("hardware"), rows);
}
