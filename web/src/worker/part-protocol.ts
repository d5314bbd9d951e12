// What the coordinator and its part workers say to each other.

import type { Failure } from "../protocol.js";

/** What every worker of a check needs; no bytes where there is none. */
export interface Shared {
  info: Uint8Array;
  options: string;
  tokenizer: Uint8Array;
  evaluation: Uint8Array;
  reference: Uint8Array;
}

export interface PartStart extends Shared {
  module: WebAssembly.Module;
}

export interface PartBatch {
  bytes: Uint8Array;
  table: BigUint64Array;
  problems: Uint8Array;
}

export type ToPart = ({ kind: "start" } & PartStart) | ({ kind: "batch" } & PartBatch) | { kind: "finish" };

export type FromPart =
  | { kind: "taken"; counts: string | null }
  | { kind: "partial"; partial: Uint8Array }
  | { kind: "failed"; failure: Failure };
