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

/** A batch in one buffer, which goes to and fro: a received buffer that is dropped stays in memory until a
 * garbage collection, which a busy worker may not see for a gigabyte. */
export interface PackedBatch {
  buffer: ArrayBuffer;
  tableLength: number;
  problemsLength: number;
  bytesLength: number;
}

export type ToPart = ({ kind: "start" } & PartStart) | ({ kind: "batch" } & PackedBatch) | { kind: "finish" };

export type FromPart =
  | { kind: "taken"; buffer: ArrayBuffer; counts: string | null }
  | { kind: "partial"; partial: Uint8Array }
  | { kind: "failed"; failure: Failure };

/** Most batches fit, so that buffers are seldom made anew. */
const USUAL_BYTES = 2 << 20;

export function pack({ bytes, table, problems }: PartBatch, spare: ArrayBuffer | undefined): PackedBatch {
  const needed = table.byteLength + problems.length + bytes.length;
  const buffer = spare && spare.byteLength >= needed ? spare : new ArrayBuffer(Math.max(needed, USUAL_BYTES));
  new BigUint64Array(buffer, 0, table.length).set(table);
  const rest = new Uint8Array(buffer, table.byteLength);
  rest.set(problems);
  rest.set(bytes, problems.length);
  return { buffer, tableLength: table.length, problemsLength: problems.length, bytesLength: bytes.length };
}

export function unpack({ buffer, tableLength, problemsLength, bytesLength }: PackedBatch): PartBatch {
  const table = new BigUint64Array(buffer, 0, tableLength);
  const problems = new Uint8Array(buffer, table.byteLength, problemsLength);
  return { table, problems, bytes: new Uint8Array(buffer, table.byteLength + problemsLength, bytesLength) };
}
