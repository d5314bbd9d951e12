// A probe without any agent: the bundled model in a worker of the page, beside the command line.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { downloadText, openPage } from "./support/chromium.mjs";
import { faultsOfLooks } from "./support/looks.mjs";
import { assertNothingLeft } from "./support/nothing-left.mjs";
import { foretune, syntheticData, syntheticPredictor } from "./support/places.mjs";
import { suite } from "./support/suite.mjs";

// Sums inside matrix products are taken in another order than by AVX kernels; the same bounds as tests/proxy.
const LOSS_TOLERANCE = 1e-4;
const STEPS = 10;
const RECIPE = { learning_rate: "0.005", epochs: "3", batch_size: "4", rank: "4", sequence_length: "64" };
const FLAGS = ["--lr", "0.005", "--batch", "4", "--rank", "4", "--max-tokens", "64", "--steps", String(STEPS)];

let data;
let clean;
let strange;
let fitting;
let beside;
const stage = suite(({ folder }) => {
  data = syntheticData(folder);
  clean = join(folder, "clean.jsonl");
  writeFileSync(clean, Array.from({ length: 24 }, (_, row) => `${JSON.stringify({ prompt: `Is item ${1000 + row} ${["good", "bad", "odd"][row % 3]}?`, completion: ["yes", "no", "maybe"][row % 3] })}\n`).join(""));
  strange = syntheticPredictor(folder).predictor;
  const bundled = JSON.parse(foretune(["probe", data, "--model", "tiny", "--steps", "1", "--json"])).features.base_parameters;
  fitting = syntheticPredictor(folder, "of-the-bundled", (run) => ({ ...run, base_model: { ...run.base_model, name: "tiny", parameters: bundled } })).predictor;
  // Of larger models, beside whose runs the bundled one was probed and trained to the end.
  beside = syntheticPredictor(folder, "beside-the-bundled", (run) => ({ ...run, proxy: proxyOf(run), base_model: { ...run.base_model, parameters: 100 * bundled } })).predictor;
});

function proxyOf({ readings, smaller_model_score: end }) {
  const { features } = readings.find(({ step }) => step === 100);
  const probed = Object.fromEntries(["eval_score", "eval_loss", "held_out_loss"].map((name) => [`proxy_${name}`, features[name]]));
  return { ...probed, proxy_final_score: end };
}

async function checked(options = {}) {
  const opened = await openPage(stage.browser, stage.server.address);
  const { page } = opened;
  await page.setInputFiles("#evaluation-file", clean);
  await page.setInputFiles("#file-input", data);
  await page.waitForSelector("#verdict");
  if (options.predictor) {
    await page.setInputFiles("#predictor-file", options.predictor);
    await page.waitForSelector("#forecast-score");
  }
  return opened;
}

async function start(page, values = {}) {
  await page.locator("#probe-here details").evaluate((details) => (details.open = true));
  for (const [name, value] of Object.entries({ ...RECIPE, steps: String(STEPS), ...values })) await page.fill(`#probe-${name}`, value);
  await page.click("#start-here");
}

const stateIs = (page, pattern) => page.waitForFunction((source) => new RegExp(source).test(document.querySelector("#probe-state")?.textContent ?? ""), pattern.source, { timeout: 120_000 });

