// Where things are: the built page, the binary, reference data beside the checkout.

import { execFileSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
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
