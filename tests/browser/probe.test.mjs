// Connecting to an agent and watching a probe, with an agent that the test plays.

import assert from "node:assert/strict";
import { test } from "node:test";
import { AgentDouble } from "./support/agent-double.mjs";
import { faultsOfLooks } from "./support/looks.mjs";
import { syntheticData, syntheticPredictor } from "./support/places.mjs";
import { suite } from "./support/suite.mjs";

let predictor;
let data;
let runs;
const stage = suite(({ folder }) => {
  ({ predictor, runs } = syntheticPredictor(folder));
  data = syntheticData(folder);
});

async function open(agent, options) {
  const context = await stage.browser.newContext({ viewport: { width: 1280, height: 900 } });
  await agent.attach(context, options);
  const page = await context.newPage();
  await page.goto(stage.server.address);
  await page.waitForSelector("#drop-target");
  return { context, page };
}

async function connect(page, link = "http://127.0.0.1:7878/#pair=one-time-code") {
  await page.click("#agent summary");
  await page.fill("#pairing", link);
  await page.click("#connect-agent");
}

async function until(condition) {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 20));
}

const connected = (page) => page.waitForFunction(() => /connected to/.test(document.querySelector("#agent-status")?.textContent ?? ""));

test("where the browser or the agent refuses, the page says what can be done", { timeout: 60_000 }, async () => {
  const agent = new AgentDouble();
  const { context, page } = await open(agent, { reachable: false });
  await connect(page);
  await page.waitForSelector("#agent-help a");
  assert.equal(await page.getAttribute("#agent-help a", "href"), "http://127.0.0.1:7878/#pair=one-time-code");
  assert.match(await page.innerText("#agent-help"), /foretune serve/);
  assert.equal(agent.heard.length, 0, "the secret went nowhere");
  await context.close();

  const other = await open(agent);
  await connect(other.page, "http://127.0.0.1:7878/#pair=a-wrong-secret");
  await other.page.waitForFunction(() => /wrong, or has been replaced.*[Oo]pen the pairing link anew/.test(document.querySelector("#agent-status")?.textContent ?? ""));
  await other.page.fill("#pairing", "https://example.org/#pair=one-time-code");
  await other.page.click("#connect-agent");
  assert.match(await other.page.innerText("#agent-help"), /no pairing link of this computer/);
  await other.context.close();
});

test("a probe is watched live, survives a lost connection and a reload, and is stopped by hand", { timeout: 120_000 }, async () => {
  const agent = new AgentDouble();
  const { context, page } = await open(agent);
  await connect(page);
  await connected(page);
  await page.setInputFiles("#file-input", data);
  await page.waitForSelector("#verdict");
  await page.setInputFiles("#predictor-file", predictor);
  await page.waitForSelector("#forecast-score");
  await page.click("#start-probe");
  await page.waitForSelector("#probe-live");
  const { job } = agent.said("start")[0];
  assert.equal(job.model, "tiny");
  assert.equal(job.recipe.learning_rate, 1e-3);
  assert.equal([...agent.received.values()][0].trimEnd().split("\n").length, 600);

  const readings = runs[6].readings;
  agent.tell("start", { model: "tiny", features: runs[6].features });
  for (let step = 1; step <= 20; step += 1) {
    agent.step(step);
    const reading = readings.find((known) => known.step === step);
    if (reading) agent.tell("reading", reading);
  }
  await page.waitForFunction(() => /Step 20/.test(document.querySelector("#probe-state").textContent));
  assert.ok((await page.locator("#probe-live svg polyline").count()) >= 4);
  // The forecast goes along.
  await page.waitForFunction(() => /3 readings of the probe, for the recipe/.test(document.querySelector("#forecast-trace")?.textContent ?? ""));
  await page.waitForSelector("#probe-live svg polygon");
  assert.deepEqual(await faultsOfLooks(page, "probe"), []);

  // Lost, and taken up where it was: nothing twice, nothing missing.
  agent.drop();
  await page.waitForFunction(() => /is lost/.test(document.querySelector("#probe-note").textContent));
  for (let step = 21; step <= 30; step += 1) agent.step(step);
  await page.waitForFunction(() => /Step 30/.test(document.querySelector("#probe-state").textContent), { timeout: 30_000 });
  const last = agent.said("subscribe").at(-1);
  assert.ok(last.from > 20, `asked again from ${last.from}`);
  assert.equal(agent.said("hello").at(-1).token, "kept-secret");

  await page.reload();
  await page.waitForFunction(() => /Step 30/.test(document.querySelector("#probe-state")?.textContent ?? ""), { timeout: 30_000 });
  await page.check("#loss-log");
  await page.click("#stop-probe");
  await until(() => agent.said("stop_early").length === 1);
  agent.tell("result", { steps: 30, tokens_per_second: 1234, peak_memory_bytes: 2 ** 30, stopped_because: "stopped_by_hand" });
  agent.tell("done", { answer: "yes", stopped_early: true });
  await page.waitForFunction(() => /Stopped at step 30/.test(document.querySelector("#probe-state").textContent));
  assert.match(await page.innerText("#probe-result"), /1,234 tokens a second/);
  assert.ok(await page.locator("#stop-probe").isHidden());
  await context.close();
});

