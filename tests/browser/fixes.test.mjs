// What-if on the data: the file is cleaned and described anew, and its forecast is that of the command line.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { downloadText, openPage } from "./support/chromium.mjs";
import { faultsOfLooks } from "./support/looks.mjs";
import { assertNothingLeft } from "./support/nothing-left.mjs";
import { foretune, syntheticData, syntheticPredictor } from "./support/places.mjs";
import { suite } from "./support/suite.mjs";

let predictor;
let spoiled;
let runs;
const stage = suite(({ folder }) => {
  ({ predictor, runs } = syntheticPredictor(folder));
  const rows = readFileSync(syntheticData(folder), "utf8").trimEnd().split("\n");
  spoiled = join(folder, "spoiled.jsonl");
  const empty = Array.from({ length: 30 }, (_, row) => JSON.stringify({ prompt: `Is item ${5000 + row} good?`, completion: "" }));
  writeFileSync(spoiled, `${[...rows, ...rows.slice(0, 150), ...empty].join("\n")}\n`);
});

const settled = (page) => page.waitForFunction(() => document.querySelector("#forecast-score") && !document.querySelector("#forecast-answer[aria-busy]"));
const says = (page, pattern) => page.waitForFunction((source) => new RegExp(source).test(document.querySelector("#fixes-told")?.textContent ?? ""), pattern.source, { timeout: 60_000 });
const shown = async (page) => JSON.parse(await downloadText(page, "#save-forecast"));
const natively = (extra) => JSON.parse(foretune(["forecast", spoiled, "--predictor", predictor, "--json", ...extra]));

async function opened() {
  const page = await openPage(stage.browser, stage.server.address);
  await page.page.setInputFiles("#file-input", spoiled);
  await page.page.waitForSelector("#verdict");
  await page.page.setInputFiles("#predictor-file", predictor);
  await page.page.waitForSelector("#forecast-score");
  await settled(page.page);
  return page;
}

test("a switch forecasts the data as they are once mended, described anew", { timeout: 180_000 }, async () => {
  const { context, page, requests, complaints } = await opened();
  const before = await shown(page);
  // Only what would change something is offered.
  assert.deepEqual(await page.locator("#forecast-fixes input").evaluateAll((list) => list.map(({ id }) => id)), ["what-if-drop_exact_duplicates", "what-if-drop_empty_answers"]);
  assert.match(await page.innerText("#forecast-fixes"), /Leave out exact copies \(150 rows\)/);
  await page.check("#what-if-drop_exact_duplicates");
  await says(page, /With these fixes 630 of 780 rows stay/);
  await settled(page);
  const one = await shown(page);
  const alone = natively(["--fix", "drop_exact_duplicates"]);
  assert.equal(one.forecast.score, alone.score);
  assert.ok(before.features.exact_duplicate_share > 0.15);
  assert.equal(one.features.exact_duplicate_share, 0);
  await page.check("#what-if-drop_empty_answers");
  await says(page, /With these fixes 600 of 780 rows stay, 0 of them changed, 600 usable: [\d.]+ points, [+−][\d.]+ against [\d.]+ without them/);
  await settled(page);
  const both = natively(["--fix", "drop_exact_duplicates,drop_empty_answers"]);
  const here = await shown(page);
  assert.equal(here.forecast.score, both.score);
  assert.deepEqual(here.forecast.interval, both.interval);
  assert.equal(both.fixed.score_before, before.forecast.score);
  assert.deepEqual([both.fixed.changes.rows_read, both.fixed.changes.rows_written], [780, 600]);
  assert.deepEqual(await faultsOfLooks(page, "fixes", [360, 1280]), []);
  // A link is of what is shown.
  await page.click("#copy-link");
  const link = await page.inputValue("#link-text");
  const read = JSON.parse(foretune(["link", "open", link, "--json"])).link;
  assert.notEqual(read.dataset.fingerprint, JSON.parse(await downloadText(page, "#save-json")).file.fingerprint);
  // Back to the file as it is.
  await page.uncheck("#what-if-drop_exact_duplicates");
  await says(page, /With these fixes 750 of 780 rows stay/);
  await page.uncheck("#what-if-drop_empty_answers");
  await page.waitForFunction((score) => document.querySelector("#forecast-score")?.textContent === score, `${before.forecast.score.toFixed(1)} points`);
  await settled(page);
  assert.equal((await shown(page)).forecast.score, before.forecast.score);
  assert.equal(await page.innerText("#fixes-told"), "");
  assertNothingLeft(requests, stage.server.address);
  assert.deepEqual(complaints, []);
  await context.close();
});

test("two switches at once leave one check behind, of both", { timeout: 120_000 }, async () => {
  const { context, page } = await opened();
  const workers = page.workers().length;
  await page.evaluate(() => {
    for (const fix of ["drop_exact_duplicates", "drop_empty_answers"]) document.querySelector(`#what-if-${fix}`).click();
  });
  await says(page, /With these fixes 600 of 780 rows stay/);
  await settled(page);
  assert.equal((await shown(page)).forecast.score, natively(["--fix", "drop_exact_duplicates,drop_empty_answers"]).score);
  assert.equal(page.workers().length, workers);
  await context.close();
});

test("readings of a probe say nothing of mended data, and come back with the data as they are", { timeout: 120_000 }, async () => {
  const { context, page } = await opened();
  const path = join(stage.folder, "probe.trace");
  const readings = runs[6].readings.filter((reading) => reading.step <= 100);
  writeFileSync(path, [{ type: "start", trace_version: 1 }, ...readings.map((reading) => ({ type: "reading", ...reading }))].map((line) => `${JSON.stringify(line)}\n`).join(""));
  await page.evaluate(({ text }) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([text], "probe.trace"));
    document.body.dispatchEvent(new DragEvent("drop", { bubbles: true, cancelable: true, dataTransfer: transfer }));
  }, { text: readFileSync(path, "utf8") });
  await page.waitForSelector("#forecast-trace:not([hidden])");
  await settled(page);
  const probed = (await shown(page)).forecast;
  await page.check("#what-if-drop_exact_duplicates");
  await says(page, /both before any probe/);
  await settled(page);
  assert.ok(await page.locator("#forecast-trace").isHidden());
  assert.match((await shown(page)).forecast.stage, /before any probe/);
  await page.uncheck("#what-if-drop_exact_duplicates");
  await page.waitForSelector("#forecast-trace:not([hidden])");
  await settled(page);
  assert.equal((await shown(page)).forecast.score, probed.score);
  await context.close();
});
