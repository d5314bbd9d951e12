// Real Chromium for the tests, and a page that notes everything the browser asked for.

import { existsSync, readFileSync } from "node:fs";
import { chromium } from "playwright-core";

const CANDIDATES = [process.env.FORETUNE_CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run", "--disable-quic"];

export async function launch(extraFlags = []) {
  const executablePath = CANDIDATES.find((path) => path && existsSync(path));
  if (!executablePath) throw new Error("Chromium is missing; set FORETUNE_CHROMIUM or install it: apt-get install chromium");
  return chromium.launch({ executablePath, args: [...FLAGS, ...extraFlags] });
}

/** A fresh profile with the page open. `requests` and `complaints` fill as things happen. */
export async function openPage(browser, address, contextOptions = {}, ready = "#drop-target, #progress, #verdict, #failure") {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, acceptDownloads: true, ...contextOptions });
  const requests = [];
  const complaints = [];
  context.on("request", (request) => requests.push({ method: request.method(), url: request.url(), body: request.postDataBuffer()?.length ?? 0 }));
  const page = await context.newPage();
  page.on("pageerror", (error) => complaints.push(`error: ${error.message}`));
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(`${message.type()}: ${message.text()}`);
  });
  await page.goto(address);
  await page.waitForSelector(ready);
  return { context, page, requests, complaints };
}

/** Chooses a file of the disk, waits for the report, and gives its JSON as the page received it. */
export async function check(page, files, timeout = 60_000) {
  await page.setInputFiles("#file-input", files);
  return reportJson(page, timeout);
}

export async function reportJson(page, timeout = 60_000) {
  await page.waitForSelector("#verdict, #failure", { timeout });
  if (await page.$("#failure")) throw new Error(`the page reports a failure: ${await page.innerText("#failure")}`);
  return downloadText(page, "#save-json");
}

export async function downloadText(page, selector) {
  return (await downloadBytes(page, selector)).bytes.toString("utf8");
}

export async function downloadBytes(page, selector) {
  const [download] = await Promise.all([page.waitForEvent("download"), page.click(selector)]);
  const chunks = [];
  for await (const chunk of await download.createReadStream()) chunks.push(chunk);
  return { name: download.suggestedFilename(), bytes: Buffer.concat(chunks) };
}

/** As a person drops it anywhere on the page. */
export async function dropFile(page, path, name) {
  const text = readFileSync(path, "utf8");
  await page.evaluate(({ text, name }) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([text], name));
    document.body.dispatchEvent(new DragEvent("drop", { bubbles: true, cancelable: true, dataTransfer: transfer }));
  }, { text, name });
}
