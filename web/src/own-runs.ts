// Finished runs that a person recorded, kept in this browser: what was forecast, how it ended, and the record that
// a predictor is recalibrated with. Features and scores, no row of any data.

export interface OwnRun {
  /** The same data, recipe and model have the same. */
  id: string;
  /** Hash of the predictor that forecast it. */
  predictor: string;
  name: string;
  fingerprint: string;
  forecast: number;
  interval: [number, number] | null;
  truth: number;
  /** Its line in a run file. */
  line: string;
}

const KEY = "foretune-own-runs";
const MOST_KEPT = 200;

export function ownRuns(predictor: string): OwnRun[] {
  return kept().filter((run) => run.predictor === predictor);
}

/** A run with the same id takes the place of the older one. */
export function addRun(run: OwnRun): void {
  keep([...kept().filter((other) => other.id !== run.id), run].slice(-MOST_KEPT));
}

export function removeRun(id: string): void {
  keep(kept().filter((run) => run.id !== id));
}

function kept(): OwnRun[] {
  try {
    const list: unknown = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return Array.isArray(list) ? list.filter((run): run is OwnRun => typeof run?.id === "string" && typeof run.line === "string" && Number.isFinite(run.truth) && Number.isFinite(run.forecast)) : [];
  } catch {
    return [];
  }
}

function keep(runs: OwnRun[]): void {
  try {
    localStorage.setItem(KEY, JSON.stringify(runs));
  } catch {
    // Private windows keep nothing: the runs can still be saved as a file while they are shown.
  }
}
