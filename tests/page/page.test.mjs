// The page in a real, headless Chromium. With ODYSSEUS_BINARY set it runs against that odysseus and a real
// llama-server, and leaves out what only the stand-in can bring about; without, against the stand-in.
import assert from "node:assert/strict";
import {existsSync, mkdtempSync, readFileSync, rmSync} from "node:fs";
import {createRequire} from "node:module";
import {tmpdir} from "node:os";
import {join} from "node:path";
import {after, before, test} from "node:test";
import {RealTarget, StubTarget, needed} from "./target.mjs";

const modules = createRequire(join(needed("ODYSSEUS_PAGE_MODULES"), "package.json"));
const {chromium} = modules("playwright-core");
const axe = readFileSync(modules.resolve("axe-core/axe.min.js"), "utf8");

const real = Boolean(process.env.ODYSSEUS_BINARY);
// What only the one or the other can bring about is no test of the other run.
const standInTest = real ? () => {} : test;
const realTest = real ? test : () => {};
const k_wait_ms = real ? 60000 : 20000;
const k_wide = {viewport: {width: 1280, height: 900}};
const k_phone = {viewport: {width: 360, height: 740}, deviceScaleFactor: 2, isMobile: true, hasTouch: true};

let browser;
let profile;

before(async () => {
  const executablePath = process.env.ODYSSEUS_CHROMIUM ?? "/usr/bin/chromium";
  assert.ok(existsSync(executablePath), `${executablePath} is not there: install Debian's chromium, or set ODYSSEUS_CHROMIUM`);
  // Chromium writes crash reports and settings below HOME: a folder of this test's own.
  profile = mkdtempSync(join(tmpdir(), "odysseus-chromium-"));
  browser = await chromium.launch({executablePath, env: {...process.env, HOME: profile}, args: ["--no-sandbox", "--disable-gpu",
    "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"]});
});

after(async () => {
  await browser?.close();
  if (profile) rmSync(profile, {recursive: true, force: true});
});

// Runs `steps` with an odysseus and a way to open its page. Afterwards nothing may have asked another origin, and
// the console must be empty but for what `allowed` names.
async function visit({allowed, ...options}, steps) {
  const target = real ? new RealTarget(options) : new StubTarget(options);
  const contexts = [];
  const [outside, faults] = [[], []];
  const open = async settings => {
    const context = await browser.newContext(settings);
    contexts.push(context);
    context.setDefaultTimeout(k_wait_ms);
    context.on("request", request => {
      const url = new URL(request.url());
      if (url.origin !== target.url && url.protocol !== "data:") outside.push(request.url());
    });
    const page = await context.newPage();
    page.on("console", message => {
      if (["error", "warning"].includes(message.type()) && !allowed?.test(message.text())) faults.push(`${message.text()} ${message.location().url}`);
    });
    page.on("pageerror", error => faults.push(String(error)));
    await page.goto(`${target.url}/odysseus`);
    return page;
  };
  try {
    await target.start();
    await steps(open, target);
    assert.deepEqual(outside, [], "requests that left the origin");
    assert.deepEqual(faults, [], "what the console said");
    assert.deepEqual(target.stub?.faults ?? [], [], "faults of the stand-in");
  } finally {
    for (const context of contexts) await context.close();
    await target.end();
  }
}

// Waits until the text of `selector` matches.
async function shows(page, selector, pattern) {
  try {
    await page.waitForFunction(([where, source]) => [...document.querySelectorAll(where)].some(node =>
      node.checkVisibility() && new RegExp(source, "s").test(node.textContent)), [selector, pattern.source]);
  } catch (error) {
    const found = await page.locator(selector).allTextContents();
    throw new Error(`${selector} never showed ${pattern}; it shows ${JSON.stringify(found)}`, {cause: error});
  }
}

const state = (page, word) => shows(page, "#state", new RegExp(`^${word}$`));

async function say(page, words) {
  await page.fill("#prompt", words);
  await page.press("#prompt", "Enter");
}

async function accessible(page, what) {
  await page.evaluate(axe);
  const {violations, passes} = await page.evaluate(() => window.axe.run(document, {runOnly: {type: "tag",
    values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}}));
  assert.ok(passes.length > 20, `${what}: axe looked at nothing`);
  assert.deepEqual(violations.map(one => `${one.id}: ${one.nodes.map(node => node.html).join(" ")}`), [], `axe, ${what}`);
}