test("jobs stand side by side, with one pinned, only what differs, in the order of any column", { timeout: 60_000 }, async () => {
  const agent = new AgentDouble();
  const job = (number, recipe, score) => ({ job: number, title: `try ${number}`, spec: { kind: "probe", data: { upload: "x" }, model: "tiny", recipe }, state: "done", attempts: 1, created_ms: 1, started_ms: 2, ended_ms: 3, last_seq: 0, done: 100, total: 100, score, error: null });
  const measured = { tokens_per_second: 2500, peak_memory_bytes: 1.5 * 2 ** 30 };
  agent.jobs = [job(3, { learning_rate: 5e-4, rank: 8 }, null), { ...job(2, { learning_rate: 1e-3, rank: 8, batch_size: 16 }, 61), measured }, job(1, { learning_rate: 1e-4, rank: 8 }, 55)];
  const { context, page } = await open(agent);
  await connect(page);
  await page.waitForSelector("#jobs tbody tr");
  await page.locator("#jobs tbody tr >> nth=2").getByRole("button", { name: "Pin" }).click();
  await page.waitForSelector("#jobs tr.pinned");
  assert.match(await page.innerText("#jobs tbody tr >> nth=1"), /\+6\.0/);
  assert.match(await page.innerText("#jobs thead"), /rank/);
  await page.check("#only-differences");
  assert.doesNotMatch(await page.innerText("#jobs thead"), /rank/);
  assert.match(await page.innerText("#jobs thead"), /learning rate/);
  const sortBy = (name) => page.locator("#jobs thead").getByRole("button", { name }).click();
  const order = async () => (await page.locator("#jobs tbody th").allInnerTexts()).map((text) => Number.parseInt(text, 10));
  await sortBy("Score");
  assert.deepEqual(await order(), [2, 1, 3]);
  assert.equal(await page.locator("#jobs th[aria-sort]").getAttribute("aria-sort"), "descending");
  await sortBy("Score");
  assert.deepEqual(await order(), [1, 2, 3], "jobs without a score stay last");
  await sortBy("learning rate");
  assert.deepEqual(await order(), [2, 3, 1]);
  assert.match(await page.evaluate(() => document.activeElement.textContent), /learning rate/);
  // What one of them took is the measure for the next: 600 rows of a few tokens each.
  await page.setInputFiles("#file-input", data);
  await page.waitForSelector("#probe-outlay");
  assert.match(await page.innerText("#probe-outlay"), /^About [\d.]+ s for 100 steps, readings left out: job 2 of this model trained on 2,500 tokens a second here, and it took 1\.5 GiB at most with 16 rows a step$/);
  await page.fill("#probe-other-model", "another");
  await page.press("#probe-other-model", "Tab");
  assert.match(await page.innerText("#probe-outlay"), /known once a job of this model has run here/);
  assert.deepEqual(await faultsOfLooks(page, "jobs", [360, 1600]), []);
  await context.close();
});
