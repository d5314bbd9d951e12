// Builds web/dist: the WebAssembly packages, workers, page, styles, samples and service worker, all under
// names that carry a hash of their content. What has not changed is not built again.
//
//   node web/build.mjs         what ships; fails when the first load is over its budget
//   node web/build.mjs --dev   quick: development profile, no wasm-opt, no minifying, no budget
//   … --only check,forecast    builds only these packages; the page says so where it needs another

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";
import { buildPackages } from "./build-packages.mjs";

const WEB = dirname(fileURLToPath(import.meta.url));
const DIST = join(WEB, "dist");
const STAGING = join(WEB, ".build/dist");
const REFERENCE_MODEL = join(WEB, "../shared/core/data/reference.bin");
const BUNDLED_MODEL = join(WEB, "../lab/base");
const FIRST_LOAD_BUDGET_BYTES = 250_000;
const CHECK_BUDGET_BYTES = 450_000;
const REFERENCE_BUDGET_BYTES = 300_000;
const CHOOSING_BUDGET_BYTES = 250_000;
const FORECAST_BUDGET_BYTES = 250_000;
const RECALIBRATE_BUDGET_BYTES = 200_000;
const SECOND_ENGINE_BUDGET_BYTES = 1_500_000;
const REPORT_BUDGET_BYTES = 150_000;
const PROBE_BUDGET_BYTES = 2_400_000;

const isDev = process.argv.includes("--dev");
const only = process.argv.indexOf("--only");
const PACKAGES = only > 0 ? process.argv[only + 1].split(",") : ["check", "columnar", "tokens", "choosing", "forecast", "recalibrate", "report", "tract", "proxy"];
// Resolved from here, so that the script runs from any folder.
const esbuild = createRequire(import.meta.url)("esbuild");
const written = new Map();

const hashOf = (content) => createHash("sha256").update(content).digest("hex").slice(0, 10);

/** A host that changes one file alone is found out. Browsers check neither workers nor WebAssembly this way. */
const integrityOf = (name) => `integrity="sha384-${createHash("sha384").update(written.get(name)).digest("base64")}"`;

/** Puts a file into the new dist; `hashed` files get their hash into the name. */
function emit(name, content, hashed = true) {
  const dot = name.lastIndexOf(".");
  const finalName = hashed ? `${name.slice(0, dot)}-${hashOf(content)}${name.slice(dot)}` : name;
  mkdirSync(dirname(join(STAGING, finalName)), { recursive: true });
  writeFileSync(join(STAGING, finalName), content);
  written.set(finalName, Buffer.from(content));
  return finalName;
}

/** Packages that stand alone have modules of their own name. */
const moduleOf = (packageName) => (["choosing", "forecast", "recalibrate", "report", "tract", "proxy"].includes(packageName) ? `foretune-${packageName}` : "foretune-package");

/** What the code of a package's workers calls it; one answers for another's calls too. */
function aliasesOf(packageName) {
  const glue = join(WEB, `.build/packages/${isDev ? "dev" : "release"}/${packageName}/${packageName}.js`);
  const names = packageName === "tract" ? [moduleOf("forecast"), moduleOf("tract")] : [moduleOf(packageName)];
  return Object.fromEntries(names.map((name) => [name, glue]));
}

function bundle(entry, name, define, packageName = null) {
  const result = esbuild.buildSync({
    absWorkingDir: WEB,
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: entry.includes("service-worker") ? "iife" : "esm",
    target: "es2022",
    minify: !isDev,
    legalComments: "none",
    charset: "utf8",
    define: Object.fromEntries(Object.entries(define).map(([key, value]) => [key, JSON.stringify(value)])),
    alias: packageName ? aliasesOf(packageName) : {},
    logLevel: "warning",
  });
  return { name, content: result.outputFiles[0].contents };
}

function emitBundle(entry, name, define, packageName = null) {
  const { content } = bundle(entry, name, define, packageName);
  return emit(name, content);
}

function emitStyles() {
  const result = esbuild.buildSync({ absWorkingDir: WEB, entryPoints: ["src/styles/page.css"], bundle: true, write: false, minify: !isDev, logLevel: "warning" });
  return emit("page.css", result.outputFiles[0].contents);
}

function emitSamples() {
  const folder = join(WEB, "samples");
  const names = readdirSync(folder).filter((name) => /\.(jsonl|csv|json)$/.test(name)).sort();
  return Object.fromEntries(names.map((name) => [name, emit(`samples/${name}`, readFileSync(join(folder, name)))]));
}