test("it loads and says what runs here", async () => {
  await visit({}, async open => {
    const page = await open(k_wide);
    await state(page, "ready");
    await shows(page, "#summary", /version \S+ · up /);
    await shows(page, "#ladder li[aria-current]", /in use/);
    assert.equal(await page.locator("#ladder li[aria-current]").count(), 1);
    await shows(page, "#models .model .state", /loaded/);
    await shows(page, "#hardware", /System.*Memory/);
    await page.waitForFunction(() => document.querySelector("#requests-plot polyline").getAttribute("points").split(" ").length > 1);
    assert.match(await page.getAttribute("#requests-plot", "aria-label"), /now [\d.]+, highest [\d.]+$/);
  });
});

standInTest("it shows the memory as a bar that adds up", async () => {
  await visit({}, async open => {
    const page = await open(k_wide);
    await shows(page, "#legend", /weights 4.7 GiB.*KV cache 3.4 GiB.*overhead 2.5 GiB.*free 689 MiB/);
    assert.match(await page.getAttribute("#bar", "aria-label"), /weights 4.7 GiB, KV cache 3.4 GiB, overhead 2.5 GiB, free 689 MiB/);
    const [whole, parts] = await page.$eval("#bar", bar => [bar.clientWidth,
      [...bar.children].map(part => part.getBoundingClientRect().width)]);
    assert.ok(Math.abs(parts.reduce((a, b) => a + b) + 6 - whole) < 2, `${parts} of ${whole}`);
    assert.ok(Math.abs(parts[0] / whole - 4795 / 11500) < 0.02, `weights: ${parts[0]} of ${whole}`);
  });
});

test("it chats: words appear as they come, Enter sends, Shift+Enter does not", async () => {
  await visit({}, async (open, target) => {
    const page = await open(k_wide);
    await state(page, "ready");
    if (!real) target.stub.chat.delay_ms = 150;
    await page.fill("#prompt", "first line");
    await page.press("#prompt", "Shift+Enter");
    await page.keyboard.type("second line");
    assert.equal(await page.inputValue("#prompt"), "first line\nsecond line");
    await page.press("#prompt", "Enter");
    await shows(page, ".turn.mine .said", /^first line\nsecond line$/);
    if (real) return heardFromReal(page);
    await shows(page, ".turn.theirs .said", /\S/);
    await page.waitForSelector("#stop:not([hidden])");
    assert.doesNotMatch(await page.textContent(".turn.theirs .said"), /turns\.$/, "the answer came in one piece");
    await shows(page, ".turn.theirs .said", /^Sing to me .* turns\.$/);
    await shows(page, ".turn.theirs .facts", /13 tokens · 62 a second/);
    await shows(page, ".turn.theirs .facts", /qwen3-8b$/);
    assert.equal(target.stub.lastChat.model, "qwen3-8b");
    await shows(page, "#tokens-top", /highest (?!0$)/);
    await say(page, "and then?");
    await page.waitForFunction(() => document.querySelectorAll(".turn.theirs .facts").length === 2);
    assert.deepEqual(target.stub.lastChat.messages.map(message => message.role), ["user", "assistant", "user"]);
    await page.click("#new-chat");
    assert.equal(await page.locator(".turn").count(), 0);
  });
});

// A model of random weights may end at once, so it is asked again; or go on until the context is full.
async function heardFromReal(page) {
  for (let asked = 1; asked < 10; asked += 1) {
    await page.waitForFunction(() => document.querySelector(".turn:last-child .said").textContent.length > 2 ||
      document.querySelector("#stop").hidden);
    if (await page.isVisible("#stop")) await page.press("body", "Escape");
    await page.waitForSelector("#send:not([hidden])");
    if (await page.locator(".turn.theirs .facts").count()) break;
    await shows(page, ".turn:last-child .fault", /nothing to say|Stopped/);
    await say(page, `hello ${asked}`);
  }
  await shows(page, ".turn.theirs .facts", /\d+ tokens/);
  await shows(page, "#counts", /[1-9]\d* requests?/);
}

standInTest("an answer can be stopped", async () => {
  await visit({}, async (open, target) => {
    const page = await open(k_wide);
    await state(page, "ready");
    target.stub.chat = {words: "on and ".repeat(2000), delay_ms: 10};
    await say(page, "go on");
    await shows(page, ".turn.theirs .said", /on and on/);
    await page.click("#stop");
    await shows(page, ".turn.theirs .fault", /^Stopped\.$/);
    assert.equal(await page.evaluate(() => document.activeElement.id), "prompt");
    target.stub.chat = {words: "well.", delay_ms: 1};
    await say(page, "again");
    await shows(page, ".turn.theirs .said", /^well\.$/);
  });
});

