// The page as a person uses it: first load, samples, keyboard, cancel, mapping, offline, accessibility.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { check, launch, openPage, reportJson } from "./support/chromium.mjs";
import { DIST } from "./support/places.mjs";
import { serve } from "./support/static-server.mjs";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const SAMPLES = ["support-bot", "ticket-labels", "product-copy"];

let browser;
let server;
let folder;

before(async () => {
  browser = await launch();
  server = await serve(DIST);
  folder = mkdtempSync(join(tmpdir(), "foretune-page-"));
});

after(async () => {
  await browser?.close();
  await server?.close();
  if (folder) rmSync(folder, { recursive: true });
});

async function openSample(name, contextOptions) {
  const opened = await openPage(browser, `${server.address}#sample=${name}`, contextOptions);
  await opened.page.waitForSelector("#verdict");
  return opened;
}

/** Violations of axe that are serious or critical, in words. */
async function seriousViolations(page) {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  return violations.filter(({ impact }) => ["serious", "critical"].includes(impact)).flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.target.join(" ")} ${node.failureSummary.split("\n")[1] ?? ""}`));
}

test("the first load is small, usable in under a second and under a strict policy", async () => {
  const { context, page, requests, complaints } = await openPage(browser, server.address);
  const usableMs = await page.evaluate(() => performance.now());
  assert.ok(usableMs < 1000, `usable after ${Math.round(usableMs)} ms`);
  await page.waitForLoadState("networkidle");
  assert.ok(!requests.some(({ url }) => /columnar|tokens|samples/.test(new URL(url).pathname) && !url.includes("service-worker")) || (await page.evaluate(() => navigator.serviceWorker.controller !== null)), "only the service worker fetches what is not needed yet");
  const policy = await page.getAttribute("meta[http-equiv=Content-Security-Policy]", "content");
  assert.ok(policy.includes("default-src 'none'") && !/unsafe-inline|unsafe-eval'(?<!wasm-unsafe-eval')|\*|data:|blob:/.test(policy), policy);
  // The policy bites: inline script, eval and another origin are all refused.
  const refused = await page.evaluate(async () => {
    const outcomes = [];
    // In a timer: what the test itself evaluates is exempt.
    await new Promise((resolve) => setTimeout(() => {
      try { outcomes.push(["eval", (0, eval)("1 + 1")]); } catch { outcomes.push(["eval", "refused"]); }
      resolve();
    }));
    const script = document.createElement("script");
    try { script.textContent = "window.inlineRan = true"; document.head.append(script); } catch { /* trusted types */ }
    outcomes.push(["inline", window.inlineRan ? "ran" : "refused"]);
    try { await fetch("http://127.0.0.1:9/"); outcomes.push(["fetch", "went out"]); } catch { outcomes.push(["fetch", "refused"]); }
    return outcomes;
  });
  assert.deepEqual(refused, [["eval", "refused"], ["inline", "refused"], ["fetch", "refused"]]);
  assert.ok(complaints.every((complaint) => /Content Security Policy|TrustedScript/.test(complaint)), complaints.join("\n"));
  await context.close();
});

for (const name of SAMPLES) {
  test(`the sample ${name} shows findings, each with its rows, fix and trainers`, async () => {
    const { context, page, complaints } = await openSample(name);
    const heads = page.locator(".finding-head");
    const total = await heads.count();
    assert.ok(total >= 5, `${total} kinds of findings`);
    const severities = await page.locator(".finding .severity").allInnerTexts();
    const order = severities.map((word) => ["Error", "Warning", "Note"].indexOf(word));
    assert.deepEqual(order, [...order].sort((a, b) => a - b), "worst first");
    for (let index = 0; index < total; index += 1) await heads.nth(index).click();
    await page.waitForFunction(() => [...document.querySelectorAll(".row-text")].some((element) => !element.hidden));
    assert.ok((await page.locator("mark").count()) > 0, "something is marked");
    assert.equal(await page.locator(".outcomes tbody tr").count(), total * 6);
    assert.equal(await page.locator(".trainers tbody tr").count(), 6);
    assert.ok((await page.locator(".chart svg").count()) >= 3);
    assert.ok((await page.locator(".descriptors tbody tr").count()) >= 4);
    assert.deepEqual(complaints, []);
    await context.close();
  });
}

test("the keys do what they say", async () => {
  const { context, page } = await openSample("support-bot", { permissions: ["clipboard-read", "clipboard-write"] });
  const focused = () => page.evaluate(() => document.activeElement?.id || document.activeElement?.className);
  await page.keyboard.press("/");
  assert.equal(await focused(), "finding-search");
  await page.keyboard.type("token");
  const matching = await page.locator(".finding:visible").count();
  assert.ok(matching >= 1 && matching < (await page.locator(".finding").count()));
  await page.keyboard.press("Escape");
  assert.equal(await page.locator(".finding:visible").count(), await page.locator(".finding").count());
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  await page.keyboard.press("k");
  assert.equal(await page.evaluate(() => [...document.querySelectorAll(".finding")].findIndex((row) => row.contains(document.activeElement))), 0);
  await page.keyboard.press("Enter");
  assert.equal(await page.locator(".finding-body:visible").count(), 1);
  assert.match(page.url(), /#sample=support-bot&finding=\w+$/);
  await page.keyboard.press("c");
  await page.waitForSelector(".toast.shown");
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), page.url());
  await page.keyboard.press("Escape");
  assert.equal(await page.locator(".finding-body:visible").count(), 0);
  await page.keyboard.press("?");
  assert.ok(await page.locator("#help").isVisible());
  await page.keyboard.press("Escape");
  assert.ok(!(await page.locator("#help").isVisible()));
  await context.close();
});

test("a link opens the same sample, options and finding", async () => {
  const { context, page } = await openPage(browser, `${server.address}#sample=support-bot&max=100&finding=unknown_role`);
  await page.waitForSelector("#verdict");
  assert.equal(await page.locator("#finding-unknown_role").isVisible(), true);
  const report = JSON.parse(await reportJson(page));
  assert.equal(report.max_tokens, 100);
  assert.ok(report.counts.over_max_tokens > 0);
  assert.ok((await page.locator("svg .cut").count()) >= 1, "the cut-off is drawn");
  await context.close();
});

