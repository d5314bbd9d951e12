// The page's side of a worker that answers questions: starts it with the first one, gives each its answer.

import type { Failure } from "./protocol.js";
import { scriptAddress } from "./trusted.js";
import type { Question, Reply } from "./worker/answering.js";

interface Waiting {
  resolve(output: unknown): void;
  reject(failure: Failure): void;
}

export class Caller {
  private worker: Worker | null = null;
  private lastRequest = 0;
  private readonly waiting = new Map<number, Waiting>();

  constructor(
    private readonly script: string,
    /** What does not work without it, as in "Forecasts". */
    private readonly what: string,
  ) {}

  /** Rejects with a `Failure`. */
  call<T>(call: string, ...input: unknown[]): Promise<T> {
    if (!this.script) {
      return Promise.reject({ what: `${this.what} are not part of this build of the page`, where: "", todo: "Build it whole: node web/build.mjs", details: "" } satisfies Failure);
    }
    const worker = (this.worker ??= this.start(this.script));
    this.lastRequest += 1;
    const request = this.lastRequest;
    return new Promise<T>((resolve, reject) => {
      this.waiting.set(request, { resolve: (output) => resolve(output as T), reject });
      worker.postMessage({ request, call, input } satisfies Question);
    });
  }

  stop(): void {
    this.worker?.terminate();
    this.worker = null;
    this.waiting.clear();
  }

  private start(script: string): Worker {
    const worker = new Worker(scriptAddress(script), { type: "module" });
    worker.onmessage = (event: MessageEvent<Reply>) => {
      const reply = event.data;
      const waiting = this.waiting.get(reply.request);
      this.waiting.delete(reply.request);
      if ("failure" in reply) waiting?.reject(reply.failure);
      else waiting?.resolve(reply.output);
    };
    worker.onerror = (event) => {
      const failure: Failure = { what: `${this.what} could not run`, where: "", todo: "Reload the page", details: event.message ?? "" };
      for (const waiting of this.waiting.values()) waiting.reject(failure);
      this.stop();
    };
    return worker;
  }
}

/** Whatever was thrown, as an error that people can read. */
export function asFailure(thrown: unknown): Failure {
  if (typeof thrown === "object" && thrown !== null && "what" in thrown && "todo" in thrown) return thrown as Failure;
  return { what: "This could not be done", where: "", todo: "Reload the page", details: thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown) };
}