standInTest("errors are told in words, and the question can be sent again", async () => {
  await visit({allowed: /status of 503|ERR_INCOMPLETE_CHUNKED_ENCODING/}, async (open, target) => {
    const page = await open(k_wide);
    await state(page, "ready");
    const words = target.stub.chat.words;
    target.stub.chat.refusal = {status: 503, message: "No context fits: 4.7 GiB were asked for, 2.1 GiB were free."};
    await say(page, "hello");
    await shows(page, ".turn .fault", /^No answer: No context fits: 4\.7 GiB were asked for, 2\.1 GiB were free\.$/);
    assert.equal(await page.inputValue("#prompt"), "hello");
    target.stub.chat = {words, delay_ms: 1, cut: true};
    await page.press("#prompt", "Enter");
    await shows(page, ".turn .fault", /^No further answer: the connection to odysseus was lost\.$/);
    target.stub.chat = {words, delay_ms: 1};
    await say(page, "hello again");
    await shows(page, ".turn .facts", /13 tokens/);
    assert.equal(target.stub.lastChat.messages[0].content, "hello");
  });
});

standInTest("what a model says and what it is called stays text", async () => {
  await visit({}, async (open, target) => {
    const markup = "<img src=/nope onerror=alert(1)><script>alert(2)</script>";
    target.stub.chat = {words: markup, delay_ms: 1};
    target.stub.status.models = [{id: markup, names: [markup], size_bytes: 1024}];
    target.stub.status.context.reason = markup;
    target.stub.lines.push(`\u001b[31m${markup}\u001b[0m`);
    const page = await open(k_wide);
    await say(page, markup);
    await page.waitForSelector(".turn .facts");
    for (const where of [".turn.theirs .said", "#models .name", "#context-reason"])
      assert.equal((await page.locator(where).textContent()).trim(), markup);
    assert.equal(await page.locator("#model option").textContent(), markup);
    await shows(page, "#log", /\n<img src=\/nope onerror=alert\(1\)><script>alert\(2\)<\/script>$/);
    assert.equal(await page.locator("img").count(), 0);
    assert.ok(!target.stub.asked.includes("GET /nope"));
  });
});

test("a model is loaded and unloaded by its switch", async () => {
  await visit({}, async open => {
    const page = await open(k_wide);
    await state(page, "ready");
    const last = page.locator("#models .model").last();
    const button = last.getByRole("switch");
    const name = await last.locator(".name").textContent();
    await shows(page, "#models .model:last-child .state", /^not loaded$/);
    await button.press("Space");
    await shows(page, "#models .model:last-child .state", /^loaded$/);
    assert.equal(await button.getAttribute("aria-checked"), "true");
    assert.ok(await button.evaluate(node => node === document.activeElement), "the switch lost the focus");
    await shows(page, "#model", / \(loaded\)/);
    await shows(page, "#memory-caption", /^With .* loaded and/);
    assert.equal(await page.inputValue("#model"), name);
    await button.press("Space");
    await shows(page, "#models .model:last-child .state", /^not loaded$/);
    assert.equal(await button.getAttribute("aria-checked"), "false");
  });
});

standInTest("a model that cannot be loaded says why", async () => {
  await visit({allowed: /status of 503/}, async (open, target) => {
    const page = await open(k_wide);
    target.stub.refuseLoad = "the file is damaged.";
    await page.getByRole("switch").first().click();
    await shows(page, "#models-fault", /^qwen3-8b could not be loaded: the file is damaged\.$/);
    await shows(page, "#models .model:first-child .state", /^not loaded$/);
  });
});

