// The forecast, its link and the logs of other programs, with a predictor of made-up runs.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { downloadBytes, downloadText, dropFile, openPage } from "./support/chromium.mjs";
import { faultsOfLooks } from "./support/looks.mjs";
import { assertNothingLeft } from "./support/nothing-left.mjs";
import { foretune, syntheticData, syntheticPredictor } from "./support/places.mjs";
import { suite } from "./support/suite.mjs";

let predictor;
let data;
let runs;
const stage = suite(({ folder }) => {
  ({ predictor, runs } = syntheticPredictor(folder));
  data = syntheticData(folder);
});

/** The dataset checked, the predictor at hand, and the recipe of the tests. */
async function forecast(contextOptions) {
  const opened = await openPage(stage.browser, stage.server.address, contextOptions);
  const { page } = opened;
  await page.setInputFiles("#file-input", data);
  await page.waitForSelector("#verdict");
  await page.setInputFiles("#predictor-file", predictor);
  await page.waitForSelector("#forecast-score");
  await set(page, "Learning rate", "0.001");
  await set(page, "Fixed steps", "300");
  return opened;
}

async function set(page, label, value) {
  const field = page.locator("#forecast").getByLabel(label, { exact: true });
  await field.fill(value);
  await field.press("Tab");
  await settled(page);
}

const settled = (page) => page.waitForFunction(() => document.querySelector("#forecast-score") && !document.querySelector("#forecast-answer[aria-busy]"));

const asked = (extra = []) => JSON.parse(foretune(["forecast", data, "--predictor", predictor, "--lr", "0.001", "--max-steps", "300", "--json", ...extra]));

function traceFile() {
  const path = join(stage.folder, "probe.trace");
  const readings = runs[6].readings.filter((reading) => reading.step <= 100);
  writeFileSync(path, [{ type: "start", trace_version: 1 }, ...readings.map((reading) => ({ type: "reading", ...reading }))].map((line) => `${JSON.stringify(line)}\n`).join(""));
  return path;
}

test("without a predictor the page says so; with one it forecasts what the command line forecasts", { timeout: 90_000 }, async () => {
  const { context, page, complaints } = await openPage(stage.browser, stage.server.address);
  await page.setInputFiles("#file-input", data);
  await page.waitForSelector("#verdict");
  assert.match(await page.innerText("#forecast"), /A forecast needs a predictor of your model/);
  await page.setInputFiles("#predictor-file", predictor);
  await page.waitForSelector("#forecast-score");
  await set(page, "Learning rate", "0.001");
  await set(page, "Fixed steps", "300");
  await set(page, "The score that the run must reach", "30");
  const natively = asked(["--threshold", "30"]);
  const here = JSON.parse(await downloadText(page, "#save-forecast"));
  assert.deepEqual(here.forecast, Object.fromEntries(Object.entries(natively).filter(([name]) => name !== "what_if" && name !== "ended")));
  assert.deepEqual(here.what_if, natively.what_if);
  const outlook = (await page.innerText("#outlook")).replaceAll(/\s+/g, " ");
  assert.ok(natively.outlook.with_more.length >= 2);
  for (const { words, half_width_points: points } of natively.outlook.with_more) assert.ok(outlook.includes(`${words} ±${Math.round(points)} `), `${words}: ${outlook}`);
  assert.ok((await page.locator(".reasons li").count()) >= 4);
  await page.locator(".reasons summary >> nth=0").click();
  assert.ok((await page.locator(".reasons details[open] p").count()) >= 1);
  assert.deepEqual(await faultsOfLooks(page, "forecast"), []);
  assert.deepEqual(complaints, []);
  await context.close();
});

