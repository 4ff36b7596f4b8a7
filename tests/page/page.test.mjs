// The page in a real, headless Chromium. With ODYSSEUS_BINARY set it runs against that odysseus and a real
// llama-server, and leaves out what only the stand-in can bring about; without, against the stand-in.
import assert from "node:assert/strict";
import {existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from "node:fs";
import {createRequire} from "node:module";
import {tmpdir} from "node:os";
import {join} from "node:path";
import {after, before, test} from "node:test";
import {fileURLToPath} from "node:url";
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
    const context = await browser.newContext({...settings, permissions: ["clipboard-read", "clipboard-write"]});
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

// Opens the status beside (or over) the chat, with its details.
async function openStatus(page) {
  await page.click("#open-status");
  await page.click("#details > summary");
}

// The names of the messages' roles and their words, as the stand-in was asked last.
const asked = target => target.stub.lastChat.messages.map(message => `${message.role}: ${message.content}`);

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
    await openStatus(page);
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
    await openStatus(page);
    await shows(page, "#legend", /weights 4.7 GiB.*cache 3.4 GiB.*set aside 2.5 GiB.*free 689 MiB/);
    assert.match(await page.getAttribute("#bar", "aria-label"), /weights 4.7 GiB, cache 3.4 GiB, set aside 2.5 GiB, free 689 MiB/);
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
    await openStatus(page);
    const hold = holdAfter(6);
    if (!real) target.stub.chat.hold = hold;
    await page.fill("#prompt", "first line");
    await page.press("#prompt", "Shift+Enter");
    await page.keyboard.type("second line");
    assert.equal(await page.inputValue("#prompt"), "first line\nsecond line");
    await page.press("#prompt", "Enter");
    await shows(page, ".turn.mine .said", /^first line\nsecond line$/);
    if (real) return heardFromReal(page);
    await shows(page, ".turn.theirs .said", /^Sing to me of the man, ?$/);
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
  await shows(page, ".turn:last-child .said", /^one two three four five six seven eight nine ten$/);
  await shows(page, ".turn:last-child .facts", /\d+ tokens/);
  // The status may be closed, and counts on.
  await page.waitForFunction(() => /[1-9]\d* requests?/.test(document.querySelector("#counts").textContent));
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
    await shows(page, ".turn:last-child .said", /^Sing to ?$/);
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
    await openStatus(page);
    await say(page, markup);
    await page.waitForSelector(".turn .facts");
    for (const where of [".turn.theirs .said", "#models .name", "#context-reason"])
      assert.equal((await page.locator(where).textContent()).trim(), markup);
    assert.equal(await page.locator("#chat-list .pick").textContent(), markup);
    assert.ok((await page.locator("#model option").textContent()).startsWith(markup));
    await shows(page, "#log", /\n<img src=\/nope onerror=alert\(1\)><script>alert\(2\)<\/script>$/);
    assert.equal(await page.locator("img").count(), 0);
    assert.ok(!target.stub.asked.includes("GET /nope"));
  });
});

test("a model is loaded and unloaded by its switch", async () => {
  await visit({}, async open => {
    const page = await open(k_wide);
    await state(page, "ready");
    await openStatus(page);
    const last = page.locator("#models .model").last();
    const button = last.getByRole("switch");
    const name = await last.locator(".name").textContent();
    await shows(page, "#models .model:last-child .state", /^not loaded$/);
    await button.press("Space");
    await shows(page, "#models .model:last-child .state", /^loaded$/);
    assert.equal(await button.getAttribute("aria-checked"), "true");
    assert.ok(await button.evaluate(node => node === document.activeElement), "the switch lost the focus");
    await shows(page, "#model", / · loaded$/);
    await shows(page, "#truth", new RegExp(`^Model${name}`));
    await shows(page, "#memory-caption", /^With .* loaded, of/);
    assert.equal(await page.inputValue("#model"), name);
    await button.press("Space");
    await shows(page, "#models .model:last-child .state", /^not loaded$/);
    assert.equal(await button.getAttribute("aria-checked"), "false");
  });
});

standInTest("a model that cannot be loaded says why", async () => {
  await visit({allowed: /status of 503/}, async (open, target) => {
    const page = await open(k_wide);
    await openStatus(page);
    target.stub.refuseLoad = "the file is damaged.";
    await page.getByRole("switch").first().click();
    await shows(page, "#models-fault", /^qwen3-8b could not be loaded: the file is damaged\.$/);
    await shows(page, "#models .model:first-child .state", /^not loaded$/);
  });
});

