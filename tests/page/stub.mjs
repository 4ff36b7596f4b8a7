// A stand-in for odysseus, for the page alone: it answers what the page asks, in the shapes of docs/manual.md, and
// plays the states that are hard to bring about on purpose. Node's own modules only.
//
// By hand:   node tests/page/stub.mjs build/dev/generated/page.html [PORT]
// plays, over and over: starting, ready, a step down, failed, gone, back.
import {readFileSync} from "node:fs";
import {createServer} from "node:http";
import {setTimeout as pause} from "node:timers/promises";
import {pathToFileURL} from "node:url";

const k_mib = 1024 * 1024;

// Holds an answer back after so many of its words, until release() is called.
export function holdAfter(words) {
  const hold = {after: words};
  hold.open = new Promise(done => { hold.release = done; });
  return hold;
}

const k_hardware = {
  os: "linux", arch: "x64", backend: "cuda", cpu_model: "AMD Ryzen 7 5800X 8-Core Processor", cpu_cores: 8,
  ram_mib: 32768, available_ram_mib: 27120,
  gpus: [{vendor: "nvidia", name: "NVIDIA GeForce RTX 3060", total_mib: 12288, free_mib: 11500, driver: "580.65.06",
    cuda: "13.0", compute_capability: "8.6"}],
  notes: [],
};

const k_models = [
  {id: "Qwen3-8B-Q4_K_M", names: ["qwen3-8b", "Qwen3-8B", "Qwen3-8B-Q4_K_M"], path: "/models/Qwen3-8B-Q4_K_M.gguf",
    size_bytes: 4795 * k_mib, shards: 1, mmproj: null, architecture: "qwen3", trained_context: 40960,
    kv_bytes_per_token: 147456, kv_fixed_bytes: 0},
  {id: "gemma-3-4b-it-Q4_K_M", names: ["gemma-3-4b", "gemma-3-4b-it-Q4_K_M"], path: "/models/gemma-3-4b-it-Q4_K_M.gguf",
    size_bytes: 2374 * k_mib, shards: 1, mmproj: "/models/mmproj-gemma-3-4b-it-f16.gguf", architecture: "gemma3",
    trained_context: 131072, kv_bytes_per_token: 20480, kv_fixed_bytes: 120 * k_mib},
];

// Of a machine where nobody has put a model yet.
const k_toys = [{id: "odysseus-toy", names: ["odysseus-toy"], path: "/data/odysseus-toy.gguf", size_bytes: 300000, shards: 1,
  mmproj: null, architecture: "llama", trained_context: 4096, kv_bytes_per_token: 1024, kv_fixed_bytes: 0}];

const k_starters = [
  {title: "Small 1B", use: "quick answers on any machine", name: "org/Small-1B-GGUF:Q4_K_M", size_bytes: 800 * k_mib, fits: "yes", recommended: false},
  {title: "Middle 8B", use: "general conversation", name: "org/Middle-8B-GGUF:Q4_K_M", size_bytes: 4900 * k_mib, fits: "yes", recommended: true},
  {title: "Large 20B", use: "code and hard questions", name: "org/Large-20B-GGUF:Q4_K_M", size_bytes: 12000 * k_mib, fits: "partly", recommended: false},
  {title: "Huge 70B", use: "the best answers", name: "org/Huge-70B-GGUF:Q4_K_M", size_bytes: 40000 * k_mib, fits: "no", recommended: false},
];

function context(tokens, reason) {
  return {tokens, source: "auto", available_mib: 11500, largest_model_mib: 4795, overhead_mib: 2560,
    kv_mib_per_4096: 576, parallel: 1, estimated_max_tokens: 29468, reason, start_tokens: tokens};
}

export class Stub {
  constructor({html, csp, keys = [], toy = false}) {
    Object.assign(this, {html, csp, keys, toy, port: 0, asked: [], faults: [], sockets: new Set()});
    this.pulling = {steps: 20, delay_ms: 20, held: null, cancelled: false, name: null};
    this.offersModels = true;
    this.logOffered = true;
    this.chat = {words: "Sing to me of the man, Muse, the man of twists and turns.", delay_ms: 15};
    this.start();
  }

