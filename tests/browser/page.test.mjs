// The page as a person uses it: first load, samples, keyboard, cancel, mapping, offline, accessibility.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { check, downloadBytes, openPage, reportJson } from "./support/chromium.mjs";
import { seriousViolations } from "./support/looks.mjs";
import { suite } from "./support/suite.mjs";

const SAMPLES = ["support-bot", "ticket-labels", "product-copy"];

const stage = suite();

async function openSample(name, contextOptions) {
  const opened = await openPage(stage.browser, `${stage.server.address}#sample=${name}`, contextOptions);
  await opened.page.waitForSelector("#verdict");
  return opened;
}

test("the first load is small, usable in under a second and under a strict policy", async () => {
  const { context, page, requests, complaints } = await openPage(stage.browser, stage.server.address);
  const usableMs = await page.evaluate(() => performance.getEntriesByName("usable")[0].startTime);
  assert.ok(usableMs < 1000, `usable after ${Math.round(usableMs)} ms`);
  const loaded = requests.map(({ url }) => url.slice(stage.server.address.length)).slice(0, 3).map((name) => name.replace(/-[0-9a-f]{10}/, ""));
  assert.deepEqual(loaded.sort(), ["", "page.css", "page.js"]);
  const policy = await page.getAttribute("meta[http-equiv=Content-Security-Policy]", "content");
  // Beside its own address only an agent on this very computer may be asked.
  const connect = policy.match(/connect-src ([^;]+);/)[1].split(" ");
  assert.deepEqual(connect, ["'self'", "http://127.0.0.1:*", "ws://127.0.0.1:*", "http://localhost:*", "ws://localhost:*"]);
  assert.ok(policy.includes("default-src 'none'") && !/unsafe-inline|unsafe-eval'(?<!wasm-unsafe-eval')|\*|data:|blob:/.test(policy.replace(/connect-src [^;]+;/, "")), policy);
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
    try { await fetch("http://192.0.2.1:9/"); outcomes.push(["fetch", "went out"]); } catch { outcomes.push(["fetch", "refused"]); }
    return outcomes;
  });
  assert.deepEqual(refused, [["eval", "refused"], ["inline", "refused"], ["fetch", "refused"]]);
  assert.ok(complaints.every((complaint) => /Content Security Policy|TrustedScript/.test(complaint)), complaints.join("\n"));
  await context.close();
});

test("a script or a style that was changed on its way is not used", async () => {
  const html = await (await fetch(stage.server.address)).text();
  for (const [tag, isUsed] of [
    ["script", () => performance.getEntriesByName("usable").length > 0],
    ["link", () => document.styleSheets.length > 0],
  ]) {
    const name = html.match(new RegExp(`<${tag} [^>]*"\\./(page-[0-9a-f]+\\.[a-z]+)" integrity="sha384-`))?.[1];
    assert.ok(name, `no ${tag} with integrity: ${html}`);
    const context = await stage.browser.newContext();
    const page = await context.newPage();
    const complaint = page.waitForEvent("console", (message) => message.text().includes("integrity"));
    await page.route(`**/${name}`, async (route) => {
      const answer = await route.fetch();
      await route.fulfill({ status: 200, contentType: answer.headers()["content-type"], body: `${await answer.text()}\n/* changed */` });
    });
    await page.goto(stage.server.address);
    assert.match((await complaint).text(), new RegExp(name));
    assert.equal(await page.evaluate(isUsed), false, tag);
    await context.close();
  }
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
    await page.waitForSelector("mark");
    assert.equal(await page.locator(".outcomes tbody tr").count(), total * 6);
    assert.equal(await page.locator(".trainers tbody tr").count(), 6);
    await page.waitForFunction(() => document.querySelectorAll(".chart svg").length >= 5);
    assert.ok((await page.locator(".descriptors tbody tr").count()) >= 40);
    assert.equal(await page.locator(".preflight > li").count(), 10);
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
  const { context, page } = await openPage(stage.browser, `${stage.server.address}#sample=support-bot&max=60&finding=unknown_role`);
  await page.waitForSelector("#verdict");
  assert.equal(await page.locator("#finding-unknown_role").isVisible(), true);
  const report = JSON.parse(await reportJson(page));
  assert.equal(report.max_tokens, 60);
  assert.ok(report.counts.over_max_tokens > 0);
  assert.ok((await page.locator("svg .cut").count()) >= 1, "the cut-off is drawn");
  await context.close();
});

