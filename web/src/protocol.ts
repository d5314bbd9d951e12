// What the page and its workers say to each other. Reports travel as the JSON text that core wrote, so
// that what is downloaded is what was computed, to the byte.

import type { Catalogue } from "./catalogue.js";
import type { CostTable, Recipe } from "./advice.js";
import type { CheckOptions } from "./options.js";

/** An error as people read it: what, where, what to do; details folded. */
export interface Failure {
  what: string;
  where: string;
  todo: string;
  details: string;
}

export interface Progress {
  bytes: number;
  totalBytes: number;
  rows: number;
  bytesPerSecond: number;
  secondsLeft: number;
  /** Findings so far, by code. */
  counts: Record<string, number>;
  stage: "evaluation file" | "file" | "summing up" | "cleaned copy";
}

export interface RowRequest {
  found: string;
  row: number;
  byteOffset: number;
  path: string;
}

/** A piece of the file around a finding; `marked` is the offending part. */
export interface RowExcerpt {
  row: number;
  before: string;
  marked: string;
  after: string;
}

/** As core tells files apart. */
export type FileKind = "dataset" | "predictor" | "curves" | "checkpoints" | "scores" | "trace" | "trainer_state" | "log_lines" | "console_log" | "metrics_csv" | "tensor_board";

export type ToCoordinator =
  | { kind: "start" }
  | { kind: "recognise"; name: string; head: Uint8Array }
  | { kind: "check"; file: File; evaluation: File | null; tokenizer: File | null; options: CheckOptions; workers: number }
  | { kind: "rows"; request: number; wanted: RowRequest[] }
  | { kind: "advise"; recipe: Recipe; prices: CostTable }
  | { kind: "clean"; fixes: Record<string, boolean> };

export type FromCoordinator =
  | { kind: "ready"; catalogue: Catalogue }
  | { kind: "recognised"; fileKind: FileKind; words: string }
  /** Only the package with the columnar readers can open this file. */
  | { kind: "needs_columnar" }
  | { kind: "progress"; progress: Progress }
  | { kind: "report"; json: string; elapsedMs: number; bytes: number; workers: number }
  | { kind: "rows"; request: number; rows: RowExcerpt[] }
  | { kind: "advice"; json: string }
  | { kind: "cleaned"; blob: Blob; changes: string; name: string }
  | { kind: "failed"; failure: Failure };
