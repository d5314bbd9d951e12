// The WebAssembly packages: cargo, wasm-bindgen, wasm-opt. Each package has a target folder of its own,
// because one crate with three sets of features would otherwise be linked anew every time.

import { createHash } from "node:crypto";
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { homedir } from "node:os";

const cargoBin = join(process.env.CARGO_HOME ?? join(homedir(), ".cargo"), "bin");
const env = { ...process.env, PATH: `${cargoBin}${delimiter}${process.env.PATH}` };

function run(program, args, cwd) {
  try {
    return execFileSync(program, args, { cwd, env, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
  } catch (error) {
    if (error.code === "ENOENT") throw new Error(`${program} is missing; ./dev installs it`);
    throw new Error(`${program} ${args.join(" ")} failed`);
  }
}

/** Whoever asks these waits for their download, not for their sums: the profile makes core fast for the checker. */
const SMALL = ["forecast", "recalibrate"];

/** Whose dependencies, or whose core, are those of another package: they are not compiled a second time. */
const NEAREST = { tokens: "columnar", proxy: "tokens", recalibrate: "forecast" };

/** The optimised bytes of each package; their glue lies in web/.build/packages. */
export function buildPackages(web, names, isDev) {
  return Object.fromEntries(names.map((name) => [name, buildPackage(web, name, isDev)]));
}

function buildPackage(web, name, isDev) {
  const root = join(web, "..");
  const profile = isDev ? "dev" : "wasm-release";
  // A quick build links fast: packages that need the same crates share them there.
  const target = join(root, "target/packages", isDev && !["columnar", "tokens"].includes(name) ? "plain" : name);
  startFromSibling(target, name);
  const small = isDev || !SMALL.includes(name) ? [] : ["--config", 'profile.wasm-release.package.foretune-core.opt-level="s"'];
  run("cargo", ["build", ...small, "--quiet", "--lib", "-p", "foretune-wasm", "--target", "wasm32-unknown-unknown", "--profile", profile, "--no-default-features", "--features", name, "--target-dir", target], root);
  const linked = join(target, "wasm32-unknown-unknown", isDev ? "debug" : profile, "foretune_wasm.wasm");

  const out = join(web, `.build/packages/${isDev ? "dev" : "release"}/${name}`);
  const result = join(out, `${name}_bg.wasm`);
  const stampFile = join(out, "stamp");
  const stamp = createHash("sha256").update(readFileSync(linked)).update(readFileSync(join(web, "build-packages.mjs"))).update(readFileSync(join(web, "package-lock.json"))).digest("hex");
  if (existsSync(result) && existsSync(stampFile) && readFileSync(stampFile, "utf8") === stamp) return readFileSync(result);

  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  run("wasm-bindgen", ["--target", "web", "--no-typescript", "--out-dir", out, "--out-name", name, linked], root);
  // --all-features of this version writes what Chromium refuses; the features come from the file itself.
  if (!isDev) run(join(web, "node_modules/.bin/wasm-opt"), ["-O3", "--strip-debug", "--strip-producers", "-o", result, result], root);
  writeFileSync(stampFile, stamp);
  return readFileSync(result);
}

/** A first build takes over the compiled dependencies of another package; times must stay, cargo goes by them. */
function startFromSibling(target, name) {
  if (existsSync(target)) return;
  const folder = join(target, "..");
  const siblings = existsSync(folder) ? readdirSync(folder) : [];
  const sibling = siblings.find((other) => other === NEAREST[name]) ?? siblings[0];
  if (sibling) cpSync(join(folder, sibling), target, { recursive: true, preserveTimestamps: true });
}
