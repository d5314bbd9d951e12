// The page's side of the coordinator worker: starts it, replaces it when it is cancelled or broken, and
// gives each question its answer.

import type { CostTable, Recipe } from "./advice.js";
import type { Catalogue } from "./catalogue.js";
import type { CheckOptions } from "./options.js";
import type { Failure, FileKind, FromCoordinator, Progress, RowExcerpt, RowRequest, ToCoordinator } from "./protocol.js";
import { scriptAddress } from "./trusted.js";

type Package = "check" | "columnar" | "tokens";

declare const COORDINATOR_SCRIPTS: Readonly<Partial<Record<Package, string>>>;

export interface CheckRequest {
  file: File;
  evaluation: File | null;
  tokenizer: File | null;
  options: CheckOptions;
}

export interface Recognised {
  fileKind: FileKind;
  /** What it is, for people. */
  words: string;
}

export interface ReportMessage {
  json: string;
  elapsedMs: number;
  bytes: number;
  workers: number;
}

export interface Cleaned {
  blob: Blob;
  /** JSON of core's list of changes. */
  changes: string;
  name: string;
}

export interface ClientHandlers {
  onCatalogue(catalogue: Catalogue): void;
  onProgress(progress: Progress): void;
  onReport(report: ReportMessage): void;
  /** The whole report again, under another recipe or other prices. */
  onAdvice(json: string): void;
  onFailure(failure: Failure): void;
}

/** What core looks at to tell files apart. */
const HEAD_BYTES = 16 << 10;
/** Below this a second worker costs more than it saves. */
const BYTES_PER_WORKER = 4 << 20;
const MOST_WORKERS = 4;

function workersFor(bytes: number): number {
  const forced = Number(new URLSearchParams(location.search).get("workers"));
  if (Number.isInteger(forced) && forced >= 1 && forced <= 16) return forced;
  return Math.max(1, Math.min(MOST_WORKERS, navigator.hardwareConcurrency || 1, Math.ceil(bytes / BYTES_PER_WORKER)));
}

export class CheckClient {
  private worker: Worker | null = null;
  private package: Package = "check";
  private request: CheckRequest | null = null;
  private lastRequest = 0;
  private readonly cleanAnswers: ((cleaned: Cleaned) => void)[] = [];
  private readonly recogniseAnswers: ((recognised: Recognised) => void)[] = [];
  private readonly rowAnswers = new Map<number, (rows: RowExcerpt[]) => void>();

  constructor(private readonly handlers: ClientHandlers) {}

  /** Starts a worker unless there is one, so that it is ready by the time a file comes. */
  warmUp(): void {
    if (!this.worker) this.workerFor("check");
  }

  private workerFor(kind: Package): Worker {
    if (this.worker && this.package === kind) return this.worker;
    this.stop();
    this.package = kind;
    const worker = new Worker(scriptAddress(COORDINATOR_SCRIPTS[kind] ?? ""), { type: "module" });
    worker.onmessage = (event: MessageEvent<FromCoordinator>) => this.receive(event.data);
    worker.onerror = (event) => {
      this.stop();
      this.handlers.onFailure({ what: "The checking part of this page could not run", where: "", todo: "Reload the page", details: event.message ?? "" });
    };
    worker.postMessage({ kind: "start" } satisfies ToCoordinator);
    this.worker = worker;
    return worker;
  }

  check(request: CheckRequest, kind: Package = request.tokenizer ? "tokens" : "check"): void {
    this.request = request;
    if (!COORDINATOR_SCRIPTS[kind]) {
      this.stop();
      return this.handlers.onFailure({ what: "This build of the page cannot read the file", where: request.file.name, todo: "It was built without the package for it: run node web/build.mjs without --only", details: kind });
    }
    this.send({ kind: "check", ...request, workers: workersFor(request.file.size) }, kind);
  }

  /** Which screen the file belongs to. */
  async recognise(file: File): Promise<Recognised> {
    const head = new Uint8Array(await file.slice(0, HEAD_BYTES).arrayBuffer());
    // First, because starting a worker drops whatever the one before it was asked.
    const worker = this.workerFor(this.package);
    return new Promise((resolve) => {
      this.recogniseAnswers.push(resolve);
      worker.postMessage({ kind: "recognise", name: file.name, head } satisfies ToCoordinator);
    });
  }

  rows(wanted: RowRequest[]): Promise<RowExcerpt[]> {
    this.lastRequest += 1;
    const request = this.lastRequest;
    return new Promise((resolve) => {
      this.rowAnswers.set(request, resolve);
      this.send({ kind: "rows", request, wanted });
    });
  }

  advise(recipe: Recipe, prices: CostTable): void {
    this.send({ kind: "advise", recipe, prices });
  }

  clean(fixes: Record<string, boolean>): Promise<Cleaned> {
    return new Promise((resolve) => {
      this.cleanAnswers.push(resolve);
      this.send({ kind: "clean", fixes });
    });
  }

  /** Ends whatever is going on, at any moment; nothing of the file stays in memory. */
  stop(): void {
    this.worker?.terminate();
    this.worker = null;
    this.rowAnswers.clear();
    this.cleanAnswers.length = 0;
    this.recogniseAnswers.length = 0;
  }

  private send(message: ToCoordinator, kind = this.package): void {
    this.workerFor(kind).postMessage(message);
  }

  private receive(message: FromCoordinator): void {
    switch (message.kind) {
      case "ready":
        return this.handlers.onCatalogue(message.catalogue);
      case "recognised":
        return this.recogniseAnswers.shift()?.(message);
      case "needs_columnar":
        if (this.request) this.check(this.request, "columnar");
        return;
      case "progress":
        return this.handlers.onProgress(message.progress);
      case "report":
        return this.handlers.onReport(message);
      case "rows":
        this.rowAnswers.get(message.request)?.(message.rows);
        this.rowAnswers.delete(message.request);
        return;
      case "advice":
        return this.handlers.onAdvice(message.json);
      case "cleaned":
        return this.cleanAnswers.shift()?.(message);
      case "failed":
        // A package that failed once may be in any state: the next file gets a fresh one.
        this.stop();
        return this.handlers.onFailure(message.failure);
    }
  }
}