/** Predictors that the lab made and that pages carry; none at first. */
function emitPredictors() {
  const folder = join(WEB, "../lab/predictors");
  const names = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith(".onnx")).sort() : [];
  return Object.fromEntries(names.map((name) => [name, emit(`predictors/${name}`, readFileSync(join(folder, name)))]));
}

/** The model that the page probes by itself. */
function emitBundledModel() {
  const files = { config: "config.json", weights: "model.safetensors", tokenizer: "tokenizer.json" };
  return Object.fromEntries(Object.entries(files).map(([name, file]) => [name, emit(`bundled/${file}`, readFileSync(join(BUNDLED_MODEL, file)))]));
}

async function build() {
  const packages = await buildPackages(WEB, PACKAGES, isDev);
  rmSync(STAGING, { recursive: true, force: true });
  const assets = Object.fromEntries(PACKAGES.map((name) => [name, emit(`${name}.wasm`, packages[name])]));
  assets.reference = emit("reference.bin", readFileSync(REFERENCE_MODEL));
  const predictors = emitPredictors();

  const parts = Object.fromEntries(["check", "tokens"].filter((name) => PACKAGES.includes(name)).map((name) => [name, emitBundle("src/worker/part.ts", `part-${name}.js`, {}, name)]));
  const coordinator = (name) =>
    emitBundle("src/worker/coordinator.ts", `coordinator-${name}.js`, { PART_SCRIPTS: parts, ASSETS: assets, OWN_PACKAGE: name, WORKER_SCRIPTS: Object.values(parts) }, name);
  const coordinators = Object.fromEntries(PACKAGES.filter((name) => moduleOf(name) === "foretune-package").map((name) => [name, coordinator(name)]));
  const answering = (name, entry) => (PACKAGES.includes(name) ? emitBundle(entry, `${name}.js`, { ASSETS: { ...predictors, [name]: assets[name] } }, name) : undefined);
  const choosing = answering("choosing", "src/worker/choosing.ts");
  const forecast = answering("forecast", "src/worker/forecasting.ts");
  const recalibrate = answering("recalibrate", "src/worker/recalibrating.ts");
  const secondEngine = answering("tract", "src/worker/second-engine.ts");
  const report = answering("report", "src/worker/reporting.ts");
  const bundled = PACKAGES.includes("proxy") || PACKAGES.includes("tokens") ? emitBundledModel() : {};
  const probe = PACKAGES.includes("proxy") ? emitBundle("src/worker/probing.ts", "probing.js", { ASSETS: { ...bundled, proxy: assets.proxy } }, "proxy") : undefined;
  const probeFiles = [probe, assets.proxy, ...Object.values(bundled)];
  const SERVICE_WORKER = "service-worker.js";
  const page = emitBundle("src/main.ts", "page.js", {
    COORDINATOR_SCRIPTS: coordinators,
    SAMPLE_FILES: emitSamples(),
    SERVICE_WORKER,
    CHOOSING_SCRIPT: choosing ?? "",
    FORECAST_SCRIPT: forecast ?? "",
    RECALIBRATE_SCRIPT: recalibrate ?? "",
    SECOND_ENGINE_SCRIPT: secondEngine ?? "",
    REPORT_SCRIPT: report ?? "",
    PROBE_SCRIPT: probe ?? "",
    BUNDLED_TOKENIZER: bundled.tokenizer ?? "",
    PROBE_BYTES: probeFiles.reduce((sum, name) => sum + (written.get(name)?.length ?? 0), 0),
    SHIPPED_PREDICTORS: Object.keys(predictors),
    WORKER_SCRIPTS: [...Object.values(coordinators), ...[choosing, forecast, recalibrate, secondEngine, report, probe].filter(Boolean), SERVICE_WORKER],
  });
  const style = emitStyles();
  const icon = emit("icon.svg", readFileSync(join(WEB, "src/icon.svg")));
  const policy = readFileSync(join(WEB, "src/content-security-policy.txt"), "utf8").trim();
  const html = readFileSync(join(WEB, "src/index.html"), "utf8")
    .replace("%POLICY%", policy)
    .replace("%ICON%", `./${icon}`)
    .replace('href="%STYLE%"', `href="./${style}" ${integrityOf(style)}`)
    .replace('src="%SCRIPT%"', `src="./${page}" ${integrityOf(page)}`);
  if (/%[A-Z]+%/.test(html)) throw new Error("index.html has a place that nothing was put into");

  const names = [...written.keys()].sort();
  // As large as all others together, and not for every visitor: kept offline once used.
  const seldom = [...probeFiles, secondEngine, assets.tract];
  const onDemand = names.filter((name) => seldom.includes(name));
  emit("index.html", html, false);
  const worker = bundle("src/service-worker.ts", SERVICE_WORKER, { FILES: names.filter((name) => !onDemand.includes(name)), ON_DEMAND: onDemand, VERSION: hashOf(names.join("\n") + html), POLICY: policy });
  emit(SERVICE_WORKER, worker.content, false);
  // Hosts that read such a file (Netlify, Cloudflare Pages) then send the policy with every file.
  emit("_headers", `/*\n  Content-Security-Policy: ${policy}; frame-ancestors 'none'\n  X-Content-Type-Options: nosniff\n  Referrer-Policy: no-referrer\n`, false);

  const digest = digestOfAll();
  if (isPublished(digest)) return console.log("page unchanged");
  await weigh({
    "first load, until a file can be taken": [["index.html", style, page, icon], FIRST_LOAD_BUDGET_BYTES],
    "checking, at the first file": [[coordinators.check, parts.check, assets.check], CHECK_BUDGET_BYTES],
    "reference model, at the first file": [[assets.reference], REFERENCE_BUDGET_BYTES],
    "Parquet and Arrow, when needed": [[coordinators.columnar, assets.columnar]],
    "tokenizer.json, when needed": [[coordinators.tokens, parts.tokens, assets.tokens]],
    "choosing among models, when needed": [[choosing, assets.choosing], CHOOSING_BUDGET_BYTES],
    "forecasts and links, when needed": [[forecast, assets.forecast], FORECAST_BUDGET_BYTES],
    "recalibration, with a true score": [[recalibrate, assets.recalibrate], RECALIBRATE_BUDGET_BYTES],
    "second engine, when asked for or needed": [[secondEngine, assets.tract], SECOND_ENGINE_BUDGET_BYTES],
    "report as HTML, when saved": [[report, assets.report], REPORT_BUDGET_BYTES],
    "probe of the bundled model, when started": [probeFiles, PROBE_BUDGET_BYTES],
  });
  publish(digest);
}

