// `just bench-proxy`: tokens per second of the bundled model's probe as WebAssembly in one Chromium worker and in
// one node worker, beside the native probe on one thread, in turns. The aim is a third of native.

import { createServer } from "node:http";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { launch } from "../browser/support/chromium.mjs";
import { buildProxy, bundledModel, probeInWorker, probeNatively, taskRows } from "../proxy/support.mjs";

const ROUNDS = 3;
const STEPS = 30;
const recipe = { learning_rate: 0.002, batch_size: 16, epochs: 3, max_steps: 300, sequence_length: 128, lora: { rank: 8, alpha: 16 } };
const flags = ["--lr", "0.002", "--batch", "16", "--max-steps", "300", "--max-tokens", "128", "--rank", "8", "--alpha", "16", "--steps", String(STEPS), "--stop", "never"];

const WORKER = `
import init, { ProxyProbe } from "/proxy.js";
self.foretunePanicked = (message) => self.postMessage({ panic: message });
const get = async (name) => new Uint8Array(await (await fetch(name)).arrayBuffer());
self.onmessage = async ({ data }) => {
  await init({ module_or_path: "/proxy.wasm" });
  const [config, weights, tokenizer] = await Promise.all(["/config", "/weights", "/tokenizer"].map(get));
  const sliced = (bytes) => ({ size: bytes.length, read(offset, into) {
    const part = bytes.subarray(offset, offset + into.length);
    into.set(part);
    return part.length;
  } });
  const probe = new ProxyProbe(new TextDecoder().decode(config), weights, tokenizer, sliced(data.file), sliced(data.evaluation), data.options);
  const started = performance.now();
  while (probe.next_line() !== undefined);
  self.postMessage({ seconds: (performance.now() - started) / 1000 });
};`;

const built = await buildProxy(false);
const base = bundledModel();
const files = {
  "/": ["text/html", "<!doctype html><title>proxy</title>"],
  "/worker.js": ["text/javascript", WORKER],
  "/proxy.js": ["text/javascript", readFileSync(built.glue)],
  "/proxy.wasm": ["application/wasm", readFileSync(built.module)],
  "/config": ["text/plain", base.config],
  "/weights": ["application/octet-stream", base.weights],
  "/tokenizer": ["application/octet-stream", base.tokenizer],
};
const server = createServer((request, response) => {
  const [type, body] = files[request.url] ?? ["text/plain", ""];
  response.writeHead(type === "text/plain" && !body ? 404 : 200, { "content-type": type }).end(body);
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const folder = mkdtempSync(join(tmpdir(), "foretune-"));
const [file, clean] = [taskRows(600), taskRows(100, 5000)];
writeFileSync(join(folder, "rows.jsonl"), file);
writeFileSync(join(folder, "clean.jsonl"), clean);
const bytes = (text) => new TextEncoder().encode(text);
const options = { recipe: { ...recipe, max_steps: 3 * STEPS }, steps: STEPS };

const browser = await launch();
const page = await browser.newPage();
await page.goto(`http://127.0.0.1:${server.address().port}/`);
const inChromium = () =>
  page.evaluate(
    ([file, evaluation, options]) =>
      new Promise((resolve, reject) => {
        const worker = new Worker("/worker.js", { type: "module" });
        worker.onerror = (event) => reject(new Error(event.message));
        worker.onmessage = ({ data }) => (data.panic ? reject(new Error(data.panic)) : resolve(data.seconds));
        const bytes = (text) => new TextEncoder().encode(text);
        worker.postMessage({ file: bytes(file), evaluation: bytes(evaluation), options });
      }),
    [file, clean, JSON.stringify(options)],
  );
const seconds = { native: [], node: [], chromium: [] };
for (let round = 0; round < ROUNDS; round += 1) {
  // The whole probe, readings included; starting and loading are left out of all three.
  const trace = join(folder, `trace-${round}.jsonl`);
  const { result } = probeNatively(join(folder, "rows.jsonl"), join(folder, "clean.jsonl"), trace, flags.map((flag) => (flag === "300" ? String(3 * STEPS) : flag)));
  seconds.native.push(result.seconds);
  seconds.node.push((await probeInWorker(built, bytes(file), bytes(clean), options)).seconds);
  seconds.chromium.push(await inChromium());
}
const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
console.log(`| where | seconds for ${STEPS} steps with their readings | of native |\n|---|---|---|`);
for (const [where, list] of Object.entries(seconds)) console.log(`| ${where} | ${median(list).toFixed(2)} | ${(median(seconds.native) / median(list)).toFixed(2)} |`);
await browser.close();
server.close();
rmSync(folder, { recursive: true });
