// Describes the file otherwise than the report that is shown, and beside it: after fixes, in other tokens, or both.

import { CheckClient, type CheckRequest, type Cleaned } from "./check-client.js";
import type { ChangeList, Fixes } from "./fixes.js";
import type { Failure } from "./protocol.js";
import type { Report } from "./report.js";

export interface Described {
  report: Report;
  /** Null where nothing was to be mended. */
  changes: ChangeList | null;
}

export class Redescriber {
  private client: CheckClient | null = null;
  /** Counts what was asked or stopped: what is late has another number. */
  private turn = 0;
  private giveWay: (failure: Failure) => void = () => undefined;
  private readonly known = new Map<string, Described>();

  constructor(
    /** The check that is shown. */
    private readonly request: () => CheckRequest,
    private readonly clean: (fixes: Fixes) => Promise<Cleaned>,
  ) {}

  /** Rejects with a `Failure`, also where something else is asked before it ends; never ends once it was stopped.
   * `tokenizer`: another than that of the check. `onShare`: how much was read. */
  async describe(fixes: Fixes, tokenizer: File | null, onShare: (share: number) => void): Promise<Described> {
    const chosen = Object.keys(fixes).filter((name) => fixes[name]);
    const key = JSON.stringify([chosen, tokenizer?.name]);
    this.giveWay({ what: "Other rows were to be described first", where: "", todo: "", details: "" });
    this.stop();
    const known = this.known.get(key);
    if (known) return known;
    const own = this.turn;
    return new Promise((resolve, reject) => {
      this.giveWay = reject;
      this.begin(own, fixes, chosen.length > 0, tokenizer, onShare).then((described) => {
        if (own !== this.turn) return;
        this.stop();
        this.known.set(key, described);
        resolve(described);
      }, reject);
    });
  }

  /** Never ends where its turn was over before its rows were written. */
  private async begin(own: number, fixes: Fixes, mends: boolean, tokenizer: File | null, onShare: (share: number) => void): Promise<Described> {
    const { file, changes } = mends ? await this.mended(fixes) : { file: this.request().file, changes: null };
    return new Promise((resolve, reject) => {
      if (own !== this.turn) return;
      this.client = new CheckClient({
        onCatalogue: () => undefined,
        onProgress: ({ bytes, totalBytes }) => onShare(totalBytes > 0 ? bytes / totalBytes : 0),
        onReport: ({ json }) => resolve({ report: JSON.parse(json) as Report, changes }),
        onAdvice: () => undefined,
        onFailure: reject,
      });
      const asked = this.request();
      this.client.check({ ...asked, file, tokenizer: tokenizer ?? asked.tokenizer });
    });
  }

  private async mended(fixes: Fixes): Promise<{ file: File; changes: ChangeList }> {
    const { blob, changes, name } = await this.clean(fixes);
    const list = JSON.parse(changes) as ChangeList;
    if (list.rows_written === 0) throw { what: "No row is left after these fixes", where: "", todo: "Leave out one of them", details: "" } satisfies Failure;
    return { file: new File([blob], name), changes: list };
  }

  stop(): void {
    this.turn += 1;
    this.client?.stop();
    this.client = null;
    this.giveWay = () => undefined;
  }
}
