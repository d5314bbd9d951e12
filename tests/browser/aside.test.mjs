// Clean rows set aside by a click, for the bundled model's probe and for an agent's.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { AgentDouble } from "./support/agent-double.mjs";
import { downloadText, dropFile, openPage } from "./support/chromium.mjs";
import { faultsOfLooks } from "./support/looks.mjs";
import { foretune, syntheticData, syntheticPredictor } from "./support/places.mjs";
import { suite } from "./support/suite.mjs";

let predictor;
let data;
let few;
const stage = suite(({ folder }) => {
  data = syntheticData(folder);
  ({ predictor } = syntheticPredictor(folder));
  few = join(folder, "few.jsonl");
  writeFileSync(few, Array.from({ length: 24 }, (_, row) => `${JSON.stringify({ prompt: `What is number ${row * 7919}?`, completion: "a number" })}\n`).join(""));
});

const stateIs = (page, pattern) => page.waitForFunction((source) => new RegExp(source).test(document.querySelector("#probe-state")?.textContent ?? ""), pattern.source, { timeout: 120_000 });
const says = (page, selector, pattern) => page.waitForFunction(([place, source]) => new RegExp(source).test(document.querySelector(place)?.textContent ?? ""), [selector, pattern.source], { timeout: 60_000 });

test("rows set aside in the page are those of the command line, and the record names them", { timeout: 240_000 }, async () => {
  const { context, page, complaints } = await openPage(stage.browser, stage.server.address);
  await page.setInputFiles("#file-input", data);
  await page.waitForSelector("#probe-here");
  await says(page, "#probe-here", /Without evaluation rows a probe tells little more/);
  await says(page, "#here-certainty", /a predictor tells: none is at hand/);
  await page.waitForFunction(() => document.querySelector("#here-aside-rows").value === "120");
  await page.setInputFiles("#predictor-file", predictor);
  await says(page, "#here-certainty", /Where the predictor knows this model: at step 100 of the probe 90 % of runs end within about ±[\d.]+ points of the forecast; with evaluation rows within about ±[\d.]+/);
  const numbers = async () => [...(await page.innerText("#here-certainty")).matchAll(/±([\d.]+)/g)].map((found) => Number(found[1]));
  const [without, withRows] = await numbers();
  await page.check("#here-aside");
  await says(page, "#probe-here", /Drawn by the seed 0, which is recorded with the probe/);
  await says(page, "#here-certainty", /; without evaluation rows within/);
  assert.deepEqual(await numbers(), [withRows, without]);
  assert.ok(withRows < without, `with ${withRows}, without ${without}`);
  assert.deepEqual(await faultsOfLooks(page, "aside", [360, 1280]), []);

  await page.fill("#here-aside-rows", "40");
  await page.locator("#probe-here details").evaluate((details) => (details.open = true));
  for (const [name, value] of Object.entries({ learning_rate: "0.005", epochs: "3", batch_size: "4", rank: "4", sequence_length: "64", steps: "5" })) await page.fill(`#probe-${name}`, value);
  await page.click("#start-here");
  await stateIs(page, /Done after 5 steps/);
  const native = JSON.parse(foretune(["probe", data, "--model", "tiny", "--set-aside", "40", "--device", "cpu", "--json", "--lr", "0.005", "--batch", "4", "--rank", "4", "--max-tokens", "64", "--steps", "5"]));
  const [start, ...rest] = (await downloadText(page, "#save-trace")).trimEnd().split("\n").map((line) => JSON.parse(line));
  assert.deepEqual(start.set_aside, native.set_aside);
  assert.equal(start.evaluation, 40);
  assert.equal(start.rows, 560);
  assert.match(await page.innerText("#probe-aside"), new RegExp(`40 clean rows of the file, set aside by the seed 0 .fingerprint ${native.set_aside.fingerprint}`));
  const read = rest.filter(({ type }) => type === "reading").at(-1).features;
  assert.ok(Math.abs(read.eval_loss - native.features.eval_loss) < 1e-3, `${read.eval_loss} ${native.features.eval_loss}`);
  assert.deepEqual(complaints, []);
  await context.close();
});