test("reading can be cancelled at any time, and another file checked", { timeout: 60_000 }, async () => {
  const path = join(stage.folder, "large.jsonl");
  writeFileSync(path, Array.from({ length: 300_000 }, (_, row) => `{"prompt": "What is ${row} and a half?", "completion": "Something near ${row * 2}, as far as anybody knows."}\n`).join(""));
  const { context, page, complaints } = await openPage(stage.browser, stage.server.address);
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

test("a cleaned copy has the chosen fixes, and says what they changed", async () => {
  const { context, page } = await openSample("support-bot");
  const { name, bytes } = await downloadBytes(page, "#save-cleaned");
  assert.equal(name, "support-bot.cleaned.jsonl");
  const rows = bytes.toString("utf8").trimEnd().split("\n").map((line) => JSON.parse(line));
  const before = JSON.parse(await reportJson(page));
  assert.ok(rows.length > 250 && rows.length < before.rows, String(rows.length));
  assert.ok(!bytes.includes("<|im_end|>") && !bytes.includes("Gr4vel-otter"));
  assert.ok(bytes.includes("ines.okafor@"), "personal data is masked only when asked for");
  await page.waitForSelector(".changes table");
  assert.match(await page.innerText(".changes"), new RegExp(`${rows.length} of ${before.rows} rows`));

  const cleaned = join(stage.folder, name);
  writeFileSync(cleaned, bytes);
  const after = JSON.parse(await (async () => {
    await page.click("#another");
    return check(page, cleaned);
  })());
  for (const code of ["special_token", "secret", "empty_answer", "refusal", "exact_duplicate", "unreadable_row"]) {
    assert.equal(after.counts[code] ?? 0, 0, code);
  }
  await context.close();
});

test("the HTML report stands alone: no script, no outside address", async () => {
  const { context, page } = await openSample("product-copy");
  const { name, bytes } = await downloadBytes(page, "#save-html");
  assert.equal(name, "product-copy.foretune.html");
  const html = bytes.toString("utf8");
  assert.match(html, /product-copy\.jsonl/);
  assert.doesNotMatch(html, /<script|<link|<img|src=|@import|url\(/);
  assert.doesNotMatch(html, /rows written/);
  // Once a copy was cleaned, the report says what it differs in.
  await downloadBytes(page, "#save-cleaned");
  await page.waitForSelector(".changes");
  assert.match((await downloadBytes(page, "#save-html")).bytes.toString("utf8"), /rows written/);
  await context.close();
});

test("a file that cannot be opened has an HTML report too, and it says why", async () => {
  const path = join(stage.folder, "picture.jsonl");
  writeFileSync(path, Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 0]));
  const { context, page } = await openPage(stage.browser, stage.server.address);
  const { verdict } = JSON.parse(await check(page, path));
  assert.ok((await downloadBytes(page, "#save-html")).bytes.toString("utf8").includes(`<h1>${verdict}</h1>`));
  assert.equal(await page.$("#save-cleaned"), null);
  await context.close();
});

test("prices and recipe can be argued with", async () => {
  const { context, page } = await openSample("product-copy");
  const cost = () => page.locator("#cost .prices >> nth=0").locator("tbody tr >> nth=0").locator("strong").innerText();
  const first = await cost();
  await page.locator("#cost input.price >> nth=0").fill("250");
  await page.locator("#cost input.price >> nth=0").press("Tab");
  await page.waitForFunction((before) => document.querySelector("#cost .prices strong").textContent !== before, first);
  await page.selectOption("#recipe-model", { index: 4 });
  await page.waitForFunction(() => /min|h|s,/.test(document.querySelectorAll("#cost .prices")[1].querySelector("strong")?.textContent ?? ""));
  const report = JSON.parse(await reportJson(page));
  assert.ok(report.recipe.model && report.cost.own_gpu.length > 0);
  await context.close();
});

test("rows of the evaluation file that were trained on are found", async () => {
  const row = (number) => `{"prompt": "How many legs have ${number} spiders, all of them alive and counted twice?", "completion": "${number * 8} legs, if none was lost on the way."}\n`;
  const numbers = Array.from({ length: 150 }, (_, index) => index + 1);
  writeFileSync(join(stage.folder, "train.jsonl"), numbers.map(row).join(""));
  writeFileSync(join(stage.folder, "eval.jsonl"), [5, 17, 90, 400, 401].map(row).join(""));
  const { context, page } = await openPage(stage.browser, stage.server.address);
  await check(page, join(stage.folder, "train.jsonl"));
  await page.click("#options summary");
  await Promise.all([page.waitForSelector("#progress"), page.setInputFiles("#evaluation-file", join(stage.folder, "eval.jsonl"))]);
  const report = JSON.parse(await reportJson(page));
  assert.equal(report.description.eval_overlap.eval_rows, 5);
  assert.ok(report.counts.eval_overlap >= 3, JSON.stringify(report.counts));
  await context.close();
});

test("columns that nobody knows can be mapped", async () => {
  const path = join(stage.folder, "odd.csv");
  writeFileSync(path, `Frage,Antwort\n${Array.from({ length: 120 }, (_, row) => `Was ist ${row}?,Die Zahl ${row}`).join("\n")}\n`);
  const { context, page } = await openPage(stage.browser, stage.server.address);
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
  const { context, page } = await openPage(stage.browser, stage.server.address);
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
    const { context, page } = await openPage(stage.browser, stage.server.address, { colorScheme: scheme, viewport: { width, height: 900 } });
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
