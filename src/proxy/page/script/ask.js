
// ---- asking odysseus --------------------------------------------------------------------------------------------

class Refused extends Error {          // it answered, and the answer is no
  constructor(status, message, code = "") {
    super(message);
    Object.assign(this, {status, code});
  }
}

const key = {
  value: "",
  read() { try { this.value = sessionStorage.getItem("odysseus.key") ?? ""; } catch { /* storage is switched off */ } },
  set(value) {
    this.value = value;
    try { value ? sessionStorage.setItem("odysseus.key", value) : sessionStorage.removeItem("odysseus.key"); } catch { /* likewise */ }
    $("forget-key").hidden = !value;
  },
};

async function ask(path, {body, signal = AbortSignal.timeout(k_answer_limit_ms)} = {}) {
  const headers = {};
  const used = key.value;
  if (used) headers.authorization = `Bearer ${used}`;
  if (body !== undefined) headers["content-type"] = "application/json";
  const answer = await fetch(new URL(path, base), {
    method: body === undefined ? "GET" : "POST", headers, signal, cache: "no-store",
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  if (answer.ok) return answer;
  if (answer.status === 401) askForKey(used);
  throw await refusal(answer);
}

// The sentence of an error, in OpenAI's shape if it has one.
async function refusal(answer) {
  const raw = await answer.text().catch(() => "");
  try {
    const error = JSON.parse(raw).error;
    const words = typeof error === "string" ? error : error.message;
    if (typeof words === "string" && words) return new Refused(answer.status, words, String(error.type ?? error.code ?? ""));
  } catch { /* not JSON: a proxy in between, perhaps */ }
  return new Refused(answer.status, `odysseus answered with status ${answer.status} ${answer.statusText}`.trim() +
    (raw && raw.length < 200 && !raw.includes("<") ? `: ${raw}` : ""));
}

function inWords(error) {
  if (error instanceof Refused) return error.message;
  if (error.name === "TimeoutError") return "no answer came in time.";
  return "the connection to odysseus was lost.";
}

// The lines of an answer as they come.
async function* lines(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const {done, value} = await reader.read();
    const found = (rest + (value ?? "")).split("\n");
    rest = done ? "" : found.pop();
    yield* found;
    if (done) return;
  }
}

// The payloads of a stream of server-sent events.
async function* payloads(body) {
  for await (const line of lines(body)) {
    const data = /^(?:data|error):\s*(.*?)\r?$/.exec(line)?.[1];
    if (data) yield data;
  }
}

function parsed(data) {
  try { return JSON.parse(data) ?? {}; } catch { return {}; }
}

function askForKey(used) {
  if (used !== key.value) return;      // another key has been entered since
  text($("key-why"), used ? "The key that was entered is not accepted." : "This odysseus answers only to those who have one of its API keys.");
  if (!$("key-panel").hidden) return;
  $("key-panel").hidden = false;
  $("key").focus();
}

$("key-form").addEventListener("submit", event => {
  event.preventDefault();
  key.set($("key").value.trim());
  $("key").value = "";
  $("key-panel").hidden = true;
  $("prompt").focus();
  wake();
});

$("forget-key").addEventListener("click", () => {
  key.set("");
  location.reload();
});