standInTest("a step down shows while it happens", async () => {
  await visit({}, async (open, target) => {
    const page = await open(k_wide);
    await openStatus(page);
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
    await shows(page, "#context-reason", /^16384 tokens: memory ran out with more/);
    await shows(page, "#context-steps", /Stepped down once/);
    await shows(page, "#context-history", /24,576 → 16,384 tokens, memory was short/);
    assert.ok(await page.isHidden("#notice"));
    const later = await open(k_wide);  // one that did not see it happen
    await openStatus(later);
    await shows(later, "#ladder li[data-mark=tried]", /24,576.*did not fit/);
    assert.equal(await later.locator("#ladder li[data-mark=tried]").count(), 1);
  });
});

realTest("a real step down shows while it happens", async () => {
  await visit({memory_kib: 2000000}, async open => {
    const page = await open(k_wide);
    await openStatus(page);
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
    target.stub.lines.push("0.01.234.567 E CUDA error: no kernel image is available for execution on the device");
    target.stub.fail();
    await state(page, "failed");
    await shows(page, "#notice-reason", /ended 5 times in 60 s/);
    await shows(page, "#notice-error", /^CUDA error: no kernel image is available for execution on the device$/);
    await shows(page, "#notice-remedy", /odysseus doctor.*backend rollback/);
    await page.click("#copy-report");
    await shows(page, "#copy-report", /^Copied$/);
    const report = await page.evaluate(() => navigator.clipboard.readText());
    assert.match(report, /^odysseus 0\.1\.0, llama\.cpp b11669, failed\nreason: llama-server ended 5 times.*RTX 3060.*qwen3.*no kernel image.*giving up after 5 restarts\n$/s);
    await openStatus(page);
    await shows(page, "#log", /giving up after 5 restarts/);
    assert.equal(await page.title(), "failed · odysseus");
  });
});

const k_markdown = [
  "# Title", "", "A **strong**, *soft* and ***both*** word, `code **stays**`, ~~gone~~, snake_case_name and 2 * 3 * 4.", "next line",
  "", "- one", "- two", "  1. inner", "  2. inner too", "", "3. three", "4. four", "", "> said by", "> somebody", "",
  "| a | b |", "| --- | :-: |", "| 1 | `2` |", "", "```js", "const a = '<b>';", "# no heading", "```", "", "---", "",
  "[page](https://example.org/a_(b)) ![picture](https://example.org/p.png) https://example.org/plain. [bad](javascript:alert(1)) <b>no</b>",
].join("\n");

standInTest("an answer is Markdown, made of nodes, and fetches nothing", async () => {
  await visit({}, async (open, target) => {
    const page = await open(k_wide);
    target.stub.chat = {words: k_markdown, delay_ms: 1};
    await say(page, "show");
    await page.waitForSelector(".turn.theirs .facts");
    const html = await page.$eval(".turn.theirs .said", node => node.innerHTML);
    for (const piece of ['<h3 data-level="1">Title</h3>', "<strong>strong</strong>", "<em>soft</em>", "<code>code **stays**</code>", "<del>gone</del>", "snake_case_name and 2 * 3 * 4.<br>next line",
      "<ul><li>one</li><li>two<ol><li>inner</li><li>inner too</li></ol></li></ul>", '<ol start="3"><li>three</li><li>four</li></ol>',
      "<blockquote><p>said by<br>somebody</p></blockquote>", "<th>a</th><th>b</th>", "<td>1</td><td><code>2</code></td>",
      "<code>const a = '&lt;b&gt;';\n# no heading</code>", "<hr>", '<a href="https://example.org/a_(b)" target="_blank" rel="noopener noreferrer">page</a>',
      '<a href="https://example.org/p.png" target="_blank" rel="noopener noreferrer">picture</a>', ">https://example.org/plain</a>.",
      "[bad](javascript:alert(1)) &lt;b&gt;no&lt;/b&gt;"])
      assert.ok(html.includes(piece), `${piece} is not in ${html}`);
    assert.match(html, /<(strong|em)><(strong|em)>both/);
    assert.equal(await page.locator(".said img").count(), 0);
    // The block's code and the answer's own text go to the clipboard.
    await page.click(".code button");
    await shows(page, ".code button", /^Copied$/);
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), "const a = '<b>';\n# no heading");
    await page.click(".turn.theirs [aria-label='Copy the answer']");
    await page.waitForFunction(async words => await navigator.clipboard.readText() === words, k_markdown);
  });
});

