// Reads one file after another for the page: frames it, shares its batches among part workers, merges what
// they found and answers questions about the result. The page ends it to cancel.

import init, { catalogue, Cleaning, EvaluationReading, excerpt, FileReading, Merging, recognised } from "foretune-package";
import type { Catalogue } from "../catalogue.js";
import type { Failure, FileKind, FromCoordinator, ToCoordinator } from "../protocol.js";
import { stem } from "../file-names.js";
import { fetchBytes, fetchModule } from "./assets.js";
import { toFailure } from "./failure.js";
import { FileSource } from "./file-source.js";
import { Meter } from "./meter.js";
import type { PartBatch, Shared } from "./part-protocol.js";
import { Pool } from "./pool.js";

declare const PART_SCRIPTS: Readonly<Record<"check" | "tokens", string>>;
declare const OWN_PACKAGE: string;

type CheckMessage = Extract<ToCoordinator, { kind: "check" }>;

/** How much of a row is looked at to show the part that a finding is about. */
const EXCERPT_BYTES = 64 << 10;
const EMPTY = new Uint8Array();

let module: WebAssembly.Module;
let current: { file: File; info: Uint8Array; options: string; merging: Merging } | null = null;
let turn: Promise<void> = Promise.resolve();

function post(message: FromCoordinator): void {
  (self as unknown as DedicatedWorkerGlobalScope).postMessage(message);
}

async function start(): Promise<void> {
  module = await fetchModule(OWN_PACKAGE);
  await init({ module_or_path: module });
  post({ kind: "ready", catalogue: JSON.parse(catalogue()) as Catalogue });
}

/** All batches of a file, as transferable parts. */
async function* batches(source: FileSource, reading: FileReading): AsyncGenerator<PartBatch & { rows: number }> {
  for (;;) {
    await source.readAhead();
    const batch = reading.next_batch();
    if (!batch) return;
    yield { rows: batch.rows(), bytes: batch.take_bytes(), table: batch.take_table(), problems: batch.take_problems() };
    batch.free();
  }
}

async function check(message: CheckMessage): Promise<void> {
  const startedMs = performance.now();
  current?.merging.free();
  current = null;
  const { file } = message;
  const options = JSON.stringify(message.options);
  const finished = (json: string): void => post({ kind: "report", json, elapsedMs: performance.now() - startedMs, bytes: file.size, workers: message.workers });
  const source = new FileSource(file);
  const reading = new FileReading(source);
  const info = reading.info();
  if (!info) {
    if (reading.needs_columnar()) return post({ kind: "needs_columnar" });
    return finished(reading.unreadable_report(file.name, options) ?? "");
  }
  const evaluation = message.evaluation ? await readEvaluation(message.evaluation, options) : EMPTY;
  if (!evaluation) return post({ kind: "needs_columnar" });
  const tokenizer = message.tokenizer ? new Uint8Array(await message.tokenizer.arrayBuffer()) : EMPTY;
  const reference = await fetchBytes("reference");
  const merging = new Merging(info, file.name, options, tokenizer, evaluation, reference);
  for (const partial of await checkRows(message, source, reading, { info, options, tokenizer, evaluation, reference })) merging.add(partial);
  current = { file, info, options, merging };
  reading.free();
  finished(merging.report());
}

async function checkRows(message: CheckMessage, source: FileSource, reading: FileReading, shared: Shared): Promise<Uint8Array[]> {
  const kind = message.tokenizer ? "tokens" : "check";
  const partModule = kind === OWN_PACKAGE ? module : await fetchModule(kind);
  const pool = new Pool(PART_SCRIPTS[kind], message.workers, { module: partModule, ...shared });
  try {
    const meter = new Meter("file", message.file.size, post);
    for await (const { rows, ...parts } of batches(source, reading)) {
      await pool.push(parts);
      meter.advance(reading.consumed_bytes(), rows, pool.counts());
    }
    meter.sumUp(pool.counts());
    return await pool.finish();
  } finally {
    pool.stop();
  }
}

/** Null if the file needs the package with the columnar readers. */
async function readEvaluation(file: File, options: string): Promise<Uint8Array | null> {
  const source = new FileSource(file);
  const reading = new FileReading(source);
  const info = reading.info();
  if (!info) {
    if (reading.needs_columnar()) return null;
    throw { what: "The evaluation file cannot be read", where: file.name, todo: "Check it as a training file to see why, or remove it in the options", details: "" } satisfies Failure;
  }
  const evaluation = new EvaluationReading(info, options);
  const meter = new Meter("evaluation file", file.size, post);
  for await (const batch of batches(source, reading)) {
    evaluation.push(batch.bytes, batch.table, batch.problems);
    meter.advance(reading.consumed_bytes(), batch.rows, {});
  }
  reading.free();
  return evaluation.into_bytes();
}

function rows(message: Extract<ToCoordinator, { kind: "rows" }>): void {
  const found = message.wanted.map((wanted) => {
    const nothing = { row: wanted.row, before: "", marked: "", after: "" };
    if (!current) return nothing;
    const into = new Uint8Array(Math.min(EXCERPT_BYTES, Math.max(0, current.file.size - wanted.byteOffset)));
    const length = new FileSource(current.file).read(wanted.byteOffset, into);
    const [before = "", marked = "", after = ""] = excerpt(current.info, into.subarray(0, length), wanted.path, wanted.found);
    return { row: wanted.row, before, marked, after };
  });
  post({ kind: "rows", request: message.request, rows: found });
}

/** Reads the file a second time and writes it anew; the pieces go into a Blob, which browsers keep on disk. */
async function clean(fixes: Record<string, boolean>): Promise<void> {
  if (!current) return;
  const { file, info, options } = current;
  const source = new FileSource(file);
  const reading = new FileReading(source);
  const cleaning = new Cleaning(info, options, JSON.stringify(fixes));
  const pieces: Blob[] = [];
  const meter = new Meter("cleaned copy", file.size, post);
  for await (const batch of batches(source, reading)) {
    pieces.push(new Blob([cleaning.push(batch.bytes, batch.table, batch.problems) as Uint8Array<ArrayBuffer>]));
    meter.advance(reading.consumed_bytes(), batch.rows, {});
  }
  reading.free();
  post({ kind: "cleaned", blob: new Blob(pieces, { type: "application/jsonl" }), changes: cleaning.changes(), name: `${stem(file.name)}.cleaned.jsonl` });
}

async function handle(message: ToCoordinator): Promise<void> {
  switch (message.kind) {
    case "start":
      return start();
    case "recognise": {
      const [fileKind = "dataset", words = ""] = recognised(message.name, message.head);
      return post({ kind: "recognised", fileKind: fileKind as FileKind, words });
    }
    case "check":
      return check(message);
    case "rows":
      return rows(message);
    case "advise":
      if (current) post({ kind: "advice", json: current.merging.report_for(JSON.stringify(message.recipe), JSON.stringify(message.prices)) });
      return;
    case "clean":
      return clean(message.fixes);
  }
}

self.onmessage = (event: MessageEvent<ToCoordinator>) => {
  turn = turn.then(() => handle(event.data)).catch((thrown: unknown) => post({ kind: "failed", failure: toFailure(thrown) }));
};
