
// ---- the poll ---------------------------------------------------------------------------------------------------

let wake = () => {};

function rest(ms) {
  return new Promise(resolve => {
    const timer = Number.isFinite(ms) ? setTimeout(resolve, ms) : undefined;
    wake = () => { clearTimeout(timer); resolve(); };
  });
}

function show(status) {
  latest = status;
  models.planned = Array.isArray(status.models) ? status.models : [];
  noteRun(status);
  showState(status.state ?? "unknown", status.reason);
  showSummary(status);
  showModels();
  showContext(status);
  showTruth(status);
  showHardware(status.hardware);
  showActivity(status);
  showExamples();
}

// A status of a shape that this page cannot draw must not end the poll.
function draw(status) {
  try { show(status); } catch (error) { console.error(error); }
}

async function refreshStatus() {
  draw(await (await ask("odysseus/status")).json());
}

async function poll() {
  let failures = 0;
  for (let turn = 0;; turn += 1) {
    while (document.hidden || !$("key-panel").hidden) await rest(Infinity);
    try {
      await refreshStatus();
      const loading = models.asked.size || models.served.some(entry => entry.status?.value === "loading") || (chat.answer && chat.answer.first === null);
      if (failures || loading || turn % k_models_every === 0) refreshModels();
      refreshLog();
      refreshOffer();
      failures = 0;
    } catch (error) {
      if (error instanceof Refused && error.status === 401) continue;
      failures += 1;
      showState("away", error instanceof Refused ? `odysseus cannot tell its state: ${error.message}` : `odysseus does not answer at ${base.href}`);
    }
    await rest(failures ? k_backoff_ms[Math.min(failures, k_backoff_ms.length) - 1] : k_poll_ms);
  }
}

// What a program of one's own would be written like.
function showExamples() {
  const url = new URL("v1", base).href;
  const model = $("model").value || "MODEL";
  const auth = key.value ? " -H 'Authorization: Bearer YOUR-KEY'" : "";
  text($("example-curl"), `curl ${url}/chat/completions${auth} \\\n  -H 'Content-Type: application/json' \\\n  -d '{"model": ${JSON.stringify(model)},\n       "messages": [{"role": "user",\n                     "content": "Hello"}]}'`);
  text($("example-python"), `from openai import OpenAI\n\nclient = OpenAI(base_url="${url}",\n                api_key="${key.value ? "YOUR-KEY" : "none"}")\nanswer = client.chat.completions.create(\n    model=${JSON.stringify(model)},\n    messages=[{"role": "user",\n               "content": "Hello"}])\nprint(answer.choices[0].message.content)`);
}

$("copy-url").addEventListener("click", () => copy($("base-url").textContent, $("copy-url")));
document.addEventListener("visibilitychange", () => wake());
addEventListener("online", () => wake());
$("retry").addEventListener("click", () => wake());

key.read();
$("forget-key").hidden = !key.value;
text($("base-url"), new URL("v1", base).href);
noteSettings();
showConversations();
if (!narrow.matches) $("prompt").focus();
poll();
