// The second engine in the page: fetched when asked for, compared with the exact reader on 10,000 rows, and run in
// its place for a network.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { downloadText, openPage } from "./support/chromium.mjs";
import { faultsOfLooks } from "./support/looks.mjs";
import { foretune, ROOT, syntheticData, syntheticPredictor } from "./support/places.mjs";
import { suite } from "./support/suite.mjs";

let predictor;
let data;
const stage = suite(({ folder }) => {
  ({ predictor } = syntheticPredictor(folder));
  data = syntheticData(folder);
});

async function checked() {
  const opened = await openPage(stage.browser, stage.server.address);
  await opened.page.setInputFiles("#file-input", data);
  await opened.page.waitForSelector("#verdict");
  return opened;
}

async function crossChecked(page) {
  await page.click("#cross-check");
  await page.waitForFunction(() => /apart|able/.test(document.querySelector("#cross-check-told").textContent), null, { timeout: 60_000 });
  return page.innerText("#cross-check-told");
}

test("both engines give the same on 10,000 rows, of a fitted predictor and of the one that comes with the page", { timeout: 180_000 }, async () => {
  const { context, page, requests, complaints } = await checked();
  await page.setInputFiles("#predictor-file", predictor);
  await page.waitForSelector("#forecast-score");
  const fetched = () => requests.filter(({ url }) => /tract/.test(url)).length;
  assert.equal(fetched(), 0, "it is fetched when it is asked for");
  assert.match(await crossChecked(page), /^The same to 1e-9 on 10,000 drawn rows/);
  assert.ok(fetched() > 0);
  assert.deepEqual(await faultsOfLooks(page, "forecast"), []);
  assert.deepEqual(complaints, []);
  await context.close();

  const again = await checked();
  await again.page.click("#use-shipped");
  await again.page.waitForSelector("#forecast-score");
  assert.match(await crossChecked(again.page), /^The same to 1e-9 on 10,000 drawn rows of each of 3 models in it/);
  assert.deepEqual(again.complaints, []);
  await again.context.close();
});

/** scikit-learn's network of the fixtures, whose inputs are given names of ours. */
function network(names) {
  const field = (number, bytes) => Buffer.concat([Buffer.from([(number << 3) | 2, bytes.length]), bytes]);
  const entry = field(14, Buffer.concat([field(1, Buffer.from("feature_names")), field(2, Buffer.from(names))]));
  const path = join(stage.folder, "network.onnx");
  writeFileSync(path, Buffer.concat([readFileSync(join(ROOT, "tests/onnx/fixtures/sklearn_mlp.onnx")), entry]));
  return path;
}

test("a network that the exact reader refuses is forecast by the second engine as on the command line", { timeout: 120_000 }, async () => {
  const path = network("learning_rate,batch_size,lora_rank,epochs,lora_alpha,clip_norm");
  const { context, page, complaints } = await checked();
  await page.setInputFiles("#predictor-file", path);
  await page.waitForSelector("#forecast-score", { timeout: 60_000 });
  assert.match(await page.innerText("#cross-check-told"), /second engine \(tract\) runs it, and its reasons are sampled/);
  assert.equal(await page.locator("#cross-check").count(), 0);
  assert.match(await page.innerText("#forecast-answer"), /points for the run that it is compared with/);
  const { forecast: here, features } = JSON.parse(await downloadText(page, "#save-forecast"));
  assert.equal(here.shap_method, "sampled (200 orders)");
  const flag = { learning_rate: "--lr", batch_size: "--batch", lora_rank: "--rank", epochs: "--epochs" };
  const recipe = Object.entries(flag).flatMap(([name, flag]) => [flag, String(features[name])]);
  const natively = JSON.parse(foretune(["forecast", data, "--predictor", path, "--json", ...recipe]));
  assert.ok(Math.abs(here.score - natively.score) < 1e-3, `${here.score}, natively ${natively.score}`);
  assert.deepEqual(complaints, []);

  // One of ours afterwards is the exact reader's again.
  await page.setInputFiles("#predictor-file", predictor);
  await page.waitForSelector("#cross-check");
  await context.close();
});

test("what neither engine runs says why", { timeout: 90_000 }, async () => {
  const { context, page } = await checked();
  await page.setInputFiles("#predictor-file", network("a,b,c,d,e,f"));
  await page.waitForFunction(() => /does not measure/.test(document.body.innerText), null, { timeout: 60_000 });
  await context.close();
});
