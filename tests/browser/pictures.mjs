// `just pictures`: the pictures of the README, made anew: a sample's report, a probe of the bundled model on it, the
// forecast from that probe, and the link that a colleague opens.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { launch } from "./support/chromium.mjs";
import { DIST, ROOT } from "./support/places.mjs";
import { serve } from "./support/static-server.mjs";

const OUT = join(ROOT, "docs/pictures");
mkdirSync(OUT, { recursive: true });
const server = await serve(DIST);

/** One section, over the page's whole width. */
async function picture(page, section, name) {
  const box = await page.locator(section).boundingBox();
  await page.screenshot({ path: join(OUT, name), fullPage: true, clip: { x: 0, y: box.y + (await page.evaluate(() => scrollY)) + 8, width: 1120, height: box.height } });
}

const browser = await launch();
const page = await browser.newPage({ viewport: { width: 1120, height: 800 }, colorScheme: "light" });
await page.goto(server.address);
await page.click(".sample >> nth=1");
await page.waitForSelector("#verdict");
await page.click(".finding-head >> nth=0");
await page.evaluate(() => document.activeElement?.blur());
await page.screenshot({ path: join(OUT, "check.png") });
await page.check("#here-aside");
await page.click("#start-here");
await page.waitForFunction(() => /Done after|failed/.test(document.querySelector("#probe-state")?.textContent ?? ""), null, { timeout: 600_000 });
await picture(page, "#probe-live", "probe.png");
await page.click("#use-shipped");
await page.waitForSelector("#forecast-score");
await page.fill("#forecast-threshold", "60");
await page.press("#forecast-threshold", "Tab");
await page.waitForFunction(() => !document.querySelector("#forecast-answer[aria-busy]") && /\d/.test(document.querySelector("#forecast-verdict")?.textContent ?? ""));
await picture(page, "#forecast", "forecast.png");
await page.click("#copy-link");
const link = await page.inputValue("#link-text");
const colleague = await browser.newPage({ viewport: { width: 1120, height: 800 }, colorScheme: "light" });
await colleague.goto(link);
await colleague.waitForSelector("#link");
await picture(colleague, "#link", "link.png");
await browser.close();
await server.close();
