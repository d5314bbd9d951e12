// Speed and memory of the page on a large file, and the release binary's speed with one thread right after it:
// node tests/browser/bench/large-file.mjs [MEGABYTES] [WORKERS]
// Two clocks: from the file's choice to the verdict on the screen, and the page's own, which it shows. The file is alpaca_10k.json repeated, on disk as a user's would be (kept in target/bench). Memory is the
// proportional set size of all processes of this browser, sampled; the browser's own before the check is
// printed beside the peak.

import { execFileSync } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, readdirSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import { launch, openPage } from "../support/chromium.mjs";
import { DATA, DIST, ROOT } from "../support/places.mjs";
import { serve } from "../support/static-server.mjs";

const megabytes = Number(process.argv[2] ?? 2000);
const workers = Number(process.argv[3] ?? 1);

/** PSS in MB of the processes with this marker in their command line, renderers apart. */
function memory(marker) {
  const sum = { renderer: 0, all: 0 };
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, "utf8");
      if (!command.includes(marker)) continue;
      const kilobytes = Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1] ?? 0);
      sum.all += kilobytes / 1000;
      if (command.includes("--type=renderer")) sum.renderer += kilobytes / 1000;
    } catch {
      // the process ended meanwhile
    }
  }
  return sum;
}

function largeFile(megabytes) {
  const path = join(ROOT, `target/bench/alpaca_${megabytes}mb.json`);
  if (existsSync(path)) return path;
  mkdirSync(dirname(path), { recursive: true });
  const rows = readFileSync(join(DATA, "instruct/alpaca_10k.json"), "utf8").trim().slice(1, -1).trim();
  const copies = Math.max(1, Math.floor((megabytes * 1e6) / Buffer.byteLength(rows)));
  const output = openSync(path, "w");
  writeSync(output, `[\n${rows}`);
  for (let copy = 1; copy < copies; copy += 1) writeSync(output, `,\n${rows}`);
  writeSync(output, "\n]\n");
  closeSync(output);
  return path;
}

/** Null where there is no release binary. */
function native(path) {
  const binary = join(ROOT, "target/release/foretune");
  if (!existsSync(binary)) return null;
  const started = Date.now();
  try {
    execFileSync(binary, ["check", path, "--threads", "1", "--json"], { stdio: "ignore" });
  } catch (error) {
    if (error.status !== 1) throw error;
  }
  return (Date.now() - started) / 1000;
}

largeFile(megabytes);
const server = await serve(DIST);
const marker = `foretune-bench-${process.pid}`;
const browser = await launch([`--user-agent=${marker}`]);
const { page } = await openPage(browser, `${server.address}?workers=${workers}`);
await page.waitForTimeout(1000);
const before = memory(marker);
const peak = { renderer: 0, all: 0 };
const sampler = setInterval(() => {
  const now = memory(marker);
  peak.renderer = Math.max(peak.renderer, now.renderer);
  peak.all = Math.max(peak.all, now.all);
}, 250);
const started = Date.now();
await page.setInputFiles("#file-input", largeFile(megabytes));
await page.waitForSelector("#verdict, #failure", { timeout: 3_600_000 });
const seconds = (Date.now() - started) / 1000;
clearInterval(sampler);
const facts = await page.innerText(".facts, #failure");
const ownSeconds = Number(/read in ([\d.]+) s/.exec(facts)?.[1] ?? NaN);
const nativeSeconds = native(largeFile(megabytes));
const rounded = (value) => Number(value.toFixed(2));
console.log(JSON.stringify({
  megabytes, workers, seconds: rounded(seconds), own_seconds: ownSeconds, native_seconds: nativeSeconds === null ? null : rounded(nativeSeconds),
  of_native: nativeSeconds === null ? null : { to_the_screen: rounded(nativeSeconds / seconds), own_clock: rounded(nativeSeconds / ownSeconds) },
  megabytes_per_second: rounded(megabytes / seconds),
  facts,
  memory_mb: { before, peak, added: { renderer: peak.renderer - before.renderer, all: peak.all - before.all } },
}, null, 2));
await browser.close();
await server.close();
