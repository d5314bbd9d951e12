// Where things are: the built page, the binary, reference data beside the checkout.

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readdirSync, renameSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), "../../..");
export const DIST = join(ROOT, "web/dist");
export const DATA = join(ROOT, "../shared/data");

export function binary() {
  const candidates = [process.env.FORETUNE_BINARY, join(ROOT, "target/debug/foretune"), join(ROOT, "target/release/foretune")];
  const found = candidates.find((path) => path && existsSync(path));
  if (!found) throw new Error("the foretune binary is missing: cargo build -p foretune");
  return found;
}

/** What the command line says of a file, byte for byte. Findings of severity error exit with 1. */
export function checkNatively(file, args = []) {
  try {
    return execFileSync(binary(), ["check", file, "--json", ...args], { encoding: "utf8", maxBuffer: 1 << 28, stdio: ["ignore", "pipe", "ignore"] });
  } catch (error) {
    if (error.status === 1) return error.stdout;
    throw error;
  }
}

/** Every file of a folder of the reference data; empty, with a word, where it is not there. */
export function referenceFiles(folder) {
  const path = join(DATA, folder);
  if (!existsSync(path)) {
    console.log(`# skipped: ${folder} of the reference data is not beside this checkout`);
    return [];
  }
  return readdirSync(path, { withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => join(path, entry.name)).sort();
}

/** Runs the binary and gives what it printed; exit codes other than 0 and 1 throw. */
export function foretune(args) {
  try {
    return execFileSync(binary(), args, { encoding: "utf8", maxBuffer: 1 << 28, stdio: ["ignore", "pipe", "pipe"] });
  } catch (error) {
    if (error.status === 1) return error.stdout;
    throw new Error(`foretune ${args.join(" ")}: ${error.stderr ?? error}`);
  }
}

/** A predictor fitted on made-up runs; it says nothing about real ones. `changed` makes other runs of them. */
export function syntheticPredictor(folder, name = "synthetic", changed = (run) => run) {
  const runs = join(folder, `${name}-runs.jsonl`);
  const out = join(folder, `${name}.onnx`);
  const tool = join(ROOT, "target/debug/examples/synthetic_runs");
  if (!existsSync(tool)) throw new Error("the example synthetic_runs is missing: cargo build -p foretune-tests --example synthetic_runs");
  const made = execFileSync(tool, ["120"], { encoding: "utf8", maxBuffer: 1 << 28 }).trimEnd().split("\n").map((line) => changed(JSON.parse(line)));
  const text = made.map((run) => `${JSON.stringify(run)}\n`).join("");
  writeFileSync(runs, text);
  copyFileSync(fitted(runs, text), out);
  return { predictor: out, runs: made };
}

/** Fitting takes seconds and several suites want the same: kept for as long as the binary and the runs are. */
function fitted(runs, text) {
  const folder = join(ROOT, "target/tmp/browser");
  const { mtimeMs, size } = statSync(binary());
  const kept = join(folder, `${createHash("sha256").update(`${mtimeMs} ${size} ${text}`).digest("hex").slice(0, 16)}.onnx`);
  if (existsSync(kept)) return kept;
  mkdirSync(folder, { recursive: true });
  const fresh = kept.replace(".onnx", `-${process.pid}.onnx`);
  foretune(["fit", runs, "--out", fresh, "--note", "Made-up runs for tests"]);
  renameSync(fresh, kept);
  return kept;
}

/** A data set inside the ranges of the made-up runs: two of five answers are wrong. */
export function syntheticData(folder) {
  const path = join(folder, "items.jsonl");
  const rows = Array.from({ length: 600 }, (_, row) => JSON.stringify({ prompt: `Is item ${row} ${["good", "bad", "odd"][(row * 7) % 3]}?`, completion: ["yes", "no", "maybe"][(row * 7 + (row % 5 < 2 ? 1 : 0)) % 3] }));
  writeFileSync(path, `${rows.join("\n")}\n`);
  return path;
}