test("reading can be cancelled at any time, and another file checked", { timeout: 60_000 }, async () => {
  const path = join(folder, "large.jsonl");
  writeFileSync(path, Array.from({ length: 300_000 }, (_, row) => `{"prompt": "What is ${row} and a half?", "completion": "Something near ${row * 2}, as far as anybody knows."}\n`).join(""));
  const { context, page, complaints } = await openPage(browser, server.address);
  await page.setInputFiles("#file-input", path);
  await page.waitForFunction(() => /[1-9][\d,]* rows?/.test(document.querySelector(".progress-figures")?.textContent ?? ""));
  const before = await page.evaluate(() => document.querySelector("#progress").getBoundingClientRect().height);
  await page.waitForTimeout(400);
  const later = await page.evaluate(() => document.querySelector("#progress")?.getBoundingClientRect().height ?? null);
  if (later !== null) assert.equal(later, before, "the panel keeps its height");
  const started = Date.now();
  await page.click("#cancel");
  await page.waitForSelector("#drop-target");
  assert.ok(Date.now() - started < 1000);
  await page.click(".sample >> nth=2");
  assert.ok(JSON.parse(await reportJson(page)).rows > 250);
  assert.deepEqual(complaints, []);
  await context.close();
});

test("columns that nobody knows can be mapped", async () => {
  const path = join(folder, "odd.csv");
  writeFileSync(path, `Frage,Antwort\n${Array.from({ length: 120 }, (_, row) => `Was ist ${row}?,Die Zahl ${row}`).join("\n")}\n`);
  const { context, page } = await openPage(browser, server.address);
  const before = JSON.parse(await check(page, path));
  assert.equal(before.rows_valid, 0);
  await page.selectOption("#map-instruction", "Frage");
  await page.selectOption("#map-output", "Antwort");
  await page.click("#apply-mapping");
  await page.waitForFunction(() => document.querySelector("#verdict") && !document.querySelector("#mapping"));
  assert.equal(JSON.parse(await reportJson(page)).rows_valid, 120);
  await context.close();
});

test("it opens and checks without a network once it was loaded", { timeout: 60_000 }, async () => {
  const { context, page } = await openPage(browser, server.address);
  await page.evaluate(async () => {
    const registration = await navigator.serviceWorker.ready;
    const worker = registration.active;
    if (worker.state !== "activated") await new Promise((resolve) => worker.addEventListener("statechange", () => worker.state === "activated" && resolve()));
  });
  await context.setOffline(true);
  await page.reload();
  await page.click(".sample >> nth=0");
  assert.ok(JSON.parse(await reportJson(page)).rows > 300);
  await context.close();
});

for (const [scheme, width] of [["light", 1600], ["dark", 1600], ["light", 360], ["dark", 360]]) {
  test(`axe finds nothing serious, and nothing overflows: ${scheme}, ${width} px`, { timeout: 60_000 }, async () => {
    const { context, page } = await openPage(browser, server.address, { colorScheme: scheme, viewport: { width, height: 900 } });
    assert.deepEqual(await seriousViolations(page), []);
    await page.click(".sample >> nth=1");
    await page.waitForSelector("#verdict");
    await page.click(".finding-head >> nth=0");
    await page.click(".as-table summary >> nth=0");
    await page.click("#options summary");
    assert.deepEqual(await seriousViolations(page), []);
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(overflow <= 0, `${overflow} px too wide`);
    const chart = page.locator(".chart svg").first();
    await chart.focus();
    await page.keyboard.press("ArrowRight");
    assert.match(await page.locator(".readout").first().innerText(), /row/);
    await context.close();
  });
}
