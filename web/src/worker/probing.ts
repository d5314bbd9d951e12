// Probes the bundled model on a file, and passes on each line of the trace as it comes. There is no message to
// stop it: the page ends the worker.

import init, { ProxyProbe } from "foretune-proxy";
import type { Failure } from "../protocol.js";
import { fetchBytes, fetchModule } from "./assets.js";
import { toFailure } from "./failure.js";
import { FileSource } from "./file-source.js";

export interface ProbeRequest {
  file: Blob;
  evaluation: Blob | null;
  /** As the package takes them, JSON. */
  options: string;
}

export type FromProbe = { start: string } | { line: string; tokens: number; timeMs: number } | { failure: Failure };

const post = (message: FromProbe): void => (self as unknown as DedicatedWorkerGlobalScope).postMessage(message);

self.onmessage = async (event: MessageEvent<ProbeRequest>) => {
  const { file, evaluation, options } = event.data;
  try {
    const [module, config, weights, tokenizer] = await Promise.all([fetchModule("proxy"), fetchBytes("config"), fetchBytes("weights"), fetchBytes("tokenizer")]);
    await init({ module_or_path: module });
    const probe = new ProxyProbe(new TextDecoder().decode(config), weights, tokenizer, new FileSource(file), evaluation ? new FileSource(evaluation) : undefined, options);
    post({ start: probe.start_line() });
    for (let line = probe.next_line(); line !== undefined; line = probe.next_line()) post({ line, tokens: probe.tokens(), timeMs: performance.now() });
  } catch (thrown) {
    post({ failure: toFailure(thrown, "probe") });
  }
};
