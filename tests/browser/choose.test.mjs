// Tables of models: recognised, ranked like the command line ranks them, faults named with row and column.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { downloadText, openPage } from "./support/chromium.mjs";
import { faultsOfLooks } from "./support/looks.mjs";
import { foretune } from "./support/places.mjs";
import { suite } from "./support/suite.mjs";

const stage = suite();
const SIZES = [200, 400, 800, 1600, 3200, 6400, 12_800];

/** Losses by a law, a little uneven, of six models. */
function curves() {
  const rows = Array.from({ length: 6 }, (_, model) => [`model-${"abcdef"[model]}`, ...SIZES.map((size, at) => (1.2 + 0.05 * model + (4 - 0.3 * model) * size ** (-0.18 - 0.01 * model) + 0.004 * ((model * 7 + at * 5) % 3)).toFixed(5)), (model + 1) * 1e8]);
  return `${[["name", ...SIZES, "size"], ...rows].map((row) => row.join(",")).join("\n")}\n`;
}

async function drop(path, contextOptions) {
  const opened = await openPage(stage.browser, stage.server.address, contextOptions);
  await opened.page.setInputFiles("#file-input", path);
  await opened.page.waitForSelector("#choose #save-json, #choose h1.bad, #failure");
  return opened;
}

test("learning curves are ranked as on the command line, drawn, and say what to run next", { timeout: 60_000 }, async () => {
  const path = join(stage.folder, "curves.csv");
  writeFileSync(path, curves());
  const { context, page, complaints } = await drop(path);
  await page.selectOption("#wish-budget", "3200");
  await page.fill("#wish-target", "51200");
  await page.press("#wish-target", "Tab");
  await page.waitForFunction(() => /51[.]2k/.test(document.querySelector("#choose-line").textContent) && !document.querySelector("#choose-answer[aria-busy]"));
  const report = JSON.parse(await downloadText(page, "#save-json"));
  const natively = JSON.parse(foretune(["rank", "curves", path, "--budget", "3200", "--target", "51200", "--json"]));
  assert.deepEqual(report.ranking, natively.ranking);
  assert.deepEqual(report.next, natively.next);
  assert.match(await page.innerText("#choose-line"), new RegExp(`^${report.ranking[0].name} (is expected to be best|comes first)`));
  assert.equal(await page.locator("#ranking svg circle.hollow").count(), 6);
  assert.equal(await page.locator("#fits svg polyline").count(), 12);
  assert.ok((await page.locator("#next-runs tbody tr").count()) >= 3);
  assert.match(await downloadText(page, "#save-svg"), /^<svg /);
  assert.deepEqual(await faultsOfLooks(page, "choose"), []);
  assert.deepEqual(complaints, []);
  await context.close();
});

test("a fault of the table is told with its row and column, and a dataset stays one", { timeout: 60_000 }, async () => {
  const path = join(stage.folder, "broken-curves.csv");
  writeFileSync(path, curves().replace(/(model-c,[^,]+,)[^,]+/, "$1high"));
  const { context, page } = await drop(path);
  const line = await page.innerText("#choose-line");
  assert.match(line, /Row 4, column "400"/);
  // The person may know better than the recognition.
  await page.click("text=Check it as a dataset");
  await page.waitForSelector("#verdict");
  await context.close();
});

test("checkpoints and scores of small models have their own forms", { timeout: 60_000 }, async () => {
  const indicators = Array.from({ length: 14 }, (_, row) => [`v${row}`, row < 11 ? (50 + row * 1.5 + ((row * 5) % 4)).toFixed(2) : "", (0.3 + row * 0.01).toFixed(3), (0.1 + ((row * 3) % 7) * 0.01).toFixed(3), (20 + row + ((row * 7) % 5)).toFixed(1)]);
  const checkpoints = join(stage.folder, "checkpoints.csv");
  writeFileSync(checkpoints, `${[["model", "sft_qa", "inv_ppl", "repeat", "kshot"], ...indicators].map((row) => row.join(",")).join("\n")}\n`);
  const { context, page } = await drop(checkpoints);
  assert.match(await page.innerText("#choose-line"), /^v\d+ (is expected to fine-tune best|comes first) \(sft_qa\)/);
  const report = JSON.parse(await downloadText(page, "#save-json"));
  const natively = JSON.parse(foretune(["rank", "checkpoints", checkpoints, "--target", "sft_qa", "--json"]));
  assert.deepEqual(report.ranking, natively.ranking);

  const tasks = ["alpha", "beta", "gamma", "delta"];
  const sizes = [["70m", 7e7], ["160m", 1.6e8], ["410m", 4.1e8], ["1b", 1e9], ["3b", 3e9]];
  const rows = sizes.flatMap(([name, params], at) => tasks.flatMap((task, index) => ["acc", "em"].map((metric) => [name, params, task, metric, (0.2 + index * 0.05 + at * (0.03 + 0.02 * index) + (metric === "em" ? -0.05 : 0)).toFixed(4)])));
  const scores = join(stage.folder, "scores.csv");
  writeFileSync(scores, `${[["size", "params", "task", "metric", "value"], ...rows].map((row) => row.join(",")).join("\n")}\n`);
  await page.click("#another");
  await page.setInputFiles("#file-input", scores);
  await page.waitForFunction(() => /3b is expected to score/.test(document.querySelector("#choose-line")?.textContent ?? ""));
  const scaled = JSON.parse(await downloadText(page, "#save-json"));
  const expected = JSON.parse(foretune(["scale", scores, "--small", "70m,160m,410m,1b", "--target", "3b", "--where", "metric=acc", "--json"]));
  assert.equal(scaled.score, expected.score);
  assert.deepEqual(scaled.per_task, expected.per_task);
  await context.close();
});

