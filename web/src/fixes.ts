// The fixes that core can make to a file, in the page's words, and a file described anew after some of them.

import { CheckClient, type CheckRequest, type Cleaned } from "./check-client.js";
import type { Failure } from "./protocol.js";
import type { Report } from "./report.js";

export type Fixes = Record<string, boolean>;

/** Core's fixes by name; chosen beforehand are those that the command line calls safe. */
export const FIXES: readonly (readonly [name: string, label: string, chosen: boolean])[] = [
  ["drop_broken_rows", "Leave out rows without a known shape", true],
  ["drop_exact_duplicates", "Leave out exact copies", true],
  ["drop_empty_answers", "Leave out rows with nothing to learn", true],
  ["drop_refusals", "Leave out refusals", true],
  ["drop_over_max_tokens", "Leave out rows over the longest length", true],
  ["strip_special_tokens", "Remove special tokens from texts", true],
  ["strip_control_characters", "Remove control characters", true],
  ["fix_mojibake", "Repair damaged characters", true],
  ["normalise_roles", "Use the usual names of roles", true],
  ["mask_personal_data", "Mask personal data", false],
  ["mask_secrets", "Mask keys and passwords", true],
];

export interface ChangeCount {
  rows: number;
  listed_rows: number[];
}

export interface ChangeList {
  rows_read: number;
  rows_written: number;
  rows_changed: number;
  dropped: Record<string, ChangeCount>;
  fixed: Record<string, ChangeCount>;
}

export interface Described {
  report: Report;
  changes: ChangeList;
}

/** Describes a file as it is once fixes were made: it is cleaned and checked again, beside the report that is shown. */
export class FixedFile {
  private client: CheckClient | null = null;
  private readonly known = new Map<string, Described>();

  constructor(
    private readonly clean: (fixes: Fixes) => Promise<Cleaned>,
    /** The check that is shown, for all but the file. */
    private readonly request: () => Omit<CheckRequest, "file">,
  ) {}

  /** Rejects with a `Failure`. `onShare`: how much of the cleaned rows was read. */
  async describe(fixes: Fixes, onShare: (share: number) => void): Promise<Described> {
    const key = JSON.stringify(Object.entries(fixes).filter(([, chosen]) => chosen));
    const known = this.known.get(key);
    if (known) return known;
    this.stop();
    const { blob, changes, name } = await this.clean(fixes);
    const list = JSON.parse(changes) as ChangeList;
    if (list.rows_written === 0) throw { what: "No row is left after these fixes", where: "", todo: "Leave out one of them", details: "" } satisfies Failure;
    const report = await new Promise<Report>((resolve, reject) => {
      this.client = new CheckClient({
        onCatalogue: () => undefined,
        onProgress: ({ bytes, totalBytes }) => onShare(totalBytes > 0 ? bytes / totalBytes : 0),
        onReport: ({ json }) => resolve(JSON.parse(json) as Report),
        onAdvice: () => undefined,
        onFailure: reject,
      });
      this.client.check({ file: new File([blob], name), ...this.request() });
    });
    this.stop();
    const described = { report, changes: list };
    this.known.set(key, described);
    return described;
  }

  stop(): void {
    this.client?.stop();
    this.client = null;
  }
}