  // What a new process of odysseus knows.
  start() {
    this.started = Date.now();
    this.lines = ["odysseus 0.1.0", "llama-server is starting with a context of 24576"];
    this.models = this.toy ? k_toys : k_models;
    this.values = new Map(this.models.map(model => [model.id, {value: "unloaded"}]));
    this.status = {
      version: "0.1.0", state: "starting", generation: 1,
      context: context(24576, "11.2 GiB of GPU memory are free, and the largest model leaves 4.0 GiB for the context."),
      hardware: k_hardware, build: {source: "ggml-org/llama.cpp", tag: "b11669", installed: true}, models: this.models,
      llama_server: {pid: 4242, port: 10086}, restarts: 0, oom_steps: 0, requests: {total: 0, active: 0, replayed: 0},
    };
  }

  ready() {
    this.set({state: "ready", reason: undefined});
    this.lines.push("llama-server is ready");
  }

  // A memory failure: one rung down, and llama-server started again.
  stepDown() {
    this.set({state: "ready", generation: this.status.generation + 1, oom_steps: this.status.oom_steps + 1,
      context: {...this.status.context, tokens: 16384, reason: "16384 tokens: memory ran out with more; the start was with 24576"}});
    this.status.requests.replayed += 1;
    this.lines.push("memory failure at 24576: ggml_cuda: failed to allocate buffer of size 3623878656", "the context is 16384 now");
  }

  fail() {
    this.set({state: "failed", reason: "llama-server ended 5 times in 60 s; its last line was: error loading model."});
    this.lines.push("giving up after 5 restarts");
  }

  set(fields) {
    Object.assign(this.status, fields);
  }

  // ---- the port: there, gone, back at the same place ----

  async listen(port = this.port) {
    this.server = createServer((request, response) => this.answer(request, response).catch(error => {
      if (!response.destroyed) this.faults.push(error);
    }));
    this.server.on("connection", socket => {
      this.sockets.add(socket);
      socket.on("close", () => this.sockets.delete(socket));
    });
    await new Promise((done, failed) => this.server.once("error", failed).listen(port, "127.0.0.1", done));
    this.port = this.server.address().port;
    return `http://127.0.0.1:${this.port}`;
  }

  async gone() {
    const closed = new Promise(done => this.server.close(done));
    for (const socket of this.sockets) socket.destroy();
    await closed;
  }

  async back() {
    this.start();
    await this.listen();
  }

  // ---- the answers ----

  async answer(request, response) {
    const url = new URL(request.url, "http://stub");
    this.asked.push(`${request.method} ${url.pathname}`);
    if (url.pathname === "/odysseus") return this.page(response);
    if (this.keys.length && !this.keys.includes((request.headers.authorization ?? "").replace("Bearer ", "")))
      return refuse(response, 401, "invalid_api_key", "This odysseus answers only with one of its API keys.");
    switch (`${request.method} ${url.pathname}`) {
    case "GET /odysseus/status":
      return send(response, {...this.status, uptime_s: (Date.now() - this.started) / 1000});
    case "GET /v1/models": return send(response, this.list());
    case "GET /odysseus/log": return this.log(response, Number(url.searchParams.get("after") ?? 0));
    case "GET /odysseus/pull":
      if (!this.offersModels) return refuse(response, 404, "not_found", "There is nothing here.");
      return send(response, {offline: false, starters: k_starters});
    case "POST /odysseus/pull": return this.pull(response, await body(request));
    case "POST /models/load": return this.load(response, await body(request), true);
    case "POST /models/unload": return this.load(response, await body(request), false);
    case "POST /v1/chat/completions": return this.complete(response, await body(request));
    default: return refuse(response, 404, "not_found", "There is nothing here.");
    }
  }

  page(response) {
    response.writeHead(200, {"content-type": "text/html; charset=utf-8", "content-security-policy": this.csp,
      "x-content-type-options": "nosniff", "referrer-policy": "no-referrer", "cache-control": "no-cache"});
    response.end(this.html);
  }

  list() {
    return {object: "list", data: this.models.map(model => ({id: model.id, aliases: model.names, object: "model",
      owned_by: "odysseus", created: 1767225600, status: this.values.get(model.id),
      architecture: {input_modalities: model.mmproj ? ["text", "image"] : ["text"], output_modalities: ["text"]}}))};
  }

  log(response, after) {
    if (!this.logOffered) return refuse(response, 404, "not_found", "There is nothing here.");
    send(response, {next: this.lines.length, lines: this.lines.slice(after)});
  }

