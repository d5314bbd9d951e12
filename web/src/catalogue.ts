// What core knows about its own words: finding codes, trainers, features, fixes. It comes from the
// WebAssembly package once; nothing of it is repeated here.

import type { CostTable, Recipe } from "./advice.js";

export type Severity = "error" | "warning" | "note";

export interface Treatment {
  outcome: string;
  outcome_words: string;
  provenance_words: string;
  rejects_row: boolean;
  stops_the_file: boolean;
}

export interface FindingEntry {
  code: string;
  severity: Severity;
  title: string;
  meaning: string;
  example: string;
  fix: string;
  /** In the order of `Catalogue.trainers`. */
  trainers: Treatment[];
}

export interface Feature {
  name: string;
  group: string;
  unit: string;
  measures: string;
  better: "higher" | "lower" | "unknown";
}

export interface Catalogue {
  version: string;
  trainers: { name: string; title: string }[];
  findings: FindingEntry[];
  features: Feature[];
  advice: { recipe: Recipe; prices: CostTable; models: string[] };
}
