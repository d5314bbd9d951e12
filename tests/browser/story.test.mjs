// The whole story with a real daemon: from a dropped dataset to a link that a colleague opens, with a reload, a
// second tab, `kill -9` of the daemon and a replaced pairing secret on the way.

import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { downloadText, openPage } from "./support/chromium.mjs";
import { Daemon } from "./support/daemon.mjs";
import { faultsOfLooks } from "./support/looks.mjs";
import { syntheticData, syntheticPredictor } from "./support/places.mjs";
import { suite } from "./support/suite.mjs";

const PATIENCE = { timeout: 120_000 };
let predictor;
let data;
let clean;
let daemon;
const stage = suite(async ({ folder }) => {
  ({ predictor } = syntheticPredictor(folder));
  data = syntheticData(folder);
  clean = join(folder, "clean.jsonl");
  writeFileSync(clean, Array.from({ length: 30 }, (_, row) => `${JSON.stringify({ prompt: `Is item ${1000 + row} ${["good", "bad", "odd"][row % 3]}?`, completion: ["yes", "no", "maybe"][row % 3] })}\n`).join(""));
  const state = join(folder, "state");
  mkdirSync(state, { mode: 0o700 });
  daemon = new Daemon(state);
  await daemon.start();
});
after(() => daemon?.kill());

const shows = (page, selector, pattern) => page.waitForFunction(([where, source]) => new RegExp(source, "s").test(document.querySelector(where)?.textContent ?? ""), [selector, pattern.source], PATIENCE);
const stepOf = async (page) => Number(/Step ([\d,]+)/.exec(await page.innerText("#probe-state"))?.[1]?.replaceAll(",", ""));
const goesBeyond = (page, step) => page.waitForFunction((least) => Number(/Step ([\d,]+)/.exec(document.querySelector("#probe-state span")?.textContent ?? "")?.[1]?.replaceAll(",", "")) > least, step, PATIENCE);

/** Every file of the folder below. */
const filesOf = (folder) => readdirSync(folder, { recursive: true }).map((name) => join(folder, name));

test("dropped, paired by link, probed live, forecast, shared; reload, second tab, kill -9 and a new secret in between", { timeout: 400_000 }, async () => {
  const { context, page, complaints } = await openPage(stage.browser, daemon.link());
  await shows(page, "#agent-status", /connected to/);
  assert.doesNotMatch(page.url(), /pair=/, "the secret left the address bar");
  await page.setInputFiles("#evaluation-file", clean);
  await page.setInputFiles("#file-input", data);
  await page.waitForSelector("#verdict");
  await page.setInputFiles("#predictor-file", predictor);
  await page.waitForSelector("#forecast-score");
  await page.fill("#forecast-threshold", "20");
  await page.press("#forecast-threshold", "Tab");
  await shows(page, "#forecast-verdict", /Go|No go|Probe before deciding|No verdict/);
  const before = await page.innerText("#forecast-score");

  // Longer than the test: it is stopped by hand.
  for (const [name, value] of Object.entries({ learning_rate: "0.002", batch_size: "4", rank: "4", sequence_length: "64", epochs: "300", steps: "10000" })) await page.fill(`#probe-${name}`, value);
  await shows(page, "#probe-outlay", /known once a job of this model has run here/);
  await page.click("#start-probe");
  await goesBeyond(page, 12);
  await shows(page, "#forecast-trace", /[3-9] readings of the probe, for the recipe/);
  await page.waitForSelector("#probe-live svg polygon");
  await shows(page, "#probe-state", /a second|s a step/);
  await page.waitForFunction((score) => document.querySelector("#forecast-score")?.textContent !== score, before, PATIENCE);
  // The candidate stands on the phase diagram, which is drawn anew with every reading.
  await page.waitForFunction(() => document.querySelectorAll("#regime .candidate").length === 1, null, PATIENCE);

  // A colleague, who has the predictor but no agent. After the last reading the forecast stands still.
  await goesBeyond(page, 100);
  await shows(page, "#forecast-trace", /With 8 readings/);
  await page.waitForFunction(() => !document.querySelector("#forecast-answer[aria-busy]"));
  await page.click("#copy-link");
  const link = await page.inputValue("#link-text");
  const shared = await page.innerText("#forecast-score");
  const other = await openPage(stage.browser, link.replace(daemon.address + "/", stage.server.address), {}, "#link, #failure");
  await other.page.setInputFiles("#predictor-file", predictor);
  await shows(other.page, "#link-status", /claims the same/);
  assert.equal(await other.page.innerText("#forecast-score"), shared);
  await other.context.close();

  // Another tab of the same browser needs no link.
  const tab = await context.newPage();
  await tab.goto(daemon.address);
  await shows(tab, "#agent-status", /connected to/);
  await tab.click("#jobs tbody th button");
  await goesBeyond(tab, await stepOf(page));

  const reached = await stepOf(page);
  await page.reload();
  await goesBeyond(page, reached);

  await daemon.kill();
  await shows(page, "#probe-note", /is lost/);
  const interrupted = await stepOf(page);
  await daemon.start();
  await shows(page, "#probe-state", /taken up again.*start 2/);
  await goesBeyond(page, interrupted + 3);
  await goesBeyond(tab, interrupted + 3);
  assert.equal(await page.innerText("#probe-note"), "");

  await page.click("#stop-probe");
  await shows(page, "#probe-state", /Stopped at step/);
  await shows(tab, "#probe-state", /Stopped at step/);
  const parsed = (text) => text.trimEnd().split("\n").map((line) => JSON.parse(line));
  const losses = (lines) => lines.filter(({ type }) => type === "step").map(({ step, loss }) => [step, loss]);
  const inPage = losses(parsed(await downloadText(page, "#save-trace")));
  const trace = filesOf(daemon.folder).find((path) => path.endsWith("trace.jsonl"));
  assert.deepEqual(inPage, losses(parsed(readFileSync(trace, "utf8"))), "nothing twice, nothing missing, nothing else");
  assert.deepEqual(inPage.map(([step]) => step), inPage.map((_, index) => index + 1));
  assert.ok(inPage.length > interrupted);

  // The secret is replaced: the old pairing and the old link are refused in words, the new link pairs.
  const old = daemon.link();
  await daemon.kill("SIGTERM");
  await daemon.start(["--new-secret"]);
  await shows(page, "#agent-status", /[Tt]he secret is not this agent.s.*pairing link anew/);
  const late = await openPage(stage.browser, old);
  await shows(late.page, "#agent-status", /[Tt]he secret is not this agent.s.*pairing link anew/);
  assert.deepEqual(await faultsOfLooks(late.page, "expired", [360, 1600]), []);
  await late.page.goto("about:blank");
  await late.page.goto(daemon.link());
  await shows(late.page, "#agent-status", /connected to/);
  await late.context.close();
  // What Chromium says of the sockets that the killed daemon left is no fault of the page.
  assert.deepEqual(complaints.filter((text) => !/WebSocket|ERR_CONNECTION_REFUSED|Failed to load resource/.test(text)), []);
  await context.close();
});