test("the predictor that comes with the page is the program's own and says whose it is", { timeout: 90_000 }, async () => {
  const { context, page, complaints } = await openPage(stage.browser, stage.server.address);
  await page.setInputFiles("#file-input", data);
  await page.waitForSelector("#verdict");
  await page.click("#use-shipped");
  await settled(page);
  assert.match(await page.innerText("#forecast"), /bundled 0\.6-million-parameter model/);
  // The recipe is nobody's yet: both begin with the same one, which the predictor has seen the like of.
  const here = JSON.parse(await downloadText(page, "#save-forecast")).forecast;
  const natively = JSON.parse(foretune(["forecast", data, "--json"]));
  assert.ok(here.score > 0 && here.interval[0] < here.score, JSON.stringify(here));
  assert.equal(here.stage, natively.stage);
  // Its lengths are counted by that model's tokenizer, though the check's are estimates.
  assert.match(await page.innerText("#forecast-lengths"), /counted in the bundled model's tokens/);
  assert.equal(here.score, natively.score);
  assert.deepEqual(here.interval, natively.interval);
  const recipe = ["learning_rate", "epochs", "total_steps", "batch_size", "lora_rank", "sequence_length"];
  assert.deepEqual(here.outside.filter(({ name }) => recipe.includes(name)), []);
  for (const [label, value] of [["Learning rate", "0.001"], ["Longest row, in tokens", "512"]]) assert.equal(await page.locator("#forecast").getByLabel(label, { exact: true }).inputValue(), value);
  assert.deepEqual(complaints, []);
  await context.close();
});

test("lengths that nobody waits for are estimates, and are counted when asked again", { timeout: 90_000 }, async () => {
  const { context, page } = await openPage(stage.browser, stage.server.address, { serviceWorkers: "block" });
  const held = [];
  await page.route("**/bundled/tokenizer-*.json", (route) => void held.push(route));
  const asking = async () => {
    while (held.length === 0) await page.waitForTimeout(20);
    return held.pop();
  };
  await page.setInputFiles("#file-input", data);
  await page.waitForSelector("#verdict");
  await page.click("#use-shipped");
  await page.click("#lengths-leave");
  await settled(page);
  const score = async () => JSON.parse(await downloadText(page, "#save-forecast")).forecast.score;
  const estimated = await score();
  assert.match(await page.innerText("#forecast-lengths"), /^Lengths are estimates; the predictor has learnt from the bundled model's tokens/);
  // What was typed stays.
  await set(page, "Fixed steps", "120");
  await (await asking()).abort();
  await page.click("#lengths-again");
  await (await asking()).abort();
  await page.waitForFunction(() => /could not be loaded/.test(document.querySelector("#forecast-lengths").textContent));
  await page.unroute("**/bundled/tokenizer-*.json");
  await page.click("#lengths-again");
  await page.waitForFunction(() => /counted/.test(document.querySelector("#forecast-lengths").textContent));
  await page.waitForFunction((before) => document.querySelector("#forecast-score").textContent !== before, `${estimated.toFixed(1)} points`);
  await settled(page);
  assert.equal(await score(), JSON.parse(foretune(["forecast", data, "--max-steps", "120", "--json"])).score);
  assert.deepEqual(await faultsOfLooks(page, "lengths", [360, 1280]), []);
  await context.close();
});

test("a trace sharpens the forecast as on the command line; a strange recipe gets no verdict", { timeout: 90_000 }, async () => {
  const { context, page } = await forecast();
  const trace = traceFile();
  await dropFile(page, trace, "probe.trace");
  await page.waitForSelector("#forecast-trace:not([hidden])");
  await settled(page);
  // The recipe that was typed stays.
  await set(page, "The score that the run must reach", "20");
  const here = JSON.parse(await downloadText(page, "#save-forecast"));
  assert.equal(here.forecast.score, asked(["--trace", trace, "--threshold", "20"]).score);
  await set(page, "Learning rate", "3");
  assert.match(await page.innerText("#forecast-verdict"), /No verdict/);
  assert.match(await page.innerText("#outside"), /learning_rate is 3/);
  assert.ok((await page.locator("#forecast svg .hatch").count()) > 0, "the interval is hatched");
  await context.close();
});

test("the candidate stands on the phase diagram, in the region of its regime", { timeout: 90_000 }, async () => {
  const { context, page } = await forecast();
  const { forecast: here } = JSON.parse(await downloadText(page, "#save-forecast"));
  assert.ok(here.regime);
  const words = here.regime.replaceAll("-", " ");
  assert.match(await page.innerText("#regime .readout"), new RegExp(`^This candidate is ${words}: [\\d.]+ points of its error stay`));
  await page.click("#regime .as-table summary");
  // Filled when the browser says that it stands open, which is after the click.
  await page.waitForSelector("#regime .as-table tbody tr");
  assert.match(await page.innerText("#regime .as-table"), new RegExp(`regime\\s+${words}.*90 % between`, "s"));
  // The circle's centre lies in the region that has the regime's name, or on its border.
  const place = await page.evaluate(() => {
    const circle = document.querySelector("#regime .candidate");
    const [x, y] = ["cx", "cy"].map((name) => Number(circle.getAttribute(name)));
    const near = [[0, 0], [3, 0], [-3, 0], [0, 3], [0, -3]];
    return [...document.querySelectorAll("#regime .region")].map((region) => near.some(([dx, dy]) => region.isPointInFill(new DOMPoint(x + dx, y + dy))));
  });
  assert.ok(place[["static-sufficient", "dynamic-critical", "noise-dominant"].indexOf(here.regime)], `${here.regime}: ${place}`);
  await page.locator("#regime svg").focus();
  await page.keyboard.press("ArrowRight");
  assert.match(await page.innerText("#regime .readout"), /^this candidate: /);
  await context.close();
});

test("true scores are recorded beside the forecast and recalibrate the predictor as the command line does", { timeout: 120_000 }, async () => {
  const { context, page, complaints, requests } = await forecast();
  const score = async () => JSON.parse(await downloadText(page, "#save-forecast")).forecast.score;
  const first = await score();
  await page.click("#afterwards summary");
  await page.click("#record-score");
  assert.match(await page.innerText("#own-runs-told"), /Give the score/);
  for (const [rate, truth] of [["0.001", first + 4], ["0.002", first + 6]]) {
    await set(page, "Learning rate", rate);
    await page.fill("#true-score", String(truth));
    await page.click("#record-score");
    await page.waitForFunction(() => /Recorded in this browser: \+/.test(document.querySelector("#own-runs-told").textContent));
    await page.waitForFunction(() => document.querySelector("#true-score").value === "");
    await settled(page);
  }
  assert.equal(await page.locator("#own-runs tbody tr").count(), 2);
  assert.match(await page.innerText("#own-runs"), /[012] of 2 runs ended inside the interval/);
  assert.ok((await page.locator("#forecast-answer svg circle.hollow").count()) === 1, "the truth stands on the axis");
  const runFile = join(stage.folder, "own-runs.jsonl");
  writeFileSync(runFile, await downloadText(page, "#save-own-runs"));
  const before = await score();
  await page.click("#recalibrate");
  await page.waitForSelector("#save-predictor");
  await settled(page);
  assert.match(await page.innerText("#own-runs-told"), /Recalibrated with 2 runs: the forecast \+[\d.]+ points/);
  const [adjusted, out] = [await downloadBytes(page, "#save-predictor"), join(stage.folder, "recalibrated.onnx")];
  const natively = JSON.parse(foretune(["fit", runFile, "--recalibrate", predictor, "--out", out, "--json"]));
  assert.equal(natively.runs, 2);
  assert.ok(adjusted.bytes.equals(readFileSync(out)), "the same file, to the byte");
  assert.ok(Math.abs((await score()) - (natively.offset + natively.scale * before)) < 1e-6);
  // Again from the same runs is the same predictor, and a reload keeps the runs.
  await page.click("#recalibrate");
  await settled(page);
  assert.ok((await downloadBytes(page, "#save-predictor")).bytes.equals(adjusted.bytes));
  assert.deepEqual(await faultsOfLooks(page, "afterwards", [360, 1600]), []);
  await page.reload();
  await page.setInputFiles("#file-input", data);
  await page.waitForSelector("#verdict");
  await page.setInputFiles("#predictor-file", predictor);
  await page.click("#afterwards summary");
  await page.getByRole("button", { name: "Forget the run of" }).first().click();
  await page.waitForFunction(() => document.querySelectorAll("#own-runs tbody tr").length === 1);
  assertNothingLeft(requests, stage.server.address);
  assert.deepEqual(complaints, []);
  await context.close();
});

test("a link opens as the same forecast elsewhere, and only claims without its predictor", { timeout: 90_000 }, async () => {
  const { context, page } = await forecast({ permissions: ["clipboard-read", "clipboard-write"] });
  await set(page, "The score that the run must reach", "30");
  await page.click("#copy-link");
  const link = await page.inputValue("#link-text");
  assert.match(link, /#f1\.[\w-]+$/);
  assert.ok(link.split("#")[1].length < 2000);
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), link);
  await page.click("#show-qr");
  await page.waitForSelector("svg.qr path");
  await context.close();
  const natively = JSON.parse(foretune(["link", "open", link, "--predictor", predictor, "--json"]));
  assert.equal(natively.agrees, true);

  const other = await openPage(stage.browser, link, {}, "#link, #failure");
  assert.match(await other.page.innerText("#link-status"), /Only claimed/);
  assert.match(await other.page.innerText("#claimed"), /items\.jsonl/);
  assert.equal(await other.page.locator("#save-card-png").count(), 0, "nothing was computed that a card could say");
  await other.page.setInputFiles("#predictor-file", predictor);
  await other.page.waitForFunction(() => /claims the same/.test(document.querySelector("#link-status")?.textContent ?? ""));
  assert.equal(await other.page.innerText("#forecast-score"), `${natively.recomputed.score.toFixed(1)} points`);
  const first = await other.page.innerText("#forecast-score");
  const card = await downloadBytes(other.page, "#save-card-html");
  assert.equal(card.name, "items.forecast.html");
  assert.equal(/href="([^"]+)"/.exec(card.bytes.toString("utf8"))[1], link, "the card leads to the link that was opened");
  assert.ok(card.bytes.includes(first), "and says what was computed of it");
  assert.match(await downloadText(other.page, "#save-card-svg"), /^<svg/);
  assert.equal((await downloadBytes(other.page, "#save-card-png")).bytes.subarray(1, 4).toString("latin1"), "PNG");
  if (process.env.FORETUNE_SCREENSHOTS) await other.page.screenshot({ path: join(process.env.FORETUNE_SCREENSHOTS, "link-card.png"), fullPage: true });
  await other.page.fill("#own-learning_rate", "0.003");
  await other.page.press("#own-learning_rate", "Tab");
  await other.page.waitForFunction((before) => document.querySelector("#forecast-score").textContent !== before, first);
  assert.deepEqual(await faultsOfLooks(other.page, "link"), []);
  assert.deepEqual(other.complaints, []);
  await other.context.close();
});

