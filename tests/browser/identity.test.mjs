// The page and the command line say the same of the same file, to the byte, and the page sends nothing.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { test } from "node:test";
import { check, downloadBytes, openPage, reportJson } from "./support/chromium.mjs";
import { assertNothingLeft } from "./support/nothing-left.mjs";
import { ROOT, checkNatively, foretune, referenceFiles } from "./support/places.mjs";
import { suite } from "./support/suite.mjs";

const stage = suite();

for (const file of [...referenceFiles("instruct"), ...referenceFiles("instruct/broken")]) {
  for (const workers of [1, 3]) {
    test(`${basename(file)} gives the same report with ${workers} worker(s) as on the command line`, async () => {
      const { context, page, requests, complaints } = await openPage(stage.browser, stage.server.address + (workers === 1 ? "" : `?workers=${workers}`));
      const inPage = await check(page, file);
      const native = checkNatively(file);
      assert.equal(inPage.trim(), native.trim());
      assert.ok(requests.length > 3);
      assertNothingLeft(requests, stage.server.address);
      assert.deepEqual(complaints, []);
      await context.close();
    });
  }
}

test("exact token counts are those of the command line, for any tokenizer.json", async () => {
  const tokenizer = join(ROOT, "lab/base/tokenizer.json");
  const { context, page, requests, complaints } = await openPage(stage.browser, stage.server.address);
  for (const sample of ["product-copy.jsonl", "support-bot.jsonl"]) {
    const file = join(ROOT, "web/samples", sample);
    if (await page.$("#another")) await page.click("#another");
    await check(page, file);
    await Promise.all([page.waitForSelector("#progress"), page.setInputFiles("#tokenizer-file", tokenizer)]);
    const inPage = await reportJson(page);
    assert.equal(inPage.trim(), checkNatively(file, ["--tokenizer", tokenizer]).trim());
    assert.equal(JSON.parse(inPage).description.tokens_exact, true);
  }
  assertNothingLeft(requests, stage.server.address);
  assert.deepEqual(complaints, []);
  await context.close();
});

test("the HTML report is that of the command line, and says when it was made", async () => {
  const made = /<tr>(?:(?!<tr>).)*\d{4}-\d\d-\d\dT[\d:.]+Z.*?<\/tr>\n?/;
  const { context, page } = await openPage(stage.browser, stage.server.address);
  for (const sample of ["product-copy.jsonl", "support-bot.jsonl"]) {
    const file = join(ROOT, "web/samples", sample);
    if (await page.$("#another")) await page.click("#another");
    await check(page, file);
    const inPage = (await downloadBytes(page, "#save-html")).bytes.toString("utf8");
    const saved = join(stage.folder, "native.html");
    foretune(["check", file, "--report", saved]);
    const native = readFileSync(saved, "utf8");
    assert.match(inPage, made);
    assert.equal(inPage.replace(made, ""), native);
  }
  await context.close();
});
