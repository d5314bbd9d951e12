// The package, the bundled model's files, and a probe by either program.

import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { buildPackages } from "../../web/build-packages.mjs";

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), "../..");
const WEB = join(ROOT, "web");

/** Builds the package unless it is built, and says where it lies. */
export async function buildProxy(isDev) {
  await buildPackages(WEB, ["proxy"], isDev);
  const folder = join(WEB, `.build/packages/${isDev ? "dev" : "release"}/proxy`);
  return { glue: join(folder, "proxy.js"), module: join(folder, "proxy_bg.wasm") };
}

export function bundledModel() {
  const file = (name) => readFileSync(join(ROOT, "lab/base", name));
  return { config: file("config.json").toString("utf8"), weights: new Uint8Array(file("model.safetensors")), tokenizer: new Uint8Array(file("tokenizer.json")) };
}

/** Lines of the trace and how fast it went. */
export function probeInWorker(built, file, evaluation, options) {
  return new Promise((resolve, reject) => {
    const lines = [];
    const workerData = { ...built, base: bundledModel(), file, evaluation, options };
    const worker = new Worker(new URL("worker.mjs", import.meta.url), { workerData });
    worker.on("error", reject);
    worker.on("message", (message) => {
      if (message.line) lines.push(JSON.parse(message.line));
      else if (message.done) resolve({ lines, ...message });
      else reject(new Error(message.failure ?? message.panic));
    });
  });
}

/** The same by the command line on one thread; its header line is left out. */
export function probeNatively(file, evaluation, trace, flags) {
  const candidates = [process.env.FORETUNE_BINARY, join(ROOT, "target/debug/foretune"), join(ROOT, "target/release/foretune")];
  const binary = candidates.find((path) => path && existsSync(path));
  if (!binary) throw new Error("the foretune binary is missing: cargo build -p foretune");
  const env = { ...process.env, RAYON_NUM_THREADS: "1" };
  const args = ["probe", file, "--model", "tiny", ...(evaluation ? ["--eval", evaluation] : []), "--device", "cpu", "--json", "--out", trace, ...flags];
  const result = JSON.parse(execFileSync(binary, args, { encoding: "utf8", env, stdio: ["ignore", "pipe", "ignore"] }));
  const lines = readFileSync(trace, "utf8").trim().split("\n").map((line) => JSON.parse(line));
  return { lines: lines.slice(1), result };
}

/** Rows of a task that a few steps learn. */
export function taskRows(count, first = 0) {
  const words = [["red", "colour"], ["apple", "fruit"], ["seven", "number"], ["blue", "colour"], ["pear", "fruit"], ["three", "number"]];
  const rows = Array.from({ length: count }, (_, index) => {
    const [word, kind] = words[(index * 5 + first) % words.length];
    return JSON.stringify({ instruction: `What is ${word}? (${first + index})`, output: kind });
  });
  return `${rows.join("\n")}\n`;
}
