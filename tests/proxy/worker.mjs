// Runs one probe of the bundled model in a worker and passes its trace on line by line, as the page's worker does.

import { readFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";
import { parentPort, workerData } from "node:worker_threads";

const { glue, module, base, file, evaluation, options } = workerData;
globalThis.foretunePanicked = (message) => parentPort.postMessage({ panic: message });
const { default: init, ProxyProbe } = await import(pathToFileURL(glue).href);
await init({ module_or_path: await readFile(module) });
try {
  const probe = new ProxyProbe(base.config, base.weights, base.tokenizer, file, evaluation, JSON.stringify(options));
  const started = performance.now();
  for (let line = probe.next_line(); line !== undefined; line = probe.next_line()) parentPort.postMessage({ line });
  parentPort.postMessage({ done: true, seconds: (performance.now() - started) / 1000, tokens: probe.tokens(), total: probe.total() });
} catch (thrown) {
  parentPort.postMessage({ failure: String(thrown) });
}