standInTest("hostile Markdown is drawn quickly", async () => {
  await visit({}, async (open, target) => {
    const page = await open(k_wide);
    const hard = ["**a ", "[", "`", "> ", "_a", "- ", "|a", "~~", "![](", "<http://"].map(piece => piece.repeat(4000)).join("\n\n");
    target.stub.chat = {words: hard, delay_ms: 0};
    target.stub.chat.words = hard.replaceAll(" ", "\u00a0");   // in one piece
    await say(page, "hard");
    await page.waitForSelector(".turn.theirs .facts");
    const took = await page.evaluate(async () => {
      const began = performance.now();
      await new Promise(done => requestAnimationFrame(() => setTimeout(done)));
      return performance.now() - began;
    });
    assert.ok(took < 5000, `${took} ms`);
  });
});

standInTest("thoughts are folded away, and an answer at its longest says so", async () => {
  await visit({}, async (open, target) => {
    const page = await open(k_wide);
    target.stub.chat = {words: "It is 4.", delay_ms: 1, thoughts: "2 and 2 …", finish: "length", prompt_tokens: 23000};
    await page.click("#open-settings");
    await page.fill("#set-system", "Be brief.");
    await page.fill("#set-temperature", "0.5");
    await page.fill("#set-longest", "3");
    await page.click("#settings .main");
    await say(page, "2+2?");
    await page.waitForSelector(".turn.theirs .facts");
    await shows(page, ".turn.theirs summary", /^Thoughts$/);
    assert.ok(await page.locator(".thoughts").isHidden());
    await shows(page, ".turn.theirs .fault", /^The answer was ended at the longest length of your settings, 3 tokens\.$/);
    await shows(page, "#used", /^23k of 24k tokens: nearly full/);
    const {temperature, max_tokens} = target.stub.lastChat;
    assert.deepEqual({temperature, max_tokens, asked: asked(target)}, {temperature: 0.5, max_tokens: 3, asked: ["system: Be brief.", "user: 2+2?"]});
    await page.reload();
    await page.click("#open-settings");
    assert.equal(await page.inputValue("#set-system"), "Be brief.");
    await page.click("#set-default");
    await page.click("#settings .main");
    await say(page, "again");
    await page.waitForSelector(".turn.theirs .facts");
    assert.deepEqual([target.stub.lastChat.temperature, asked(target)], [undefined, ["user: again"]]);
  });
});

standInTest("an answer is made again, and a message edited", async () => {
  await visit({}, async (open, target) => {
    const page = await open(k_wide);
    const answered = async (words, step) => {
      target.stub.chat = {words, delay_ms: 1};
      await step();
      await shows(page, ".turn:last-child .said", new RegExp(`^${words}$`));
      await page.waitForSelector(".turn:last-child [aria-label='Answer again']");
    };
    await answered("first answer", () => say(page, "first"));
    await answered("second answer", () => say(page, "second"));
    await answered("better answer", () => page.click(".turn:last-child [aria-label='Answer again']"));
    assert.deepEqual(asked(target), ["user: first", "assistant: first answer", "user: second"]);
    await page.click(".turn.mine >> nth=1 >> [aria-label='Edit the message']");
    await shows(page, "#editing", /will be replaced/);
    assert.equal(await page.inputValue("#prompt"), "second");
    await page.keyboard.press("Escape");
    assert.ok(await page.isHidden("#editing"));
    await page.click(".turn.mine >> nth=0 >> [aria-label='Edit the message']");
    await answered("other answer", () => say(page, "changed"));
    assert.deepEqual(asked(target), ["user: changed"]);
    assert.equal(await page.locator(".turn").count(), 2);
  });
});

