// `just pictures`: the pictures of the README, made anew: a sample's report, and a probe of the bundled model on it.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { launch } from "./support/chromium.mjs";
import { DIST, ROOT } from "./support/places.mjs";
import { serve } from "./support/static-server.mjs";

const OUT = join(ROOT, "docs/pictures");
mkdirSync(OUT, { recursive: true });
const server = await serve(DIST);
const browser = await launch();
const page = await browser.newPage({ viewport: { width: 1120, height: 800 }, colorScheme: "light" });
await page.goto(server.address);
await page.click(".sample >> nth=1");
await page.waitForSelector("#verdict");
await page.click(".finding-head >> nth=0");
await page.evaluate(() => document.activeElement?.blur());
await page.screenshot({ path: join(OUT, "check.png") });
await page.locator("#probe-here details").evaluate((details) => (details.open = true));
for (const [name, value] of Object.entries({ learning_rate: "0.002", batch_size: "8", rank: "8", sequence_length: "96", epochs: "6", steps: "100" })) await page.fill(`#probe-${name}`, value);
await page.click("#start-here");
await page.waitForFunction(() => /Done after|failed/.test(document.querySelector("#probe-state")?.textContent ?? ""), null, { timeout: 600_000 });
const box = await page.locator("#probe-live").boundingBox();
await page.screenshot({ path: join(OUT, "probe.png"), fullPage: true, clip: { x: 0, y: box.y + (await page.evaluate(() => scrollY)) + 8, width: 1120, height: box.height } });
await browser.close();
await server.close();
