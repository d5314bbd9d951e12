// A few part workers that share the batches of one file. Each holds at most two at a time, so that memory
// stays bounded however fast the file is read.

import type { Failure } from "../protocol.js";
import { scriptAddress } from "../trusted.js";
import { pack, type FromPart, type PartBatch, type PartStart, type ToPart } from "./part-protocol.js";

const MOST_AT_A_TIME = 2;

interface Part {
  worker: Worker;
  waiting: number;
  counts: Record<string, number>;
}

export class Pool {
  private readonly parts: Part[];
  private readonly partials: Uint8Array[] = [];
  private readonly spares: ArrayBuffer[] = [];
  private failure: Failure | null = null;
  private wake: () => void = () => undefined;

  constructor(script: string, size: number, start: PartStart) {
    this.parts = Array.from({ length: size }, () => this.startPart(script, start));
  }

  private startPart(script: string, start: PartStart): Part {
    const worker = new Worker(scriptAddress(script), { type: "module" });
    const part: Part = { worker, waiting: 0, counts: {} };
    worker.onmessage = (event: MessageEvent<FromPart>) => {
      const message = event.data;
      if (message.kind === "taken") {
        part.waiting -= 1;
        this.spares.push(message.buffer);
        if (message.counts) part.counts = JSON.parse(message.counts) as Record<string, number>;
      } else if (message.kind === "partial") {
        this.partials.push(message.partial);
      } else {
        this.failure ??= message.failure;
      }
      this.wake();
    };
    worker.onerror = (event) => {
      this.failure ??= { what: "A worker of this page could not run", where: "", todo: "Reload the page", details: event.message ?? "" };
      this.wake();
    };
    this.send(worker, { kind: "start", ...start });
    return part;
  }

  private send(worker: Worker, message: ToPart, transfer: Transferable[] = []): void {
    worker.postMessage(message, transfer);
  }

  private async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (this.failure) throw this.failure;
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
    if (this.failure) throw this.failure;
  }

  /** Waits for a worker with room. */
  async push(batch: PartBatch): Promise<void> {
    const free = (): Part | undefined => this.parts.reduce<Part | undefined>((best, part) => (part.waiting < MOST_AT_A_TIME && (!best || part.waiting < best.waiting) ? part : best), undefined);
    await this.until(() => free() !== undefined);
    const part = free();
    if (!part) return;
    part.waiting += 1;
    const packed = pack(batch, this.spares.pop());
    this.send(part.worker, { kind: "batch", ...packed }, [packed.buffer]);
  }

  /** Findings so far, by code. */
  counts(): Record<string, number> {
    const sum: Record<string, number> = {};
    for (const part of this.parts) for (const [code, times] of Object.entries(part.counts)) sum[code] = (sum[code] ?? 0) + times;
    return sum;
  }

  /** All partial results; the workers are gone afterwards. */
  async finish(): Promise<Uint8Array[]> {
    for (const part of this.parts) this.send(part.worker, { kind: "finish" });
    await this.until(() => this.partials.length === this.parts.length);
    this.stop();
    return this.partials;
  }

  stop(): void {
    for (const part of this.parts) part.worker.terminate();
  }
}