standInTest("a step down shows while it happens", async () => {
  await visit({}, async (open, target) => {
    const page = await open(k_wide);
    await shows(page, "#context-now", /^24,576 tokens$/);
    await shows(page, "#ladder li[aria-current]", /24,576.*in use/);
    assert.doesNotMatch(await page.textContent("#context-steps"), /Stepped down/);
    target.stub.set({state: "restarting", reason: "Memory was short; trying a context of 16384."});
    await state(page, "restarting");
    await shows(page, "#notice", /Memory was short; trying a context of 16384\./);
    target.stub.stepDown();
    await state(page, "ready");
    await shows(page, "#context-now", /^16,384 tokens$/);
    await shows(page, "#ladder li[aria-current]", /16,384.*in use/);
    await shows(page, "#ladder li[data-mark=tried]", /24,576.*did not fit/);
    await shows(page, "#context-reason", /^At the start: 11.2 GiB of GPU memory/);
    await shows(page, "#context-steps", /Stepped down once/);
    await shows(page, "#context-history", /24,576 → 16,384 tokens, memory was short/);
    assert.ok(await page.isHidden("#notice"));
    const later = await open(k_wide);  // one that did not see it happen
    await shows(later, "#ladder li[data-mark=tried]", /24,576.*did not fit/);
    assert.equal(await later.locator("#ladder li[data-mark=tried]").count(), 1);
  });
});

realTest("a real step down shows while it happens", async () => {
  await visit({memory_kib: 2000000}, async open => {
    const page = await open(k_wide);
    await shows(page, "#context-now", /^32,768 tokens$/);
    await say(page, "hello");
    await shows(page, "#ladder li[data-mark=tried]", /32,768.*did not fit/);
    await shows(page, "#context-history", /32,768 → [\d,]+ tokens, memory was short/);
    await shows(page, "#context-steps", /Stepped down/);
    await shows(page, "#log", /failed to allocate buffer/);
    await heardFromReal(page);
    await shows(page, "#counts", /1 sent again after a memory failure/);
    await state(page, "ready");
  });
});

standInTest("each state that is not ready says why and what to do", async () => {
  await visit({}, async (open, target) => {
    const page = await open(k_wide);
    for (const [word, remedy] of [["starting", /first start takes longer/], ["stopping", /Start odysseus again/]]) {
      target.stub.set({state: word});
      await state(page, word);
      await shows(page, "#notice-remedy", remedy);
    }
    target.stub.fail();
    await state(page, "failed");
    await shows(page, "#notice-reason", /ended 5 times in 60 s/);
    await shows(page, "#notice-remedy", /odysseus doctor/);
    await shows(page, "#log", /giving up after 5 restarts/);
    assert.equal(await page.title(), "failed · odysseus");
  });
});

// When the polls failed, as soon as so many did.
function missedPolls(page) {
  const times = [];
  page.on("requestfailed", request => { if (request.url().endsWith("/odysseus/status")) times.push(Date.now()); });
  return async count => {
    while (times.length < count) await page.waitForEvent("requestfailed");
    return times;
  };
}

test("it survives a restart of odysseus", async () => {
  await visit({allowed: /ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE|status of 503/}, async (open, target) => {
    const page = await open(k_wide);
    await state(page, "ready");
    await page.fill("#prompt", "half a question");
    const missed = missedPolls(page);
    await target.gone();
    await state(page, "not reachable");
    await shows(page, "#notice-reason", /does not answer at http:\/\/127/);
    await shows(page, "#notice-remedy", /comes back by itself/);
    const [, second, third] = await missed(3);
    assert.ok(third - second > 1500, "it does not back off");
    await target.back();
    await state(page, "ready");
    assert.ok(await page.isHidden("#notice"));
    assert.equal(await page.inputValue("#prompt"), "half a question");
    await say(page, "hello");
    if (real) return heardFromReal(page);
    await shows(page, ".turn.theirs .said", /\S/);
    await shows(page, "#log", /^odysseus 0.1.0\n[^]*is ready$/);
  });
});

standInTest("somebody who cannot wait tries again at once", async () => {
  await visit({allowed: /ERR_CONNECTION_REFUSED/}, async (open, target) => {
    const page = await open(k_wide);
    const missed = missedPolls(page);
    await target.gone();
    await missed(3);                   // the next try is 4 s away
    await target.back();
    const clicked = Date.now();
    await page.click("#retry");
    await state(page, "ready");
    assert.ok(Date.now() - clicked < 2000, "the button did nothing");
  });
});

standInTest("an odysseus that says little is no trouble", async () => {
  await visit({allowed: /status of 404/}, async (open, target) => {
    target.stub.logOffered = false;
    target.stub.status = {state: "ready", requests: {}, context: {tokens: 5000, available_mib: null}, hardware: {os: "linux", ram_mib: null},
      models: [{id: "bare"}]};
    const page = await open(k_wide);
    await state(page, "ready");
    await shows(page, "#ladder li[aria-current]", /^5,000in use$/);
    await shows(page, "#memory-caption", /is not known here/);
    await shows(page, "#models .name", /^bare$/);
    await page.waitForFunction(() => document.querySelector("#tokens-now").textContent === "0");
    assert.ok(await page.isHidden("#log-card"));
    const asked = target.stub.asked.length;
    await page.waitForTimeout(2500);
    assert.ok(!target.stub.asked.slice(asked).includes("GET /odysseus/log"), "a log that is not offered is asked for again");
  });
});

