// The card of a forecast for chat and papers: PNG, HTML and SVG, as the command line writes them.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { test } from "node:test";
import { downloadBytes, downloadText, openPage } from "./support/chromium.mjs";
import { seriousViolations } from "./support/looks.mjs";
import { foretune, syntheticData, syntheticPredictor } from "./support/places.mjs";
import { suite } from "./support/suite.mjs";

let predictor;
let data;
const stage = suite(({ folder }) => {
  ({ predictor } = syntheticPredictor(folder));
  data = syntheticData(folder);
});

const settled = (page) => page.waitForFunction(() => document.querySelector("#forecast-score") && !document.querySelector("#forecast-answer[aria-busy]"));

test("a forecast is kept as a card, and the card says what the page says", { timeout: 180_000 }, async () => {
  const { context, page, complaints } = await openPage(stage.browser, stage.server.address);
  await page.setInputFiles("#file-input", data);
  await page.waitForSelector("#verdict");
  await page.setInputFiles("#predictor-file", predictor);
  await page.waitForSelector("#forecast-score");
  await page.fill("#forecast-threshold", "30");
  await page.press("#forecast-threshold", "Tab");
  await settled(page);

  const html = await downloadBytes(page, "#save-card-html");
  assert.equal(html.name, "items.forecast.html");
  const text = html.bytes.toString("utf8");
  const verdict = (await page.innerText("#forecast-verdict")).replaceAll("\u00a0", " ");
  const link = /href="([^"]+)"/.exec(text)[1].replaceAll("&amp;", "&");
  assert.ok(link.startsWith(`${stage.server.address}#f1.`), link);
  const natively = JSON.parse(foretune(["link", "open", link, "--predictor", predictor, "--json"]));
  assert.equal(natively.agrees, true);
  for (const words of ["items.jsonl", `${natively.recomputed.score.toFixed(1)} points`, verdict.split(":")[0], ...Object.entries(natively.recomputed.shap).sort((a, b) => Math.abs(b[1]) - Math.abs(a[1])).slice(0, 3).map(([name]) => name)]) assert.ok(text.includes(words), words);
  assert.doesNotMatch(text, /<script/);

  // As the command line makes it from the same numbers.
  const card = join(stage.folder, "native.svg");
  foretune(["link", "make", data, "--predictor", predictor, "--threshold", "30", "--page", stage.server.address, "--card", card]);
  assert.equal(await downloadText(page, "#save-card-svg"), readFileSync(card, "utf8"));

  const png = await downloadBytes(page, "#save-card-png");
  assert.equal(png.name, "items.forecast.png");
  assert.deepEqual([...png.bytes.subarray(0, 8)], [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  assert.deepEqual([png.bytes.readUInt32BE(16), png.bytes.readUInt32BE(20)], [2400, 1260]);
  assert.ok(png.bytes.length > 30_000, `${png.bytes.length} bytes: text, bars and code are drawn`);
  if (process.env.FORETUNE_SCREENSHOTS) writeFileSync(join(process.env.FORETUNE_SCREENSHOTS, "card.png"), png.bytes);
  assert.match(await page.innerText(".shared"), /Saved as PNG/);

  // Without the name where that is left out.
  await page.uncheck("#link-name");
  assert.doesNotMatch(await downloadText(page, "#save-card-html"), /items\.jsonl/);
  assert.deepEqual(complaints, []);
  await context.close();

  // The file stands alone: opened from the disk, in both themes, on a phone and on a desk.
  const file = join(stage.folder, "card.html");
  writeFileSync(file, html.bytes);
  const reader = await stage.browser.newContext();
  const kept = await reader.newPage();
  const asked = [];
  reader.on("request", (request) => asked.push(request.url()));
  await kept.goto(pathToFileURL(file).href);
  for (const colorScheme of ["light", "dark"]) {
    await kept.emulateMedia({ colorScheme });
    for (const width of [360, 1280]) {
      await kept.setViewportSize({ width, height: 900 });
      assert.ok((await kept.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)) <= 0, `${width} px: too wide`);
      if (process.env.FORETUNE_SCREENSHOTS) await kept.screenshot({ path: join(process.env.FORETUNE_SCREENSHOTS, `card-${colorScheme}-${width}.png`), fullPage: true });
    }
  }
  assert.deepEqual(asked.filter((url) => !url.startsWith("file:")), []);
  // Its policy forbids scripts, axe's too: the same markup is looked at without it.
  const bare = await reader.newPage();
  await bare.setContent(text.replace(/<meta http-equiv[^>]+>/, ""));
  for (const colorScheme of ["light", "dark"]) {
    await bare.emulateMedia({ colorScheme });
    assert.deepEqual(await seriousViolations(bare), []);
  }
  await reader.close();
});
