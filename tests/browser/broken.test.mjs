// Files that are not what they should be: a clear report, the same as on the command line, and the page
// goes on working.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { check, openPage, reportJson } from "./support/chromium.mjs";
import { checkNatively } from "./support/places.mjs";
import { suite } from "./support/suite.mjs";

const stage = suite();

const ROW = '{"prompt": "What is it?", "completion": "A row."}\n';
const rows = ROW.repeat(200);
const manyRows = Array.from({ length: 2000 }, (_, row) => `{"prompt": "What is ${(row * 7919) % 10_007}?", "completion": "Number ${row}."}\n`).join("");

// Name, content, and a code that must be among the findings.
const FILES = [
  ["empty.jsonl", "", "empty_file"],
  ["spaces.json", " \n\t \n", "empty_file"],
  ["no-rows.json", "[]", null],
  ["junk.bin", Buffer.from(Array.from({ length: 4096 }, (_, index) => (index * 197 + 13) % 256)), "binary_file"],
  ["picture.png", Buffer.concat([Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]), Buffer.alloc(900, 7)]), "binary_file"],
  ["cut.json", `[${ROW.trim()}, {"prompt": "and then`, "truncated_file"],
  ["cut.jsonl.gz", gzipSync(manyRows).subarray(0, 3000), "damaged_compression"],
  ["bomb.jsonl.gz", gzipSync(Buffer.alloc(200 << 20, 32)), null],
  ["deep.json", `[${"[".repeat(10_000)}${"]".repeat(10_000)}, ${ROW.trim()}]`, "too_deep"],
  ["nul.jsonl", `${ROW}{"prompt": "a\u0000b", "completion": "c"}\n`, "nul_bytes"],
  ["twice.csv", `prompt,completion,prompt\n${"a,b,c\n".repeat(20)}`, "duplicate_column"],
  ["long-line.jsonl", `${ROW}{"prompt": "p", "completion": "${"x".repeat(70 << 20)}"}\n${ROW}`, "row_too_large"],
  ["cut.parquet", Buffer.concat([Buffer.from("PAR1"), Buffer.alloc(2000, 1)]), "truncated_file"],
];

for (const [name, content, code] of FILES) {
  test(`${name} is reported, not choked on`, { timeout: 120_000 }, async () => {
    const path = join(stage.folder, name);
    writeFileSync(path, content);
    const { context, page, complaints } = await openPage(stage.browser, stage.server.address);
    const inPage = await check(page, path, 110_000);
    const report = JSON.parse(inPage);
    assert.equal(inPage.trim(), checkNatively(path).trim());
    if (code) assert.ok(report.counts[code] > 0, `${code} is missing from ${JSON.stringify(report.counts)}`);
    assert.notEqual(await page.innerText("#verdict-line"), "");

    // The page is good for another file.
    await page.click("#another");
    const good = join(stage.folder, "good.jsonl");
    writeFileSync(good, rows);
    assert.equal(JSON.parse(await check(page, good)).rows, 200);
    assert.deepEqual(complaints, []);
    await context.close();
  });
}

test("a file that changes while it is read is said so", async () => {
  const path = join(stage.folder, "changing.jsonl");
  writeFileSync(path, ROW.repeat(800_000));
  const { context, page } = await openPage(stage.browser, `${stage.server.address}?workers=1`);
  await page.setInputFiles("#file-input", path);
  await page.waitForFunction(() => /[1-9][\d,]* rows?/.test(document.querySelector(".progress-figures")?.textContent ?? ""));
  writeFileSync(path, ROW);
  const report = JSON.parse(await reportJson(page));
  assert.ok(report.counts.file_changed > 0, JSON.stringify(report.counts));
  assert.ok(report.rows > 0, "what was read before is still reported");
  await context.close();
});

test("a package that arrives damaged is explained, and the next try works", async () => {
  const { context, page } = await openPage(stage.browser, stage.server.address, { serviceWorkers: "block" });
  await context.route("**/check-*.wasm", (route) => route.fulfill({ body: Buffer.from("not wasm"), contentType: "application/wasm" }));
  await page.click(".sample >> nth=0");
  await page.waitForSelector("#failure");
  const text = await page.innerText("#failure");
  assert.match(text, /arrived damaged/);
  assert.match(text, /Reload/);
  await context.unroute("**/check-*.wasm");
  await page.click("#failure .primary");
  writeFileSync(join(stage.folder, "good.jsonl"), rows);
  assert.equal(JSON.parse(await check(page, join(stage.folder, "good.jsonl"))).rows, 200);
  await context.close();
});
