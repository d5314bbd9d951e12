// A probe of the bundled model in a worker of this page. It tells what happens as an agent tells of a job, so
// that whatever shows the one shows the other.

import type { EventBody, JobEvent } from "./agent/wire.js";
import type { Failure } from "./protocol.js";
import { scriptAddress } from "./trusted.js";
import type { FromProbe, ProbeRequest } from "./worker/probing.js";

declare const PROBE_SCRIPT: string;
declare const PROBE_BYTES: number;

/** Stands for the number of a job; an agent's begin at 1. */
export const HERE = 0;
export const BUNDLED = { isBuilt: PROBE_SCRIPT !== "", bytes: PROBE_BYTES };

interface Line {
  type: "step" | "reading" | "end";
  step: number;
  steps: number;
  stopped_because: string;
}

export class BundledProbe {
  private worker: Worker | null;
  private seq = 0;
  private total: number | null = null;
  private done = 0;
  private tokens = 0;
  private firstMs: number | null = null;
  private lastMs = 0;

  constructor(
    request: ProbeRequest,
    private readonly onEvent: (event: JobEvent) => void,
  ) {
    this.worker = new Worker(scriptAddress(PROBE_SCRIPT), { type: "module" });
    this.worker.onmessage = (event: MessageEvent<FromProbe>) => this.hear(event.data);
    this.worker.onerror = (event) => this.fail({ what: "The probe could not run", where: "", todo: "Reload the page", details: event.message ?? "" });
    this.worker.postMessage(request);
  }

  /** Keeps what there is. */
  stop(): void {
    if (this.worker) this.finish("stopped_by_hand", true);
  }

  cancel(): void {
    if (!this.worker) return;
    this.end();
    this.tell({ kind: "cancelled", payload: {} });
  }

  private hear(message: FromProbe): void {
    if ("failure" in message) return this.fail(message.failure);
    if ("start" in message) {
      const payload = JSON.parse(message.start) as { stop_after: number };
      this.total = payload.stop_after;
      this.tell({ kind: "start", payload });
      return this.tellProgress();
    }
    this.firstMs ??= message.timeMs;
    this.lastMs = message.timeMs;
    this.tokens = message.tokens;
    const line = JSON.parse(message.line) as Line;
    if (line.type === "end") return this.finish(line.stopped_because, false);
    this.tell({ kind: line.type, payload: line } as unknown as EventBody);
    if (line.type === "reading") return;
    this.done = line.step;
    this.tellProgress();
  }

  private tellProgress(): void {
    this.tell({ kind: "progress", payload: { done: this.done, total: this.total, unit: "steps" } });
  }

  private finish(because: string, early: boolean): void {
    this.end();
    const seconds = (this.lastMs - (this.firstMs ?? this.lastMs)) / 1000;
    this.tell({ kind: "result", payload: { steps: this.done, tokens_per_second: seconds > 0 ? this.tokens / seconds : null, stopped_because: because } });
    this.tell({ kind: "done", payload: { answer: "yes", stopped_early: early } });
  }

  private fail(failure: Failure): void {
    this.end();
    this.tell({ kind: "failed", payload: { message: [failure.what, failure.todo].filter(Boolean).join(". ") } });
  }

  private end(): void {
    this.worker?.terminate();
    this.worker = null;
  }

  private tell(body: EventBody): void {
    this.seq += 1;
    this.onEvent({ job: HERE, seq: this.seq, time_ms: performance.now(), ...body });
  }
}
