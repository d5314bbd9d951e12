// Progress of one pass over a file: rate from the whole pass so far, at most ten messages a second.

import type { FromCoordinator, Progress } from "../protocol.js";

const EVERY_MS = 100;

export class Meter {
  private readonly startedMs = performance.now();
  private lastMs = 0;
  private rows = 0;
  private bytes = 0;

  constructor(
    private readonly stage: Progress["stage"],
    private readonly totalBytes: number,
    private readonly post: (message: FromCoordinator) => void,
  ) {}

  advance(bytes: number, rows: number, counts: Record<string, number>): void {
    this.bytes = bytes;
    this.rows += rows;
    const now = performance.now();
    if (now - this.lastMs >= EVERY_MS) {
      this.lastMs = now;
      this.send(this.stage, counts);
    }
  }

  sumUp(counts: Record<string, number>): void {
    this.bytes = this.totalBytes;
    this.send("summing up", counts);
  }

  private send(stage: Progress["stage"], counts: Record<string, number>): void {
    const elapsedSeconds = Math.max(1e-3, (performance.now() - this.startedMs) / 1000);
    const bytesPerSecond = this.bytes / elapsedSeconds;
    const secondsLeft = (this.totalBytes - this.bytes) / Math.max(1, bytesPerSecond);
    this.post({ kind: "progress", progress: { bytes: this.bytes, totalBytes: this.totalBytes, rows: this.rows, bytesPerSecond, secondsLeft, counts, stage } });
  }
}
