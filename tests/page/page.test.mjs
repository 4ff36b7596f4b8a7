// The page in a real, headless Chromium. With ODYSSEUS_BINARY set it runs against that odysseus and a real
// llama-server, and leaves out what only the stand-in can bring about; without, against the stand-in.
import assert from "node:assert/strict";
import {existsSync, mkdtempSync, readFileSync, rmSync} from "node:fs";
import {createRequire} from "node:module";
import {tmpdir} from "node:os";
import {join} from "node:path";
import {after, before, test} from "node:test";
import {holdAfter} from "./stub.mjs";
import {RealTarget, StubTarget, needed} from "./target.mjs";

const modules = createRequire(join(needed("ODYSSEUS_PAGE_MODULES"), "package.json"));
const {chromium} = modules("playwright-core");
const axe = readFileSync(modules.resolve("axe-core/axe.min.js"), "utf8");

const real = Boolean(process.env.ODYSSEUS_BINARY);
// What only the one or the other can bring about is no test of the other run.
const standInTest = real ? () => {} : test;
const realTest = real ? test : () => {};
const k_wait_ms = real ? 240000 : 60000;
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
async function visit({allowed, prepare, ...options}, steps) {
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
    await prepare?.(page);
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
    const hold = holdAfter(6);
    if (!real) target.stub.chat.hold = hold;
    await page.fill("#prompt", "first line");
    await page.press("#prompt", "Shift+Enter");
    await page.keyboard.type("second line");
    assert.equal(await page.inputValue("#prompt"), "first line\nsecond line");
    await page.press("#prompt", "Enter");
    await shows(page, ".turn.mine .said", /^first line\nsecond line$/);
    if (real) return heardFromReal(page);
    await shows(page, ".turn.theirs .said", /^Sing to me of the man, $/);
    await page.waitForSelector("#stop:not([hidden])");
    hold.release();
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

// The model says the same words each time (tests/e2e/gguf.py).
async function heardFromReal(page) {
  await shows(page, ".turn:last-child .said", /^ one two three four five six seven eight nine ten$/);
  await shows(page, ".turn:last-child .facts", /\d+ tokens/);
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
  await visit({allowed: /status of 503|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE/}, async (open, target) => {
    const page = await open(k_wide);
    await state(page, "ready");
    const words = target.stub.chat.words;
    target.stub.chat.refusal = {status: 503, message: "No context fits: 4.7 GiB were asked for, 2.1 GiB were free."};
    await say(page, "hello");
    await shows(page, ".turn .fault", /^No answer: No context fits: 4\.7 GiB were asked for, 2\.1 GiB were free\.$/);
    assert.equal(await page.inputValue("#prompt"), "hello");
    // Cut before the first word: the question comes back. Cut after some: they stay, and so does the question.
    target.stub.chat = {words: "", delay_ms: 1, cut: true};
    await page.press("#prompt", "Enter");
    await shows(page, ".turn:last-child .fault", /^No answer: the connection to odysseus was lost\.$/);
    assert.equal(await page.inputValue("#prompt"), "hello");
    const hold = holdAfter(2);
    target.stub.chat = {words: "Sing to ", delay_ms: 1, cut: true, hold};
    await page.press("#prompt", "Enter");
    await shows(page, ".turn:last-child .said", /^Sing to $/);
    hold.release();
    await shows(page, ".turn:last-child .fault", /^No further answer: the connection to odysseus was lost\.$/);
    assert.equal(await page.inputValue("#prompt"), "");
    target.stub.chat = {words, delay_ms: 1};
    await say(page, "hello again");
    await shows(page, ".turn:last-child .facts", /13 tokens/);
    assert.deepEqual(target.stub.lastChat.messages.map(message => message.content), ["hello", "Sing to ", "hello again"]);
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

// Waits until so many polls have failed.
function missedPolls(page) {
  let missed = 0;
  page.on("requestfailed", request => { missed += request.url().endsWith("/odysseus/status"); });
  return async count => { while (missed < count) await page.waitForEvent("requestfailed"); };
}

// When the polls began, by the page's own clock: its timers may be late, and are never early.
function notesPolls(page) {
  return page.addInitScript(() => {
    const [ask, begun] = [window.fetch, []];
    window.fetch = (path, ...rest) => {
      if (String(path).endsWith("odysseus/status")) begun.push(performance.now());
      return ask(path, ...rest);
    };
    window.pollsBegun = begun;
  });
}

test("it survives a restart of odysseus", async () => {
  const allowed = /ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE|status of 503/;
  await visit({allowed, prepare: notesPolls}, async (open, target) => {
    const page = await open(k_wide);
    await state(page, "ready");
    await page.fill("#prompt", "half a question");
    const missed = missedPolls(page);
    await target.gone();
    await state(page, "not reachable");
    await shows(page, "#notice-reason", /does not answer at http:\/\/127/);
    await shows(page, "#notice-remedy", /comes back by itself/);
    await missed(3);
    const [second, third] = await page.evaluate(() => window.pollsBegun.slice(-2));
    assert.ok(third - second > 1900, `it does not back off: ${third - second} ms`);
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
  await visit({allowed: /ERR_CONNECTION_REFUSED/, prepare: page => page.clock.install()}, async (open, target) => {
    const page = await open(k_wide);
    await state(page, "ready");
    await page.clock.pauseAt(Date.now() + 60000); // no timer goes off from here on but by runFor()
    const missed = missedPolls(page);
    await target.gone();
    await page.clock.runFor(60000);
    await missed(1);
    await state(page, "not reachable");
    await target.back();
    await page.click("#retry");
    await state(page, "ready");
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
    await shows(page, "#tokens-top", /^highest [1-9]\d*$/); // 180 over some seconds
    await shows(page, "#counts", /180 tokens/);
    assert.doesNotMatch(await page.textContent("#counts"), /this page/);
    await shows(page, "#tokens-now", /^0$/); // the four seconds are over
  });
});

standInTest("a hidden page asks for nothing", async () => {
  await visit({prepare: page => page.clock.install()}, async (open, target) => {
    const page = await open(k_wide);
    await state(page, "ready");
    const hide = hidden => page.evaluate(value => {
      Object.defineProperty(document, "hidden", {value, configurable: true});
      document.dispatchEvent(new Event("visibilitychange"));
    }, hidden);
    await page.clock.pauseAt(Date.now() + 60000);
    const asked = () => target.stub.asked.length;
    const after = async ms => {
      const before = asked();
      await page.clock.runFor(ms);
      await page.waitForTimeout(200); // of the test, not of the page
      return asked() - before;
    };
    assert.ok(await after(10000) > 0, "a page that is shown asks");
    await hide(true);
    while (await after(10000)); // what it was about to ask
    assert.equal(await after(60000), 0);
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
