
// ---- getting a model ---------------------------------------------------------------------------------------------
// GET /odysseus/pull: what there is to choose from here; POST: fetches one, a line of JSON for each step. Whoever ends
// the request ends the download; what has come is kept, and the next try goes on from there.

const get = {offer: null, asked: false, shown: false, stop: null};

async function refreshOffer() {
  if (get.asked) return;
  get.asked = true;
  try {
    get.offer = await (await ask("odysseus/pull")).json();
  } catch (error) {
    get.asked = error instanceof Refused && error.status === 404;  // an odysseus that offers none
  }
  showGet();
}

function showGet() {
  const offered = get.offer !== null;
  const first = offered && latest.state !== undefined && onlyToy();
  $("get").hidden = !offered || !(get.shown || (first && !chat.current));
  $("get-close").hidden = !get.shown;
  $("get-more").hidden = !offered;
  $("get-toy").hidden = !first;
  $("welcome").hidden = Boolean(chat.current) || !$("get").hidden;
  text($("get-title"), first ? "Get your first model" : "Get a model");
  if (!offered || $("get").hidden) return;
  const list = Array.isArray(get.offer.starters) ? get.offer.starters : [];
  keep($("starters"), list, one => one.name, makeStarter, updateStarter);
  $("get-form").querySelector("button").disabled = Boolean(get.stop) || get.offer.offline === true;
  if (get.offer.offline) text($("get-fault"), "odysseus runs with --offline: put a .gguf file into the models folder instead.");
}

function makeStarter(one) {
  const button = make("button", {type: "button"}, "Download");
  button.addEventListener("click", () => pull(one.name, one.title));
  return make("li", {}, make("strong", {class: "break"}), make("span", {class: "use small soft"}), make("span", {class: "mark small"}), button);
}

function updateStarter(node, one) {
  node.toggleAttribute("data-recommended", one.recommended === true);
  text(node.children[0], one.title ?? one.name);
  text(node.children[1], one.use ?? "");
  const mark = node.querySelector(".mark");
  mark.dataset.fits = one.fits ?? "";
  text(mark, [known(one.size_bytes) ? size(one.size_bytes / k_mib) : "", k_fits[one.fits] ?? "", one.recommended ? "recommended" : ""].filter(Boolean).join(" · "));
  const button = node.querySelector("button");
  button.className = one.recommended ? "main" : "";
  button.setAttribute("aria-label", `Download ${one.title ?? one.name}`);
  button.disabled = Boolean(get.stop) || one.fits === "no" || get.offer.offline === true;
}

async function pull(name, title = name) {
  if (get.stop) return;
  const stop = get.stop = new AbortController();
  text($("get-fault"), "");
  showDownload({title});
  showGet();
  $("download-cancel").focus();
  try {
    const answer = await ask("odysseus/pull", {body: {model: name}, signal: stop.signal});
    await followPull(answer, title);
  } catch (error) {
    const kept = "What was fetched is kept; the next try goes on from there.";
    text($("get-fault"), stop.signal.aborted ? `Stopped. ${kept}` : `${title} was not downloaded: ${inWords(error)}`);
    announce($("get-fault").textContent);
    get.shown = true;
  }
  get.stop = null;
  $("download").hidden = true;
  showGet();
}

async function followPull(answer, title) {
  const speed = new Rate(5000);
  let done = null;
  for await (const line of lines(answer.body)) {
    if (!line.trim()) continue;
    const step = parsed(line);
    if (step.error) throw new Refused(500, step.error.message ?? "the download failed.");
    if (step.state === "done") done = step;
    showDownload({...step, title}, known(step.bytes) ? speed.take(step.bytes) : 0);
  }
  if (!done) throw new TypeError("it ended early");
  get.shown = false;
  const names = Array.isArray(done.names) ? done.names : [];
  chooseModel(names[0] ?? title);
  announce(`${title} was downloaded.`);
  await Promise.all([refreshStatus(), refreshModels()]);
  $("prompt").focus();
}

function showDownload({title, state, file, bytes, total, reason}, speed = 0) {
  $("download").hidden = false;
  text($("download-what"), `Downloading ${title}`);
  const bar = $("download-bar");
  if (known(bytes) && known(total) && total > 0) bar.value = Math.min(1, bytes / total);
  else bar.removeAttribute("value");
  const left = speed > 0 && known(total) ? (total - bytes) / speed : null;
  text($("download-facts"), state === "checking" ? `checking ${file ?? "the file"} …` : !known(bytes) ? "looking for it …" : [
    `${size(bytes / k_mib)}${known(total) && total > 0 ? ` of ${size(total / k_mib)} (${Math.floor(100 * bytes / total)}%)` : ""}`,
    speed > 0 ? `${size(speed / k_mib)}/s` : "", left !== null && left > 0 ? `${duration(left)} left` : "", "keep this page open",
  ].filter(Boolean).join(" · "));
}

$("download-cancel").addEventListener("click", () => get.stop?.abort());

$("get-form").addEventListener("submit", event => {
  event.preventDefault();
  // An address of a repository's page is its name too.
  const name = $("get-name").value.trim().replace(/^https?:\/\/(?:www\.)?(?:huggingface\.co|hf\.co)\/([^/]+\/[^/?#]+)\/?$/, "$1");
  if (name) pull(name);
});

$("get-more").addEventListener("click", () => {
  get.shown = true;
  if (narrow.matches) statusDrawer.show(false);
  showGet();
  $("talk").scrollTop = 0;
  $("get-name").focus();
});

$("get-close").addEventListener("click", () => {
  get.shown = false;
  showGet();
  $("prompt").focus();
});

addEventListener("beforeunload", event => { if (get.stop) event.preventDefault(); });
