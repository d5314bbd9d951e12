// The WebAssembly package that a worker is built for (build.mjs resolves the name): `check`, `columnar`
// and `tokens` offer the same functions.

declare module "foretune-package" {
  export interface InitInput {
    module_or_path: WebAssembly.Module;
  }
  export default function init(input: InitInput): Promise<unknown>;
  export function catalogue(): string;
  /** Which screen a file belongs to, and what to call it. */
  export function recognised(name: string, head: Uint8Array): string[];
  /** What stands before, at and after the offending part of a row; `bytes` begin with the row. */
  export function excerpt(info: Uint8Array, bytes: Uint8Array, path: string, found: string): string[];

  /** Anything with this method is a file to core. Returns the bytes read; throws if it cannot. */
  export interface SliceReader {
    readonly size: number;
    read(offset: number, into: Uint8Array): number;
  }

  export class FileReading {
    constructor(reader: SliceReader);
    needs_columnar(): boolean;
    /** What every worker needs to know about the file; nothing if it cannot be opened. */
    info(): Uint8Array | undefined;
    unreadable_report(name: string, options: string): string | undefined;
    next_batch(): BatchParts | undefined;
    consumed_bytes(): number;
    free(): void;
  }

  export class BatchParts {
    take_bytes(): Uint8Array;
    take_table(): BigUint64Array;
    take_problems(): Uint8Array;
    rows(): number;
    free(): void;
  }

  export class RowChecking {
    constructor(info: Uint8Array, options: string, tokenizer: Uint8Array, evaluation: Uint8Array, reference: Uint8Array);
    push(bytes: Uint8Array, table: BigUint64Array, problems: Uint8Array): void;
    counts(): string;
    into_partial(): Uint8Array;
  }

  export class EvaluationReading {
    constructor(info: Uint8Array, options: string);
    push(bytes: Uint8Array, table: BigUint64Array, problems: Uint8Array): void;
    into_bytes(): Uint8Array;
  }

  export class Merging {
    constructor(info: Uint8Array, name: string, options: string, tokenizer: Uint8Array, evaluation: Uint8Array, reference: Uint8Array);
    add(partial: Uint8Array): void;
    /** The report as JSON. */
    report(): string;
    /** The same with cost and preflight for another recipe and other prices, all JSON. */
    report_for(recipe: string, prices: string): string;
    free(): void;
  }

  /** Writes JSON Lines of the rows that stay. */
  export class Cleaning {
    constructor(info: Uint8Array, options: string, fixes: string);
    push(bytes: Uint8Array, table: BigUint64Array, problems: Uint8Array): Uint8Array;
    changes(): string;
    free(): void;
  }
}

declare module "foretune-choosing" {
  export default function init(input: { module_or_path: WebAssembly.Module }): Promise<unknown>;
  /** All of these give JSON. */
  export function offer_of(kind: string, text: string): string;
  export function choose(text: string, wish: string): string;
  export function imported(name: string, bytes: Uint8Array): string;
}

declare module "foretune-report" {
  export default function init(input: { module_or_path: WebAssembly.Module }): Promise<unknown>;
  /** HTML; `report` and `changes` are the JSON that the checking package gave, `changes` may be null. */
  export function report_page(report: string, changes: string, made_at: string): string;
}

declare module "foretune-proxy" {
  import type { SliceReader } from "foretune-package";
  export default function init(input: { module_or_path: WebAssembly.Module }): Promise<unknown>;

  /** One probe of the bundled model. */
  export class ProxyProbe {
    constructor(config: string, weights: Uint8Array, tokenizer: Uint8Array, file: SliceReader, evaluation: SliceReader | undefined, options: string);
    /** JSON of what is known before the first step. */
    start_line(): string;
    /** The next line of its trace; nothing once all are given. */
    next_line(): string | undefined;
    tokens(): number;
    free(): void;
  }
}

declare module "foretune-forecast" {
  export default function init(input: { module_or_path: WebAssembly.Module }): Promise<unknown>;
  /** All of these give JSON, but for links. */
  export function features(): string;
  export function read_link(text: string): string;
  export function trace(text: string): string;
  /** The drawing of a QR code, as an SVG path, and its width in modules. */
  export function qr_code(text: string): string;
  /** How many rows of so many are usually set aside. */
  export function usual_aside(rows: number): number;
  export function is_for_second_engine(onnx: Uint8Array): boolean;

  export class Forecasting {
    constructor(onnx: Uint8Array);
    card(): string;
    forecast(request: string): string;
    by_step(request: string): string;
    phase(request: string): string;
    certainty(request: string): string;
    make_link(request: string, about: string): string;
    card_of(request: string, about: string, page: string): string;
    card_of_link(text: string, page: string): string;
    open_link(text: string): string;
    free(): void;
  }
}

/** Has the functions of `foretune-forecast` as well. */
declare module "foretune-tract" {
  export default function init(input: { module_or_path: WebAssembly.Module }): Promise<unknown>;
  export function cross_check(onnx: Uint8Array, rows: number): string;
}

declare module "foretune-recalibrate" {
  export default function init(input: { module_or_path: WebAssembly.Module }): Promise<unknown>;
  /** A line of a run file. */
  export function own_run(told: string): string;

  /** A predictor adjusted by own runs. */
  export class Recalibrating {
    constructor(onnx: Uint8Array, runs: string);
    told(): string;
    into_onnx(): Uint8Array;
  }
}
