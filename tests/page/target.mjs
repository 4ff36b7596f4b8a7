// What the page test runs against: the stand-in, or the real odysseus with a real llama-server.
import {execFile, execFileSync, spawn} from "node:child_process";
import {mkdirSync, mkdtempSync, rmSync} from "node:fs";
import {createServer} from "node:net";
import {tmpdir} from "node:os";
import {join} from "node:path";
import {setTimeout as pause} from "node:timers/promises";
import {fileURLToPath} from "node:url";
import {promisify} from "node:util";
import {Stub, builtPage} from "./stub.mjs";

const k_start_limit_ms = 90000;
const k_stop_limit_ms = 20000;
const k_e2e = fileURLToPath(new URL("../e2e", import.meta.url));

export class StubTarget {
  constructor(options = {}) {
    this.stub = new Stub({...builtPage(needed("ODYSSEUS_PAGE_HTML")), ...options});
  }

  async start() {
    this.url = await this.stub.listen();
    this.stub.ready();
  }

  gone() { return this.stub.gone(); }

  async back() {
    await this.stub.back();
    this.stub.ready();
  }

  async end() { if (this.stub.server.listening) await this.stub.gone(); }
}

// odysseus in a HOME of its own, with a model that says fixed words. With `memory_kib` it may have that much address space,
// and the largest context of its model does not fit into it.
export class RealTarget {
  constructor({memory_kib} = {}) {
    this.memory_kib = memory_kib;
  }

  async start() {
    this.home = mkdtempSync(join(tmpdir(), "odysseus-page-"));
    this.writeModel();
    [this.port, this.llamaPort] = [await freePort(), await freePort()];
    this.url = `http://127.0.0.1:${this.port}`;
    await this.back();
  }

  async back() {
    this.output = "";
    const command = [needed("ODYSSEUS_BINARY"), "--home", this.home, "--port", String(this.port), "--llama-port",
      String(this.llamaPort), "--llama-server", needed("ODYSSEUS_E2E_LLAMA_SERVER"), "--offline"];
    this.child = spawn("sh", ["-c", 'ulimit -v "$0" && exec "$@"', this.memory_kib ?? "unlimited", ...command],
      {stdio: ["ignore", "pipe", "pipe"]});
    this.ended = new Promise(done => this.child.once("exit", done));
    for (const stream of [this.child.stdout, this.child.stderr]) stream.on("data", data => { this.output += data; });
    const limit = Date.now() + k_start_limit_ms;
    while (!await isHealthy(this.url)) {
      if (this.child.exitCode !== null) throw new Error(`odysseus ended with ${this.child.exitCode}:\n${this.output}`);
      if (Date.now() > limit) throw new Error(`odysseus was not ready in ${k_start_limit_ms} ms:\n${this.output}`);
      await pause(100);
    }
  }

  writeModel() {
    // 64 KiB of cache a token: 2 GiB for 32,768 of them.
    const shape = this.memory_kib ? "layers=16, heads=8, kv_heads=8, head_dim=128" : "";
    const models = join(this.home, "models");
    mkdirSync(models);
    execFileSync("python3", ["-B", "-c", "import sys; sys.path.insert(0, sys.argv[1]); import gguf; " +
      `gguf.write_model(sys.argv[2], name='words', ${shape})`, k_e2e, join(models, "words.gguf")]);
  }

  async gone() {
    if (this.child.exitCode !== null) return;
    this.child.kill("SIGINT");
    const late = setTimeout(() => this.child.kill("SIGKILL"), k_stop_limit_ms);
    await this.ended;
    clearTimeout(late);
  }

  async end() {
    if (this.child) await this.gone();
    if (this.home) rmSync(this.home, {recursive: true, force: true});
  }
}

// Asked with curl: node's own fetch() takes framings that curl refuses.
function isHealthy(url) {
  const command = ["--silent", "--fail", "--noproxy", "*", "--max-time", "20", "--output", "-", `${url}/health`];
  return promisify(execFile)("curl", command).then(() => true, () => false);
}

export function needed(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set; tests/page/CMakeLists.txt says what this test needs`);
  return value;
}

// As free_port() of tests/e2e/harness.py: whoever listens on 127.0.0.77 may use the port of the same number on 127.0.0.1.
async function freePort() {
  for (;;) {
    const port = 20000 + Math.floor(Math.random() * 12000);
    const lock = await listening(port, "127.0.0.77");
    const probe = lock && await listening(port, "127.0.0.1");
    if (probe) {
      await new Promise(done => probe.close(done));
      lock.unref(); // held as long as this process lives
      return port;
    }
    lock?.close();
  }
}

function listening(port, host) {
  return new Promise(done => {
    const server = createServer().once("error", () => done(null)).listen(port, host, () => done(server));
  });
}