test("the bundled model is probed in the page as on the command line, and nothing leaves it", { timeout: 240_000 }, async () => {
  const { context, page, requests, complaints } = await checked({ predictor: strange });
  const isOfProbe = ({ url }) => /\/(proxy|probing)-|\/bundled\//.test(url);
  assert.deepEqual(requests.filter(isOfProbe), [], "nothing of it is loaded before it is wanted");
  const before = await page.innerText("#forecast-score");
  assert.match(await page.innerText("#probe-here"), /not your model's probe/);
  assert.match(await page.innerText("#probe-here"), /Evaluation rows: clean\.jsonl/);
  await start(page);
  await stateIs(page, /Done after 10 steps/);
  assert.ok((await page.locator("#probe-live svg polyline").count()) >= 4);
  assert.match(await page.innerText("#probe-result"), /tokens a second.*ended because/s);
  assert.equal(new Set(requests.filter(isOfProbe).map(({ url }) => url)).size, 5);

  const trace = join(stage.folder, "native.trace");
  foretune(["probe", data, "--model", "tiny", "--eval", clean, "--device", "cpu", "--json", "--out", trace, ...FLAGS]);
  const parsed = (text) => text.trimEnd().split("\n").map((line) => JSON.parse(line));
  const native = parsed(readFileSync(trace, "utf8")).filter(({ type }) => type !== "end");
  const here = parsed(await downloadText(page, "#save-trace"));
  assert.deepEqual(here.map(({ type, step }) => [type, step]), native.map(({ type, step }) => [type, step]));
  assert.equal(here.filter(({ type }) => type === "step").length, STEPS);
  for (const [index, line] of here.entries()) {
    const wanted = native[index];
    const pairs = line.type === "step" ? [[line.loss, wanted.loss]] : line.type === "reading" ? ["held_out_loss", "eval_loss"].map((name) => [line.features[name], wanted.features[name]]) : [];
    for (const [value, other] of pairs) assert.ok(Number.isFinite(other) && Math.abs(value - other) <= LOSS_TOLERANCE * other, `${line.type} ${line.step}: ${value}, native ${other}`);
  }
  // The predictor knows another model: its forecast is left as it was.
  assert.match(await page.innerText("#probe-note"), /Not used for the forecast: the predictor was fitted on probes of synthetic/);
  assert.equal(await page.innerText("#forecast-score"), before);
  assert.deepEqual(await faultsOfLooks(page, "here", [360, 1600]), []);
  assertNothingLeft(requests, stage.server.address);
  assert.deepEqual(complaints, []);
  await context.close();
});

test("the usual recipes suit the bundled model: its own predictor gives a verdict on short rows, before a probe and after it", { timeout: 240_000 }, async () => {
  const { context, page } = await openPage(stage.browser, stage.server.address);
  await page.click(".sample >> nth=1");
  await page.waitForSelector("#verdict");
  await page.click("#use-shipped");
  await page.waitForSelector("#forecast-score");
  await page.fill("#forecast-threshold", "50");
  await page.press("#forecast-threshold", "Tab");
  // Nothing of the forecast's own recipe is strange to it either, and the card knows what the page does not.
  await page.waitForFunction(() => /likely to end above 50\.0/.test(document.querySelector("#forecast-verdict")?.textContent ?? ""));
  await page.check("#here-aside");
  await page.locator("#probe-here details").evaluate((details) => (details.open = true));
  await page.fill("#probe-steps", String(STEPS));
  await page.click("#start-here");
  await stateIs(page, /Done after 10 steps/);
  await page.waitForFunction(() => /readings? of the bundled model/.test(document.querySelector("#forecast-trace")?.textContent ?? "") && /likely to end above 50\.0/.test(document.querySelector("#forecast-verdict")?.textContent ?? ""));
  assert.equal(await page.locator("#outside").count(), 0);
  await context.close();
});

test("where the predictor knows the bundled model its forecast goes along, until the readings are left out", { timeout: 240_000 }, async () => {
  const { context, page } = await checked({ predictor: fitting });
  const before = await page.innerText("#forecast-score");
  await start(page);
  await page.waitForFunction(() => /2 readings of the bundled model's probe/.test(document.querySelector("#forecast-trace")?.textContent ?? ""), null, { timeout: 120_000 });
  await stateIs(page, /Done after/);
  await page.waitForSelector("#probe-live svg polygon");
  assert.notEqual(await page.innerText("#forecast-score"), before);
  await page.click("#leave-readings-out");
  await page.waitForFunction((score) => document.querySelector("#forecast-score")?.textContent === score, before);
  await context.close();
});

test("a run that went to its end stands beside its forecast, which stays that of the readings before", { timeout: 240_000 }, async () => {
  const { context, page } = await checked({ predictor: fitting });
  await page.locator("#probe-here details").evaluate((details) => (details.open = true));
  await page.fill("#probe-epochs", "0.4");
  await page.check("#here-whole-run");
  await start(page, { epochs: "0.4" });
  await stateIs(page, /Done after 54 steps/);
  await page.waitForSelector("#forecast-ended");
  const lines = (await downloadText(page, "#save-trace")).trimEnd().split("\n").map((line) => JSON.parse(line));
  const last = lines.findLast(({ type }) => type === "reading");
  const { forecast, ended, features } = JSON.parse(await downloadText(page, "#save-forecast"));
  assert.deepEqual(ended, { step: lines[0].total_steps, score: last.features.eval_score });
  assert.ok(features.probe_step < ended.step);
  const inside = ended.score >= forecast.interval[0] && ended.score <= forecast.interval[1];
  assert.match(await page.innerText("#forecast-ended"), new RegExp(`${inside ? "inside" : "outside"} its interval`));
  assert.match(await page.innerText("#probe-live"), /It ended at [\d.]+; the last forecast was/);
  assert.equal(Number(await page.inputValue("#true-score")).toFixed(1), ended.score.toFixed(1));
  const trace = join(stage.folder, "whole.trace");
  writeFileSync(trace, lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
  const flags = ["--eval", clean, "--model", "tiny", "--lr", "0.005", "--batch", "4", "--rank", "4", "--max-tokens", "64", "--epochs", "0.4"];
  const native = JSON.parse(foretune(["forecast", data, "--predictor", fitting, "--trace", trace, "--json", ...flags]));
  assert.deepEqual(native.ended, ended);
  assert.ok(Math.abs(native.score - forecast.score) < 1e-9, `${native.score}, in the page ${forecast.score}`);
  await context.close();
});

test("a predictor of larger models takes the bundled one's probe as a smaller model's", { timeout: 240_000 }, async () => {
  const { context, page } = await checked({ predictor: beside });
  const before = await page.innerText("#forecast-score");
  await start(page);
  await page.waitForFunction(() => /2 readings of the bundled model's probe, as a smaller model's/.test(document.querySelector("#forecast-trace")?.textContent ?? ""), null, { timeout: 120_000 });
  await stateIs(page, /Done after/);
  assert.match(await page.innerText("#probe-live"), /Used for the forecast as a smaller model's probe/);
  assert.match(await page.innerText("#forecast-answer"), /Proxy probe/);
  assert.notEqual(await page.innerText("#forecast-score"), before);
  await page.click("#leave-readings-out");
  await page.waitForFunction((score) => document.querySelector("#forecast-score")?.textContent === score, before);
  await context.close();
});

test("the bundled model's whole run says how a smaller model's run ends, as on the command line", { timeout: 240_000 }, async () => {
  const { context, page } = await checked({ predictor: beside });
  await page.locator("#probe-here details").evaluate((details) => (details.open = true));
  await page.fill("#probe-epochs", "0.4");
  await page.check("#here-whole-run");
  assert.match(await page.innerText("#probe-here"), /Go on to the end of the run, at most 15 steps/);
  await start(page, { epochs: "0.4" });
  await stateIs(page, /Done after \d+ steps/);
  await page.waitForFunction(() => document.querySelector("#forecast-score") && !document.querySelector("#forecast-answer[aria-busy]"));
  const lines = (await downloadText(page, "#save-trace")).trimEnd().split("\n").map((line) => JSON.parse(line));
  const last = lines.findLast(({ type }) => type === "reading");
  assert.equal(last.step, lines[0].total_steps);
  const { features, forecast } = JSON.parse(await downloadText(page, "#save-forecast"));
  assert.equal(features.proxy_final_score, last.features.eval_score);
  assert.match(forecast.stage, /smaller model's finished run/);
  await context.close();
});

test("a probe in the page is stopped at once, and works without a network after its first use", { timeout: 240_000 }, async () => {
  const { context, page } = await checked();
  await page.evaluate(async () => {
    await navigator.serviceWorker.ready;
    while (!navigator.serviceWorker.controller) await new Promise((resolve) => setTimeout(resolve, 20));
  });
  await start(page, { epochs: "60", steps: "5000" });
  await stateIs(page, /Step [3-9] of \d+/);
  const workers = page.workers().length;
  await page.click("#stop-probe");
  await stateIs(page, /Stopped at step \d+: this is what there is/);
  const stopped = await page.innerText("#probe-state");
  while (page.workers().length >= workers) await page.waitForTimeout(20);
  assert.equal(await page.innerText("#probe-state"), stopped);
  assert.ok(await page.locator("#stop-probe").isHidden());

  await context.setOffline(true);
  await page.reload();
  await page.setInputFiles("#file-input", data);
  await page.waitForSelector("#verdict");
  assert.match(await page.innerText("#probe-here"), /Without evaluation rows/);
  await start(page, { steps: "3" });
  await stateIs(page, /Done after 3 steps/);
  // What the page shows no longer is not computed any more.
  await start(page, { epochs: "60", steps: "5000" });
  await stateIs(page, /Step [1-9] of \d+/);
  const running = page.workers().length;
  await page.click("#another");
  while (page.workers().length >= running) await page.waitForTimeout(20);
  await context.close();
});
