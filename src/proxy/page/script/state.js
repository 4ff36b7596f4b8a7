
// ---- state ------------------------------------------------------------------------------------------------------

const k_states = {
  ready: {},
  starting: {title: "Starting", reason: "llama-server is being started.",
    remedy: "Nothing to do. The first start takes longer: a build of llama.cpp is downloaded for this machine. Requests wait until it is ready."},
  restarting: {title: "Restarting", reason: "llama-server is being started again.",
    remedy: "Nothing to do. Requests that come now wait until it is ready."},
  stopping: {title: "Stopping", reason: "odysseus is shutting down.",
    remedy: "Start odysseus again when you need it; this page notices by itself."},
  failed: {title: "llama-server does not run", reason: "llama-server cannot be kept running.", bad: true,
    remedy: "In a terminal, “odysseus doctor” says what is wrong on this machine and how to mend it. If it began with a new build of llama.cpp, “odysseus backend rollback” goes back to the one before."},
  away: {title: "Not reachable", bad: true,
    remedy: "If it was stopped, start it again. This page keeps trying and comes back by itself."},
};

const statusDrawer = new Drawer("status", "open-status");
let latest = {};                      // the last status that came

function showState(state, reason) {
  const pill = $("state");
  const facts = k_states[state] ?? {title: state, reason: "", remedy: ""};
  const changed = pill.dataset.state !== state;
  pill.dataset.state = state;
  text(pill, state === "away" ? "not reachable" : state);
  document.title = state === "ready" ? "odysseus" : `${pill.textContent} · odysseus`;
  $("notice").hidden = state === "ready" || state === "unknown";
  $("notice").classList.toggle("bad", Boolean(facts.bad));
  $("retry").hidden = state !== "away";
  $("copy-report").hidden = state !== "failed";
  text($("notice-title"), facts.title ?? "");
  text($("notice-reason"), reason || facts.reason || "");
  text($("notice-remedy"), facts.remedy ?? "");
  showLastError();
  if (changed) announce(`odysseus is ${pill.textContent}. ${reason || facts.reason || ""}`);
}

// The last line that llama-server wrote as an error, where the state alone does not say it.
function showLastError() {
  const failed = $("state").dataset.state === "failed";
  const line = failed ? log.lines.findLast(one => /(^|\s)E\s|\berror\b|failed|fatal/i.test(one)) : undefined;
  const words = line?.replace(/^[\d.:\s]*E\s+/, "").trim();
  $("notice-error").hidden = !words || $("notice-reason").textContent.includes(words);
  if (words) text($("notice-error").firstElementChild, words);
}

// What one would paste into a question for help: no key, no conversation.
function report() {
  return [
    `odysseus ${latest.version ?? ""}, llama.cpp ${latest.build?.tag ?? "not known"}, ${$("state").textContent}`,
    `reason: ${latest.reason ?? "none"}`,
    `machine: ${JSON.stringify(latest.hardware ?? null)}`,
    `context: ${JSON.stringify(latest.context ?? null)}`,
    `models: ${knownModels().map(model => `${model.id} (${model.architecture ?? "?"}, ${known(model.size_bytes) ? size(model.size_bytes / k_mib) : "?"})`).join(", ")}`,
    "log of llama-server:", ...log.lines.slice(-60), "",
  ].join("\n");
}

$("copy-report").addEventListener("click", () => copy(report(), $("copy-report")));

const run = {version: undefined, uptime_s: 0};

// An uptime that fell means another run of odysseus: what was remembered of the one before is over.
function noteRun(status) {
  if (!known(status.uptime_s)) return;
  if (status.uptime_s < run.uptime_s) {
    Object.assign(log, {after: 0, lines: [], offered: true});
    seen.dropped.clear();
    seen.steps = 0;
  }
  run.uptime_s = status.uptime_s;
}

const k_backends = {cpu: "CPU", cuda: "NVIDIA GPU (CUDA)", rocm: "AMD GPU (ROCm)", vulkan: "GPU (Vulkan)", metal: "GPU (Metal)"};

function showSummary(status) {
  const parts = [];
  if (status.version) parts.push(`odysseus version ${status.version}`);
  if (known(status.uptime_s)) parts.push(`up ${duration(status.uptime_s)}`);
  if (status.hardware?.backend) parts.push(k_backends[status.hardware.backend] ?? status.hardware.backend);
  text($("summary"), parts.join(" · "));
  run.version ??= status.version;
  $("newer").hidden = !status.version || status.version === run.version;
  const server = status.llama_server ?? {};
  const source = {"ggml-org/llama.cpp": "official build", import: "imported"}[status.build?.source] ?? status.build?.source;
  text($("build"), [
    status.build?.tag ? `llama.cpp ${status.build.tag}${source ? ` (${source})` : ""}` : "",
    server.pid ? `process ${server.pid}, port ${server.port}` : "",
    known(status.generation) && status.generation > 1 ? `started ${status.generation} times` : "",
  ].filter(Boolean).join(" · "));
}
