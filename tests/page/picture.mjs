// The picture of the page in README.md: node picture.mjs URL MODEL FILE.png, with ODYSSEUS_PAGE_MODULES as for page.test.mjs.
import {mkdtempSync, rmSync} from "node:fs";
import {createRequire} from "node:module";
import {tmpdir} from "node:os";
import {join} from "node:path";
import {needed} from "./target.mjs";

const [url, question, file] = process.argv.slice(2);
const modules = createRequire(join(needed("ODYSSEUS_PAGE_MODULES"), "package.json"));
const {chromium} = modules("playwright-core");
const profile = mkdtempSync(join(tmpdir(), "odysseus-chromium-"));
const browser = await chromium.launch({executablePath: process.env.ODYSSEUS_CHROMIUM ?? "/usr/bin/chromium",
  env: {...process.env, HOME: profile}, args: ["--no-sandbox", "--disable-gpu", "--disable-quic"]});
try {
  const page = await browser.newPage({viewport: {width: 1000, height: 620}, colorScheme: "light"});
  await page.goto(`${url}/odysseus`);
  const box = page.getByRole("textbox").last();
  await box.fill(question);
  await box.press("Enter");
  await page.getByText("tok/s").or(page.getByText("tokens/s")).first().waitFor({timeout: 60000}).catch(() => {});
  await page.waitForTimeout(1500);
  await page.screenshot({path: file});
} finally {
  await browser.close();
  rmSync(profile, {recursive: true, force: true});
}
