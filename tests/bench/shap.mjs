// `just bench-shap`: exact attributions as WebAssembly in one Chromium worker, built like the page's forecasts.
// Takes a model, a file of rows and where the answers go (little-endian f64); prints the best of five as JSON.

import { createServer } from "node:http";
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { launch } from "../browser/support/chromium.mjs";
import { buildPackages } from "../../web/build-packages.mjs";

const ROUNDS = 5;
const WEB = join(dirname(fileURLToPath(import.meta.url)), "../../web");
const PACKAGE = "bench-shap";
const [model, rows, answers] = process.argv.slice(2);

const WORKER = `
import init, { ManyRows } from "/package.js";
self.foretunePanicked = (message) => self.postMessage({ panic: message });
const get = async (name) => await (await fetch(name)).arrayBuffer();
await init({ module_or_path: "/package.wasm" });
const explainer = new ManyRows(new Uint8Array(await get("/model")));
const rows = new Float64Array(await get("/rows"));
let seconds = Infinity, found;
for (let round = 0; round < ${ROUNDS}; round += 1) {
  const started = performance.now();
  found = explainer.explain(rows);
  seconds = Math.min(seconds, (performance.now() - started) / 1000);
}
await fetch("/answers", { method: "PUT", body: found.buffer });
self.postMessage({ seconds });`;

await buildPackages(WEB, [PACKAGE], false);
const built = (name) => readFileSync(join(WEB, `.build/packages/release/${PACKAGE}`, name));
const files = {
  "/": ["text/html", "<!doctype html><title>attributions</title>"],
  "/worker.js": ["text/javascript", WORKER],
  "/package.js": ["text/javascript", built(`${PACKAGE}.js`)],
  "/package.wasm": ["application/wasm", built(`${PACKAGE}_bg.wasm`)],
  "/model": ["application/octet-stream", readFileSync(model)],
  "/rows": ["application/octet-stream", readFileSync(rows)],
};
const server = createServer(async (request, response) => {
  if (request.method === "PUT") {
    const parts = [];
    for await (const part of request) parts.push(part);
    writeFileSync(answers, Buffer.concat(parts));
    return response.writeHead(204).end();
  }
  const [type, body] = files[request.url] ?? ["text/plain", ""];
  response.writeHead(body ? 200 : 404, { "content-type": type }).end(body);
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const browser = await launch();
const page = await browser.newPage();
await page.goto(`http://127.0.0.1:${server.address().port}/`);
const told = await page.evaluate(() => new Promise((resolve, reject) => {
  const worker = new Worker("/worker.js", { type: "module" });
  worker.onerror = (event) => reject(new Error(event.message));
  worker.onmessage = ({ data }) => (data.panic ? reject(new Error(data.panic)) : resolve(data));
}));
console.log(JSON.stringify(told));
await browser.close();
server.close();