test("a link that was cut or made by someone else is refused in words", { timeout: 60_000 }, async () => {
  for (const [fragment, words] of [["#f1.AAAA", /changed on its way|not made by Foretune/], ["#f9.AAAA", /newer Foretune/]]) {
    const { context, page } = await openPage(stage.browser, stage.server.address + fragment, {}, "#link, #failure");
    assert.match(await page.innerText("#failure"), words);
    await context.close();
  }
});

test("logs of other programs become a partial trace, and wrong kinds of files are called by their name", { timeout: 60_000 }, async () => {
  const history = Array.from({ length: 30 }, (_, index) => ({ step: index + 1, loss: 3 / (index + 1), grad_norm: 1.5, learning_rate: 1e-4, epoch: (index + 1) / 30 }));
  const path = join(stage.folder, "trainer_state.json");
  writeFileSync(path, JSON.stringify({ epoch: 1, global_step: 30, max_steps: 90, num_train_epochs: 3, log_history: [...history, { step: 20, eval_loss: 1.25 }] }));
  const { context, page, complaints } = await openPage(stage.browser, stage.server.address);
  await page.setInputFiles("#file-input", path);
  await page.waitForSelector("#imported");
  assert.match(await page.innerText("#imported-line"), /30 logged steps, 3 readings/);
  assert.ok((await page.locator("#imported svg polyline").count()) >= 3);
  assert.deepEqual(await faultsOfLooks(page, "imported", [360, 1600]), []);
  await page.click("text=Use it for a forecast");
  await page.waitForSelector("#drop-target");
  const broken = join(stage.folder, "broken.onnx");
  writeFileSync(broken, "this is no predictor");
  await page.setInputFiles("#file-input", broken);
  await page.waitForSelector("#failure");
  assert.match(await page.innerText("#failure"), /broken\.onnx, a predictor/);
  assert.deepEqual(complaints, []);
  await context.close();
});
