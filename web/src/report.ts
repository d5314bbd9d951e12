// The report as core writes it: names and meaning are core's, these are only the types of its JSON.

import type { Advice } from "./advice.js";
import type { Severity } from "./catalogue.js";

export interface Place {
  row: number;
  line: number;
  byte_offset: number;
}

export interface Finding {
  code: string;
  severity: Severity;
  row: number | null;
  line: number | null;
  byte_offset: number | null;
  path: string;
  found: string;
  expected: string;
}

/** Values from `from` up to, not including, `to`. */
export interface Bar {
  from: number;
  to: number;
  count: number;
}

export interface Share {
  name: string;
  share: number;
}

export interface RowGroup {
  rows: number;
  places: Place[];
  similarity: number;
}

export interface DuplicateReport {
  extra_rows: number;
  groups_total: number;
  complete: boolean;
  groups: RowGroup[];
}

export interface OverlapReport {
  eval_rows: number;
  eval_rows_exact: number;
  eval_rows_near: number;
  train_rows_exact: number;
  train_rows_near: number;
}

export interface Description {
  tokens_exact: boolean;
  histograms: { tokens_in: Bar[]; tokens_out: Bar[]; tokens_total: Bar[]; chars: Bar[]; turns: Bar[] };
  labels: { label_like: boolean; distinct: number; complete: boolean; top: { text: string; rows: number; share: number; first: Place }[] };
  exact_duplicates: DuplicateReport;
  near_duplicates: DuplicateReport;
  conflicts: { rows: number; prompts: number; complete: boolean; groups: RowGroup[] };
  eval_overlap: OverlapReport | null;
  scripts: Share[];
  languages: Share[];
  sampled_rows: number;
}

export interface TrainerVerdict {
  survives: number;
  rejects: number;
  truncated: number;
  needs_mapping: number;
  file_refused: boolean;
  refused_because: string[];
  reasons: { reason: string; title: string; rows: number }[];
}

export interface FormatInfo {
  format: string;
  compression: string;
  encoding: string;
  byte_order_mark: boolean;
  stored_bytes: number;
  delimiter: string | null;
  columns: string[];
  wrapper_key: string | null;
  declared_rows: number | null;
}

export interface SchemaCount {
  name: string;
  label: string;
  rows: number;
}

export interface GroupSummary {
  code: string;
  severity: Severity;
  count: number;
  /** Rows that have at least one; 0 for a finding about the whole file. */
  rows: number;
  unlisted: number;
}

export interface Report extends Advice {
  foretune_version: string;
  file: { name: string | null; stored_bytes: number; fingerprint: string };
  format: string | null;
  /** Null where the file could not be recognised at all. */
  layout: FormatInfo | null;
  schemas: SchemaCount[];
  /** Pairs of a key that trainers know and a column of the file. */
  suggested_mapping: { pairs: [string, string][] } | null;
  unmapped_columns: string[];
  rows: number;
  rows_valid: number;
  verdict: string;
  findings: Finding[];
  counts: Record<string, number>;
  groups: GroupSummary[];
  features: Record<string, number | null>;
  description: Description;
  trainers: Record<string, TrainerVerdict>;
  max_tokens: number | null;
}