  // A download in steps; `held` after so many of them until it is released.
  async pull(response, {model}) {
    const {steps, delay_ms, held, refusal} = this.pulling;
    this.pulling.name = model;
    if (refusal) return refuse(response, 400, "invalid_value", refusal);
    response.on("close", () => { this.pulling.cancelled ||= !response.writableEnded; });
    response.writeHead(200, {"content-type": "application/x-ndjson"});
    const line = value => response.write(`${JSON.stringify(value)}\n`);
    const total = 4900 * k_mib;
    for (let step = 0; step <= steps && !response.destroyed; step += 1) {
      if (step === held?.after) await held.open;
      line({state: "fetching", title: model, file: "model.gguf", bytes: Math.round(total * step / steps), total});
      await pause(delay_ms);
    }
    if (response.destroyed) return;
    if (this.pulling.failure) return response.end(`${JSON.stringify({error: {message: this.pulling.failure, type: "network"}})}\n`);
    this.models = k_models;
    this.values = new Map(this.models.map(one => [one.id, {value: "unloaded"}]));
    this.set({models: this.models});
    line({state: "done", title: model, names: ["gemma-3-4b"]});
    response.end();
  }

  async load(response, {model}, wanted) {
    if (!this.values.has(model)) return refuse(response, 404, "model_not_found", `There is no model “${model}”.`);
    if (wanted && this.refuseLoad) return refuse(response, 503, "model_load_failed", this.refuseLoad);
    send(response, {success: true});
    if (wanted) {
      for (const id of this.values.keys()) this.values.set(id, {value: "unloaded"});
      this.values.set(model, {value: "loading"});
      await pause(400);
    }
    this.values.set(model, {value: wanted ? "loaded" : "unloaded"});
  }

  async complete(response, request) {
    this.status.requests.total += 1;
    this.lastChat = request;
    const {words, delay_ms, refusal, cut, hold, thoughts, finish = "stop"} = this.chat;
    if (refusal) return refuse(response, refusal.status, refusal.type ?? "context_out_of_memory", refusal.message);
    this.status.requests.active += 1;
    const named = this.models.find(model => model.names.includes(request.model)) ?? this.models[0];
    this.values.set(named.id, {value: "loaded"});
    response.writeHead(200, {"content-type": "text/event-stream"});
    const event = value => response.write(`data: ${JSON.stringify(value)}\n\n`);
    event({choices: [{index: 0, delta: {role: "assistant", content: null}, finish_reason: null}]});
    if (thoughts) event({choices: [{index: 0, delta: {reasoning_content: thoughts}, finish_reason: null}]});
    const pieces = words.split(/(?<= )/);
    for (const [number, word] of [...pieces, ""].entries()) {
      if (response.destroyed) break;
      if (number === hold?.after) await hold.open;
      if (!word) break;
      event({choices: [{index: 0, delta: {content: word}, finish_reason: null}]});
      await pause(delay_ms);
    }
    this.status.requests.active -= 1;
    if (cut) return response.destroy();
    event({choices: [{index: 0, delta: {}, finish_reason: finish}]});
    event({choices: [], usage: {completion_tokens: words.split(" ").length, prompt_tokens: this.chat.prompt_tokens ?? 9}, timings: {predicted_per_second: 61.7}});
    response.end("data: [DONE]\n\n");
  }
}

function send(response, value, status = 200) {
  response.writeHead(status, {"content-type": "application/json"});
  response.end(JSON.stringify(value));
}

function refuse(response, status, code, message) {
  send(response, {error: {message, type: code, param: null, code}}, status);
}

async function body(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return JSON.parse(Buffer.concat(chunks).toString("utf8"));
}

// The page as the build made it, with the policy that belongs to it.
export function builtPage(html) {
  return {html: readFileSync(html), csp: readFileSync(html.replace(/\.html$/, ".csp"), "utf8")};
}

async function play(html, port) {
  const stub = new Stub(builtPage(html));
  console.log(`open ${await stub.listen(port)}/odysseus`);
  for (;;) {
    for (const [words, step] of [
      ["ready", () => stub.ready()],
      ["a step down", () => stub.stepDown()],
      ["failed", () => stub.fail()],
      ["gone", () => stub.gone()],
      ["back, starting", () => stub.back()],
    ]) {
      await pause(8000);
      console.log(words);
      await step();
    }
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) await play(process.argv[2], Number(process.argv[3] ?? 9090));
