// How the page follows a probe: how long it takes to open, how long a step is on its way from the agent's log to the
// screen, and how its memory grows over as many steps as an hour of a large model's probe gives.
// node tests/browser/bench/live.mjs [STEPS]; both clocks are this machine's, and so is the probe that shares it.

import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { launch, openPage } from "../support/chromium.mjs";
import { Daemon } from "../support/daemon.mjs";
import { syntheticData } from "../support/places.mjs";

/** Two a second for an hour. */
const steps = Number(process.argv[2] ?? 7200);
const OPENINGS = 7;
const PATIENCE = { timeout: 3_600_000 };

const folder = mkdtempSync(join(tmpdir(), "foretune-live-"));
const state = join(folder, "state");
mkdirSync(state, { mode: 0o700 });
const daemon = new Daemon(state);
await daemon.start();
const browser = await launch();

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
const share = (values, at) => [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(at * values.length))];

async function opening() {
  const started = Date.now();
  const { context, page } = await openPage(browser, daemon.address);
  const ready = Date.now() - started;
  const painted = await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime);
  await context.close();
  return { ready, painted };
}

/** In the page: when the log had each step, when its message came, and when its number had been drawn. */
function watch() {
  const seen = { logged: new Map(), heard: [], drawn: [] };
  globalThis.seen = seen;
  const Socket = globalThis.WebSocket;
  globalThis.WebSocket = class extends Socket {
    constructor(...given) {
      super(...given);
      this.addEventListener("message", ({ data }) => {
        const message = JSON.parse(data);
        if (message.type !== "event" || message.kind !== "step") return;
        seen.logged.set(message.payload.step, message.time_ms);
        seen.heard.push(Date.now() - message.time_ms);
      });
    }
  };
  new MutationObserver(() => {
    const step = Number(/Step ([\d,]+)/.exec(document.querySelector("#probe-state span")?.textContent ?? "")?.[1]?.replaceAll(",", ""));
    const logged = seen.logged.get(step);
    if (logged === undefined) return;
    seen.logged.delete(step);
    // The frame that shows it has been made when the next one begins.
    requestAnimationFrame(() => seen.drawn.push(Date.now() - logged));
  }).observe(document, { subtree: true, childList: true, characterData: true });
}

const openings = [];
for (let round = 0; round < OPENINGS; round += 1) openings.push(await opening());
console.log(`open and ready for a file: ${median(openings.map(({ ready }) => ready))} ms, something drawn after ${Math.round(median(openings.map(({ painted }) => painted)))} ms (medians of ${OPENINGS} fresh profiles)`);

const { context, page } = await openPage(browser, "about:blank", {}, "body");
await page.addInitScript(watch);
const inspector = await context.newCDPSession(page);
await inspector.send("HeapProfiler.enable");
const heapMegabytes = async () => {
  await inspector.send("HeapProfiler.collectGarbage");
  return (await inspector.send("Runtime.getHeapUsage")).usedSize / 1e6;
};
await page.goto(daemon.link());
await page.waitForFunction(() => /connected to/.test(document.querySelector("#agent-status")?.textContent ?? ""), null, PATIENCE);
await page.setInputFiles("#file-input", syntheticData(folder));
await page.waitForSelector("#verdict");
const before = await heapMegabytes();
for (const [name, value] of Object.entries({ learning_rate: "0.002", batch_size: "4", rank: "4", sequence_length: "64", epochs: "300", steps: String(steps) })) await page.fill(`#probe-${name}`, value);
await page.click("#start-probe");
const reaches = (step) => page.waitForFunction((least) => {
  const text = document.querySelector("#probe-state span")?.textContent ?? "";
  return Number(/(?:Step|after) ([\d,]+)/.exec(text)?.[1]?.replaceAll(",", "")) >= least;
}, step, PATIENCE);
const heaps = [];
for (const part of [0.1, 0.25, 0.5, 0.75, 1]) {
  const step = Math.floor(part * steps);
  await reaches(step);
  heaps.push(`${step}: ${(await heapMegabytes()).toFixed(1)}`);
}
const { heard, drawn } = await page.evaluate(() => ({ heard: globalThis.seen.heard, drawn: globalThis.seen.drawn }));
const told = (values) => `median ${median(values)} ms, 99 % within ${share(values, 0.99)}, worst ${Math.max(...values)} (${values.length} steps)`;
console.log(`from the log to the page: ${told(heard)}`);
console.log(`from the log to the screen: ${told(drawn)}`);
console.log(`memory of the page's heap after collection, MB: ${before.toFixed(1)} before the probe, then by step ${heaps.join(", ")}`);
await browser.close();
await daemon.kill("SIGTERM");
rmSync(folder, { recursive: true, force: true, maxRetries: 20 });