const DIST_STAMP = join(WEB, ".build/dist.stamp");

/** Of every file, and of this script, which knows the budgets. */
function digestOfAll() {
  const files = [...written].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, content]) => name + hashOf(content));
  return hashOf([...files, hashOf(readFileSync(fileURLToPath(import.meta.url)))].join("\n"));
}

/** Built and weighed before; nothing is replaced, so that nothing downstream rebuilds. */
function isPublished(digest) {
  return existsSync(DIST) && existsSync(DIST_STAMP) && readFileSync(DIST_STAMP, "utf8") === digest;
}

/** Compressed sizes, and the promises about them: as static hosts send them today, which is brotli. */
async function weigh(loads) {
  const kilobytes = (size) => (size / 1000).toFixed(1).padStart(8);
  const [gzipped, brotlied] = await Promise.all([sizes(loads, gzip, { level: 9 }), isDev ? {} : sizes(loads, brotliCompress, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } })]);
  console.log(`page built${isDev ? " for development" : ""}; compressed sizes in kB      gzip -9   brotli   budget`);
  for (const [label, [names, budget]] of Object.entries(loads)) {
    // Brotli is slow, and of no interest while developing.
    const [gzip9, brotli11] = [gzipped, brotlied].map((sizes) => names.filter(Boolean).reduce((sum, name) => sum + (sizes[name] ?? 0), 0));
    console.log(`  ${label.padEnd(46)} ${kilobytes(gzip9)} ${kilobytes(brotli11)} ${budget ? kilobytes(budget) : ""}`);
    if (!isDev && brotli11 > budget) throw new Error(`${label}: ${brotli11} bytes compressed, over the budget of ${budget}`);
  }
}

/** Compressed size of every file of these loads, as many at a time as there are threads for it. */
async function sizes(loads, compress, options) {
  const names = [...new Set(Object.values(loads).flatMap(([names]) => names))].filter(Boolean);
  return Object.fromEntries(await Promise.all(names.map(async (name) => [name, (await promisify(compress)(written.get(name), options)).length])));
}

/** Replaces dist in one step. */
function publish(digest) {
  rmSync(DIST, { recursive: true, force: true });
  renameSync(STAGING, DIST);
  // A rename keeps the folder's older time, and cargo goes by times when it embeds the page.
  utimesSync(DIST, new Date(), new Date());
  writeFileSync(DIST_STAMP, digest);
}

try {
  await build();
} catch (error) {
  // A failed tool has said why already.
  console.error(`web/build.mjs: ${error.message}`);
  process.exit(1);
}