standInTest("tokens of all clients are plotted where odysseus counts them", async () => {
  await visit({}, async (open, target) => {
    target.stub.status.throughput = {tokens_total: null};
    const page = await open(k_wide);
    await shows(page, "#counts", /this page/); // nothing was counted yet
    target.stub.status.throughput.tokens_total = 180;
    await shows(page, "#tokens-top", /^highest (4[5-9]|[5-9]\d|1\d\d)$/); // 180 over one to four seconds
    await shows(page, "#counts", /180 tokens/);
    assert.doesNotMatch(await page.textContent("#counts"), /this page/);
    await shows(page, "#tokens-now", /^0$/); // the four seconds are over
  });
});

standInTest("a hidden page asks for nothing", async () => {
  await visit({}, async (open, target) => {
    const page = await open(k_wide);
    await state(page, "ready");
    const hide = hidden => page.evaluate(value => {
      Object.defineProperty(document, "hidden", {value, configurable: true});
      document.dispatchEvent(new Event("visibilitychange"));
    }, hidden);
    await hide(true);
    await page.waitForTimeout(1200);
    const asked = target.stub.asked.length;
    await page.waitForTimeout(2500);
    assert.equal(target.stub.asked.length, asked);
    target.stub.fail();
    await hide(false);
    await state(page, "failed");
  });
});

standInTest("a key is asked for, kept in the tab alone, and can be forgotten", async () => {
  await visit({keys: ["right"], allowed: /status of 401/}, async (open, target) => {
    const page = await open(k_wide);
    await shows(page, "#key-why", /answers only to those who have/);
    assert.equal(await page.evaluate(() => document.activeElement.id), "key");
    const asked = target.stub.asked.length;
    await page.waitForTimeout(1500);
    assert.equal(target.stub.asked.length, asked, "it goes on asking without a key");
    await page.keyboard.type("wrong");
    await page.keyboard.press("Enter");
    await shows(page, "#key-why", /is not accepted/);
    await accessible(page, "asking for the key");
    await page.fill("#key", "right");
    await page.keyboard.press("Enter");
    await state(page, "ready");
    assert.ok(await page.isHidden("#key-panel"));
    assert.deepEqual(await page.evaluate(() => [document.cookie, localStorage.length, sessionStorage.length]), ["", 0, 1]);
    await say(page, "hello");
    await page.waitForSelector(".turn .facts");
    await page.reload();
    await state(page, "ready");
    await page.click("#forget-key");
    await shows(page, "#key-why", /answers only to those who have/);
    assert.equal(await page.evaluate(() => sessionStorage.length), 0);
  });
});

for (const [what, settings] of [
  ["light", {...k_wide, colorScheme: "light"}],
  ["dark", {...k_wide, colorScheme: "dark"}],
  ["on a phone", {...k_phone, colorScheme: "light"}],
  ["on a phone, dark", {...k_phone, colorScheme: "dark"}],
]) {
  test(`it is accessible: ${what}`, async () => {
    await visit({}, async (open, target) => {
      const page = await open(settings);
      await state(page, "ready");
      await say(page, "hello");
      if (real) await heardFromReal(page);
      await shows(page, ".turn.theirs .facts", /tokens/);
      await shows(page, "#hardware", /System/);
      await accessible(page, what);
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "it is wider than the window");
      if (real) return;
      target.stub.stepDown();
      target.stub.fail();
      await state(page, "failed");
      await shows(page, "#ladder li[data-mark=tried]", /did not fit/);
      await accessible(page, `${what}, failed`);
    });
  });
}

standInTest("nothing moves for those who asked for that", async () => {
  await visit({}, async (open, target) => {
    target.stub.set({state: "starting"});
    const moving = page => page.$eval("#state", node => getComputedStyle(node, "::before").animationName);
    const page = await open({...k_wide, reducedMotion: "no-preference"});
    await state(page, "starting");
    assert.equal(await moving(page), "beat");
    await page.emulateMedia({reducedMotion: "reduce"});
    assert.equal(await moving(page), "none");
  });
});