test("the forecast knows what rows set aside tell of the others, and does without it where a trace does not say", { timeout: 240_000 }, async () => {
  const { context, page, complaints } = await openPage(stage.browser, stage.server.address);
  await page.setInputFiles("#file-input", data);
  await page.click("#use-shipped");
  await page.waitForSelector("#forecast-score");
  await page.fill("#forecast-threshold", "30");
  await page.check("#here-aside");
  await page.locator("#probe-here details").evaluate((details) => (details.open = true));
  for (const [name, value] of Object.entries({ learning_rate: "0.002", epochs: "3", batch_size: "8", rank: "8", sequence_length: "64", steps: "10" })) await page.fill(`#probe-${name}`, value);
  await page.click("#start-here");
  await stateIs(page, /Done after 10 steps/);
  await says(page, "#forecast-trace", /3 readings of the bundled model's probe/);
  const missing = async () => {
    await page.waitForFunction(() => document.querySelector("#forecast-score") && !document.querySelector("#forecast-answer[aria-busy]"));
    const { forecast } = JSON.parse(await downloadText(page, "#save-forecast"));
    return forecast.outside.filter(({ name, value }) => value === null && name.startsWith("eval_")).map(({ name }) => name);
  };
  assert.deepEqual(await missing(), []);
  if (process.env.FORETUNE_SCREENSHOTS) await page.locator("#forecast").screenshot({ path: join(process.env.FORETUNE_SCREENSHOTS, "aside-forecast.png") });

  // A trace of the command line tells them as well.
  const dropped = async (path, name) => {
    await dropFile(page, path, name);
    await says(page, "#forecast-trace", new RegExp(`3 readings of ${name.replace(".", "\\.")}`));
    return missing();
  };
  const native = join(stage.folder, "native.trace");
  foretune(["probe", data, "--model", "tiny", "--set-aside", "120", "--device", "cpu", "--lr", "0.002", "--batch", "8", "--rank", "8", "--max-tokens", "64", "--steps", "10", "--stop", "never", "--out", native]);
  assert.deepEqual(await dropped(native, "native.trace"), []);

  // As a program told it that knew nothing of them.
  const lines = (await downloadText(page, "#save-trace")).trimEnd().split("\n").map((line) => JSON.parse(line));
  const told = Object.keys(lines[0].features).filter((name) => name.startsWith("eval_"));
  assert.equal(told.length, 7);
  for (const name of told) delete lines[0].features[name];
  const older = join(stage.folder, "older.trace");
  writeFileSync(older, lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
  assert.ok((await dropped(older, "older.trace")).includes("eval_constant_score"));
  assert.deepEqual(complaints, []);
  await context.close();
});

test("of too few rows none can be set aside, and an evaluation file takes their place", { timeout: 120_000 }, async () => {
  const { context, page } = await openPage(stage.browser, stage.server.address);
  await page.setInputFiles("#file-input", few);
  await page.waitForSelector("#probe-here");
  await says(page, "#probe-here", /Too few rows to set any aside: 24 rows/);
  assert.ok(await page.locator("#here-aside").isDisabled());
  await page.setInputFiles("#evaluation-file", data);
  await says(page, "#probe-here", /Evaluation rows: items\.jsonl/);
  assert.equal(await page.locator("#here-aside").count(), 0);
  await context.close();
});

test("an agent is told how many rows to set aside, and by which seed", { timeout: 120_000 }, async () => {
  const agent = new AgentDouble();
  const context = await stage.browser.newContext({ viewport: { width: 1280, height: 900 } });
  await agent.attach(context);
  const page = await context.newPage();
  await page.goto(stage.server.address);
  await page.click("#agent summary");
  await page.fill("#pairing", "http://127.0.0.1:7878/#pair=one-time-code");
  await page.click("#connect-agent");
  await says(page, "#agent-status", /connected to/);
  await page.setInputFiles("#file-input", data);
  await page.waitForSelector("#start-probe");
  await page.waitForFunction(() => document.querySelector("#agent-probe-aside-rows").value === "120");
  await page.check("#agent-probe-aside");
  await page.click("#start-probe");
  await page.waitForSelector("#probe-live");
  const { job } = agent.said("start")[0];
  assert.deepEqual(job.set_aside, { rows: 120, seed: 0 });
  assert.equal(job.eval, undefined);
  agent.tell("start", { model: "tiny", set_aside: { rows: 120, wanted: 120, seed: 0, fingerprint: "00112233445566aa" }, copies_left_out: 2 });
  await says(page, "#probe-aside", /120 clean rows of the file, set aside by the seed 0.*; 2 copies of them left out/);
  await context.close();
});
