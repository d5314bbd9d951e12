// Runs one probe of the bundled model in a worker and passes its trace on line by line, as the page's worker does.

import { readFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";
import { parentPort, workerData } from "node:worker_threads";

const { glue, module, base, file, evaluation, options } = workerData;
globalThis.foretunePanicked = (message) => parentPort.postMessage({ panic: message });
const { default: init, ProxyProbe } = await import(pathToFileURL(glue).href);
await init({ module_or_path: await readFile(module) });
/** Bytes as the package reads a file. */
const sliced = (bytes) => ({
  size: bytes.length,
  read(offset, into) {
    const part = bytes.subarray(offset, offset + into.length);
    into.set(part);
    return part.length;
  },
});
try {
  const probe = new ProxyProbe(base.config, base.weights, base.tokenizer, sliced(file), evaluation.length ? sliced(evaluation) : undefined, JSON.stringify(options));
  const started = performance.now();
  for (let line = probe.next_line(); line !== undefined; line = probe.next_line()) parentPort.postMessage({ line });
  parentPort.postMessage({ done: true, seconds: (performance.now() - started) / 1000, tokens: probe.tokens(), start: JSON.parse(probe.start_line()) });
} catch (thrown) {
  parentPort.postMessage({ failure: String(thrown) });
}
