// The WebAssembly packages: cargo, wasm-bindgen, wasm-opt. Each package has a target folder of its own,
// because one crate with so many sets of features would otherwise be linked anew every time. Their last steps
// use one core each, so two packages are made side by side.

import { createHash } from "node:crypto";
import { spawn } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { homedir } from "node:os";

const cargoBin = join(process.env.CARGO_HOME ?? join(homedir(), ".cargo"), "bin");
const env = { ...process.env, PATH: `${cargoBin}${delimiter}${process.env.PATH}` };

const running = new Set();
// Where one package fails, what works on another ends too.
process.on("exit", () => running.forEach((child) => child.kill()));

function run(program, args, cwd) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd, env, stdio: ["ignore", "ignore", "inherit"] });
    running.add(child);
    child.on("error", (error) => reject(error.code === "ENOENT" ? new Error(`${program} is missing; ./dev installs it`) : error));
    child.on("close", (code) => {
      running.delete(child);
      if (code === 0) resolve();
      else reject(new Error(`${program} ${args.join(" ")} failed`));
    });
  });
}

/** Whoever asks these waits for their download, not for their sums: the profile makes core fast for the checker. */
const SMALL = ["choosing", "report", "forecast", "recalibrate", "bench-shap", "tract"];

/** Readers that wait for their file: wasm-opt's last level costs a minute each and gains them nothing. */
const QUICKLY_OPTIMISED = ["columnar", "tokens"];

/** The largest, of which little runs: the first level is much quicker than the second and compresses better. */
const BARELY_OPTIMISED = ["tract"];

const levelOf = (name) => (BARELY_OPTIMISED.includes(name) ? "-O1" : QUICKLY_OPTIMISED.includes(name) ? "-O2" : "-O3");

/** What is made side by side, each package from what was compiled for the one before it. */
const LANES = [
  ["check", "choosing", "report", "forecast", "recalibrate", "bench-shap", "tract", "proxy"],
  ["columnar", "tokens"],
];

/** The optimised bytes of each package; their glue lies in web/.build/packages. */
export async function buildPackages(web, names, isDev) {
  // A quick build keeps most packages in one folder.
  const lanes = isDev ? [LANES.flat()] : LANES;
  const made = {};
  await Promise.all(lanes.map(async (lane) => {
    let before;
    for (const name of lane.filter((name) => names.includes(name))) {
      made[name] = await buildPackage(web, name, isDev, before);
      before = name;
    }
  }));
  return Object.fromEntries(names.map((name) => [name, made[name]]));
}

async function buildPackage(web, name, isDev, before) {
  const root = join(web, "..");
  const profile = isDev ? "dev" : "wasm-release";
  // A quick build links fast: packages that need the same crates share them there.
  const folder = (name) => join(root, "target/packages", isDev && !["columnar", "tokens"].includes(name) ? "plain" : name);
  const target = folder(name);
  const begun = performance.now();
  if (before) startFrom(folder(before), target);
  const small = isDev || !SMALL.includes(name) ? [] : ["--config", 'profile.wasm-release.package.foretune-core.opt-level="s"'];
  await run("cargo", ["build", "--locked", ...small, "--quiet", "--lib", "-p", "foretune-wasm", "--target", "wasm32-unknown-unknown", "--profile", profile, "--no-default-features", "--features", name, "--target-dir", target], root);
  const linked = join(target, "wasm32-unknown-unknown", isDev ? "debug" : profile, "foretune_wasm.wasm");

  const out = join(web, `.build/packages/${isDev ? "dev" : "release"}/${name}`);
  const result = join(out, `${name}_bg.wasm`);
  const stampFile = join(out, "stamp");
  const stamp = createHash("sha256").update(readFileSync(linked)).update(readFileSync(join(web, "build-packages.mjs"))).update(readFileSync(join(web, "package-lock.json"))).digest("hex");
  if (existsSync(result) && existsSync(stampFile) && readFileSync(stampFile, "utf8") === stamp) return readFileSync(result);

  const linkedAt = performance.now();
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  await run("wasm-bindgen", ["--target", "web", "--no-typescript", "--out-dir", out, "--out-name", name, linked], root);
  // --all-features of this version writes what Chromium refuses; the features come from the file itself.
  if (!isDev) await run(join(web, "node_modules/.bin/wasm-opt"), [levelOf(name), "--strip-debug", "--strip-producers", "-o", result, result], root);
  writeFileSync(stampFile, stamp);
  const seconds = (from, to) => Math.round((to - from) / 1000);
  console.log(`package ${name}: compiled in ${seconds(begun, linkedAt)} s, made ready for the page in ${seconds(linkedAt, performance.now())} s`);
  return readFileSync(result);
}

/** A first build takes over the compiled dependencies of the package before it; times must stay, cargo goes by them. */
function startFrom(sibling, target) {
  if (!existsSync(target) && existsSync(sibling)) cpSync(sibling, target, { recursive: true, preserveTimestamps: true });
}