standInTest("conversations stay in the browser: listed, opened, exported, deleted, brought back", async () => {
  await visit({}, async (open, target) => {
    const page = await open(k_wide);
    for (const words of ["about ships", "about wine"]) {
      if (words !== "about ships") await page.click("#new-chat");
      await say(page, words);
      await page.waitForSelector(".turn.theirs .facts");
    }
    const titles = () => page.locator("#chat-list .pick").allTextContents();
    assert.deepEqual(await titles(), ["about wine", "about ships"]);
    await page.reload();
    await state(page, "ready");
    assert.equal(await page.locator(".turn").count(), 0);
    await page.click("text=about ships");
    await shows(page, ".turn.theirs .said", /^Sing to me .* turns\.$/);
    await say(page, "go on");
    await page.waitForFunction(() => document.querySelectorAll(".turn.theirs .facts").length === 2);
    assert.equal(target.stub.lastChat.messages.length, 3);
    const [file] = await Promise.all([page.waitForEvent("download"), page.click("[aria-label='Export “about ships”']")]);
    assert.equal(file.suggestedFilename(), "about-ships.md");
    assert.match(readFileSync(await file.path(), "utf8"), /^# about ships\n\n.*## You\n\nabout ships\n\n## qwen3-8b\n\nSing to me/s);
    await page.click("[aria-label='Delete “about ships”']");
    assert.deepEqual(await titles(), ["about wine"]);
    assert.equal(await page.locator(".turn").count(), 0);
    await page.click("#undo button");
    assert.deepEqual((await titles()).sort(), ["about ships", "about wine"]);
    // What was brought back is kept again when it goes on.
    await page.click("text=about ships");
    await say(page, "and on");
    await page.waitForFunction(() => document.querySelectorAll(".turn.theirs .facts").length === 3);
    assert.equal(await page.evaluate(() => Object.keys(localStorage).filter(name => name.startsWith("odysseus.chat."))
      .map(name => JSON.parse(localStorage[name])).find(one => one.title === "about ships").turns.length), 6);
    await page.click("#delete-all");
    assert.deepEqual(await titles(), []);
    assert.equal(await page.evaluate(() => Object.keys(localStorage).filter(name => name.startsWith("odysseus.chat.")).length), 0);
  });
});

standInTest("an answer under way survives a reload, as far as it came", async () => {
  await visit({}, async (open, target) => {
    const page = await open(k_wide);
    target.stub.chat = {words: "one two three four", delay_ms: 1, hold: holdAfter(2)};
    await say(page, "count");
    await shows(page, ".turn.theirs .said", /^one two ?$/);
    await page.reload();
    await page.click("#chat-list .pick");
    await shows(page, ".turn.theirs .said", /^one two ?$/);
  });
});

standInTest("a browser whose storage is full keeps the latest, without the oldest pictures", async () => {
  await visit({}, async (open, target) => {
    const page = await open(k_wide);
    const heavy = "x".repeat(2_000_000);
    await page.evaluate(words => {
      for (const [at, id] of [[1, "old"], [2, "newer"]])
        localStorage.setItem(`odysseus.chat.${id}`, JSON.stringify({id, title: id, at, turns: [{role: "user", text: "look", pictures: [words]}]}));
    }, heavy);
    target.stub.chat = {words: heavy, delay_ms: 0};
    await say(page, "much");
    await page.waitForSelector(".turn.theirs .facts");
    const [old, newer] = await page.evaluate(() => ["old", "newer"].map(id => JSON.parse(localStorage.getItem(`odysseus.chat.${id}`))?.turns[0]));
    assert.deepEqual([old.text, old.pictures, newer.text, Boolean(newer.pictures)], ["look", undefined, "look", true]);
    assert.deepEqual(await page.locator("#chat-list .pick").allTextContents(), ["much", "newer", "old"]);
  });
});

standInTest("a conversation that outgrew the context is told what to do", async () => {
  await visit({allowed: /status of 400/}, async (open, target) => {
    const page = await open(k_wide);
    target.stub.chat.refusal = {status: 400, type: "exceed_context_size_error",
      message: "request (30000 tokens) exceeds the available context size (24576 tokens), try increasing it"};
    await say(page, "very long");
    await shows(page, ".turn .fault", /^No answer: this conversation is longer than the model's context of 24,576 tokens\. Begin a new chat/);
  });
});

standInTest("a context is never said to be longer than the model was trained for", async () => {
  await visit({}, async (open, target) => {
    target.stub.status.models = [{...target.stub.models[0], trained_context: 8192}];
    const page = await open(k_wide);
    await openStatus(page);
    await say(page, "hello");
    await shows(page, "#truth", /Context8,192 tokens/);
    await shows(page, "#truth", /cache/);
    await shows(page, "#truth", /1\.1 GiB cache/);
    await shows(page, "#used", / of 8k tokens$/);
    // What a newer odysseus says of a model itself comes first.
    target.stub.set({models: [{...target.stub.models[0], fits: "partly", context: {tokens: 4096, reason: "said"},
      placement: {device: "cuda", reason: "20 of 32 layers on the GPU"}}]});
    await shows(page, "#truth", /Context4,096 tokens.*Runs on20 of 32 layers on the GPU/);
    await shows(page, "#models .facts", /fits partly, slower · 4k context/);
  });
});

standInTest("pictures go to models that see, made small", async () => {
  await visit({}, async (open, target) => {
    const page = await open(k_wide);
    await state(page, "ready");
    await page.waitForFunction(() => document.querySelectorAll("#model option").length === 2);
    assert.ok(await page.isHidden("#add-picture"), "qwen3-8b sees nothing");
    await page.selectOption("#model", "gemma-3-4b");
    assert.ok(await page.isVisible("#add-picture"));
    const png = Buffer.from(await page.evaluate(() => {
      const canvas = document.createElement("canvas");
      [canvas.width, canvas.height] = [2000, 1000];
      return canvas.toDataURL("image/png").split(",")[1];
    }), "base64");
    await page.setInputFiles("#picture-file", [{name: "a.png", mimeType: "image/png", buffer: png}, {name: "b.png", mimeType: "image/png", buffer: png}]);
    await page.waitForFunction(() => document.querySelectorAll("#pictures img").length === 2);
    await page.click("[aria-label='Remove picture 1']");
    await say(page, "what is it?");
    await page.waitForSelector(".turn.theirs .facts");
    const [picture, words] = target.stub.lastChat.messages[0].content;
    assert.match(picture.image_url.url, /^data:image\/jpeg;base64,/);
    assert.deepEqual([words, await page.$eval(".turn.mine img", node => [node.naturalWidth, node.naturalHeight])], [{type: "text", text: "what is it?"}, [1280, 640]]);
    assert.ok(await page.isHidden("#pictures"));
  });
});

standInTest("the first model is downloaded from the page", async () => {
  await visit({toy: true, allowed: /ERR_INCOMPLETE_CHUNKED|ERR_ABORTED|status of 400/}, async (open, target) => {
    const page = await open(k_wide);
    await shows(page, "#get-toy", /toy model.*random words/);
    await shows(page, "#model", /random words/);
    assert.deepEqual(await page.locator("#starters .mark").allTextContents(), ["800 MiB · fits", "4.8 GiB · fits · recommended",
      "11.7 GiB · fits partly, slower", "39.1 GiB · too large"]);
    assert.ok(await page.locator("#starters button").last().isDisabled());
    // Cancelled: the download ends there too.
    target.stub.pulling.held = holdAfter(5);
    await page.click("[aria-label='Download Middle 8B']");
    await shows(page, "#download-what", /^Downloading Middle 8B$/);
    await shows(page, "#download-facts", /^980 MiB of 4\.8 GiB \(20%\)/);
    assert.equal(await page.evaluate(() => document.activeElement.id), "download-cancel");
    await page.keyboard.press("Enter");
    await shows(page, "#get-fault", /^Stopped\. What was fetched is kept/);
    assert.ok(await page.isHidden("#download"));
    for (let tries = 0; !target.stub.pulling.cancelled; tries += 1) {
      assert.ok(tries < 100, "the download goes on without the page");
      await page.waitForTimeout(50);
    }
    target.stub.pulling.held.release();
    // A name that was pasted, as an address; refused, broken off, then whole.
    target.stub.pulling = {steps: 3, delay_ms: 1, refusal: "'nobody/nothing' is not on the hub."};
    await page.fill("#get-name", "https://huggingface.co/nobody/nothing");
    await page.press("#get-name", "Enter");
    await shows(page, "#get-fault", /^nobody\/nothing was not downloaded: 'nobody\/nothing' is not on the hub\.$/);
    assert.equal(target.stub.pulling.name, "nobody/nothing");
    target.stub.pulling = {steps: 3, delay_ms: 1, failure: "the disk is full"};
    await page.press("#get-name", "Enter");
    await shows(page, "#get-fault", /was not downloaded: the disk is full$/);
    target.stub.pulling = {steps: 3, delay_ms: 1};
    await page.press("#get-name", "Enter");
    await page.waitForSelector("#get", {state: "hidden"});
    await page.waitForFunction(() => document.querySelector("#model").value === "gemma-3-4b");
    await shows(page, "#welcome", /Ask anything/);
  });
});

standInTest("on a phone the drawers cover the chat and give it back", async () => {
  await visit({}, async open => {
    const page = await open(k_phone);
    await state(page, "ready");
    const covered = () => page.$eval("#pane", node => node.inert);
    for (const [opener, panel] of [["#open-chats", "#chats"], ["#open-status", "#status"]]) {
      await page.click(opener);
      assert.deepEqual([await page.isVisible(panel), await covered()], [true, true]);
      await page.keyboard.press("Escape");
      assert.deepEqual([await page.isVisible(panel), await covered()], [false, false]);
      assert.ok(await page.$eval(opener, node => node === document.activeElement));
    }
    const [chat, window] = await page.evaluate(() => [document.querySelector("#pane").getBoundingClientRect(), {width: innerWidth, height: innerHeight}]);
    assert.ok(chat.width === window.width && chat.height > window.height * .85, `the chat has ${chat.width} × ${chat.height} of ${window.width} × ${window.height}`);
    await page.click("#open-chats");
    await page.mouse.click(350, 400); // beside the drawer
    assert.ok(await page.isHidden("#chats"));
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
    await openStatus(page);
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
    target.stub.logOffered = target.stub.offersModels = false;
    target.stub.status = {state: "ready", requests: {}, context: {tokens: 5000, available_mib: null}, hardware: {os: "linux", ram_mib: null},
      models: [{id: "bare"}]};
    const page = await open(k_wide);
    await state(page, "ready");
    await openStatus(page);
    await shows(page, "#ladder li[aria-current]", /^5,000in use$/);
    await shows(page, "#memory-caption", /is not known here/);
    await shows(page, "#models .name", /^bare$/);
    await page.waitForFunction(() => document.querySelector("#tokens-now").textContent === "0");
    for (const part of ["#log-card", "#get-more", "#get"]) assert.ok(await page.isHidden(part), part);
    const before = target.stub.asked.length;
    await page.waitForTimeout(2500);
    for (const what of ["GET /odysseus/log", "GET /odysseus/pull"])
      assert.ok(!target.stub.asked.slice(before).includes(what), `${what} is not offered and asked for again`);
  });
});

standInTest("tokens of all clients are plotted where odysseus counts them", async () => {
  await visit({}, async (open, target) => {
    target.stub.status.throughput = {tokens_total: null};
    const page = await open(k_wide);
    await openStatus(page);
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
    const count = () => target.stub.asked.length;
    const after = async ms => {
      const before = count();
      await page.clock.runFor(ms);
      await page.waitForTimeout(200); // of the test, not of the page
      return count() - before;
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
    const count = target.stub.asked.length;
    await page.waitForTimeout(1500);
    assert.equal(target.stub.asked.length, count, "it goes on asking without a key");
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
    assert.ok(!await page.evaluate(() => JSON.stringify({...localStorage}).includes("right")), "the key is kept for longer than the tab");
    await page.reload();
    await state(page, "ready");
    await openStatus(page);
    await page.click("#forget-key");
    await shows(page, "#key-why", /answers only to those who have/);
    assert.equal(await page.evaluate(() => sessionStorage.length), 0);
  });
});

// ---- how it looks: the brightness of a grid over a screenshot, which other fonts change little -------------------------

const k_grid = {columns: 32, rows: 20};
const k_golden = fileURLToPath(new URL("golden.json", import.meta.url));
const golden = JSON.parse(readFileSync(k_golden, "utf8"));

async function brightness(page) {
  await page.evaluate(() => { document.querySelector("#talk").scrollTop = 0; });
  await page.waitForTimeout(200);   // of frames, not of events
  const picture = (await page.screenshot({animations: "disabled", caret: "hide"})).toString("base64");
  const blank = await page.context().newPage();
  try {
    return await blank.evaluate(async ([url, {columns, rows}]) => {
      const image = await createImageBitmap(await (await fetch(url)).blob());
      const canvas = new OffscreenCanvas(columns, rows);
      const pen = canvas.getContext("2d");
      [pen.imageSmoothingEnabled, pen.imageSmoothingQuality] = [true, "high"];
      pen.drawImage(image, 0, 0, columns, rows);
      const {data} = pen.getImageData(0, 0, columns, rows);
      return Array.from({length: columns * rows}, (_, at) => Math.round((data[4 * at] + data[4 * at + 1] + data[4 * at + 2]) / 3));
    }, [`data:image/png;base64,${picture}`, k_grid]);
  } finally {
    await blank.close();
  }
}

// ODYSSEUS_PAGE_GOLDEN=new writes what is seen as what should be.
async function looks(page, what) {
  const seen = await brightness(page);
  if (process.env.ODYSSEUS_PAGE_GOLDEN === "new") {
    golden[what] = Buffer.from(seen).toString("base64");
    return writeFileSync(k_golden, `${JSON.stringify(golden, null, 1)}\n`);
  }
  assert.ok(golden[what], `there is no golden picture of ${what}`);
  const wanted = [...Buffer.from(golden[what], "base64")];
  const apart = seen.map((value, at) => Math.abs(value - wanted[at]));
  const mean = apart.reduce((a, b) => a + b) / apart.length;
  const far = apart.filter(value => value > 15).length;
  assert.ok(mean < 1.5 && far < apart.length * .025, `${what} looks different: ${mean.toFixed(1)} on the mean, ${far} places by far`);
}

const k_looks = [
  ["wide, light", {...k_wide, colorScheme: "light"}],
  ["wide, dark", {...k_wide, colorScheme: "dark"}],
  ["on a phone of 390 px", {...k_phone, viewport: {width: 390, height: 844}, colorScheme: "light"}],
  ["on a phone of 360 px, dark", {...k_phone, colorScheme: "dark"}],
];

async function noWiderThanItsWindow(page, what) {
  const wide = await page.evaluate(() => [...document.querySelectorAll("body, header, header > *, main > :not([hidden]), #chat, .turn, .notice:not([hidden])")]
    .filter(node => node.getBoundingClientRect().right > innerWidth + 1).map(node => node.id || node.className || node.tagName));
  assert.deepEqual(wide, [], `${what}: wider than the window`);
}

for (const [what, settings] of k_looks) {
  test(`it is accessible: ${what}`, async () => {
    await visit({}, async (open, target) => {
      const page = await open(settings);
      await state(page, "ready");
      if (!real) target.stub.chat = {words: k_markdown, delay_ms: 0, thoughts: "hm"};
      await say(page, "hello");
      if (real) await heardFromReal(page);
      await shows(page, ".turn.theirs .facts", /tokens/);
      await accessible(page, what);
      await noWiderThanItsWindow(page, what);
      if (!real) await looks(page, `chat, ${what}`);
      await openStatus(page);
      await shows(page, "#hardware", /System/);
      await accessible(page, `${what}, status`);
      await noWiderThanItsWindow(page, `${what}, status`);
      await page.click("#status .close");
      await page.click("#open-settings");
      await accessible(page, `${what}, settings`);
      await page.keyboard.press("Escape");
      if (settings.isMobile) {
        await page.click("#open-chats");
        await accessible(page, `${what}, conversations`);
        await page.keyboard.press("Escape");
        assert.ok(await page.isHidden("#chats"));
      }
      if (real) return;
      target.stub.stepDown();
      target.stub.fail();
      await state(page, "failed");
      await accessible(page, `${what}, failed`);
      await noWiderThanItsWindow(page, `${what}, failed`);
    });
  });
  standInTest(`getting a model is accessible: ${what}`, async () => {
    await visit({toy: true}, async (open, target) => {
      const page = await open(settings);
      await shows(page, "#get-title", /^Get your first model$/);
      await accessible(page, what);
      await noWiderThanItsWindow(page, what);
      await looks(page, `first model, ${what}`);
      target.stub.pulling.held = holdAfter(3);
      await page.click("#starters button.main");
      await shows(page, "#download-facts", /10%/);
      await accessible(page, `${what}, downloading`);
      await noWiderThanItsWindow(page, `${what}, downloading`);
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
