// What core offers and answers for a table of models: the types of its JSON.

export interface Note {
  code: string;
  row: number | null;
  column: string | null;
  message: string;
}

export type Offer =
  | { kind: "curves"; sizes: number[]; budget: number; target: number }
  | { kind: "checkpoints"; columns: string[]; target: string }
  | { kind: "scores"; sizes: { name: string; parameters: number }[]; small: string[]; target: string; filters: { column: string; values: string[]; chosen: string }[] };

export type Wish =
  | { kind: "curves"; budget: number; target: number; scores: boolean }
  | { kind: "checkpoints"; target: string; indicators: string[]; settings: string[]; exclude: string[] }
  | { kind: "scores"; small: string[]; target: string; filters: [string, string][] };

export interface CurveReport {
  method: string;
  measure: "loss" | "score";
  budget: number;
  target: number;
  coverage: number;
  ranking: { name: string; predicted: number; lo: number | null; hi: number | null; probability_best: number | null; last: number }[];
  next: { name: string; size: number; cost: number; expected_gain: number }[];
  notes: Note[];
}

export interface DrawnCurve {
  name: string;
  seen: [number, number][];
  expected: [number, number][];
}

export interface CheckpointReport {
  target: string;
  indicators: string[];
  ranking: { name: string; predicted: number; borda: number; probability_best: number; known: number | null }[];
  pairs: { better: string; worse: string; probability: number; too_close: boolean }[];
  learnt_from: number;
  held_out_accuracy: number | null;
  held_out_when_sure: [number | null, number | null];
  notes: Note[];
}

export interface ScaleReport {
  method: string;
  target: string;
  score: number;
  score_lo: number | null;
  score_hi: number | null;
  coverage: number;
  per_task: { task: string; predicted: number; lo: number | null; hi: number | null; group: string; last: number }[];
  clusters: { members: string[]; curve: number[]; fitted: number[]; predicted: number; excluded: string | null }[];
  support: { tasks: number; growing: number; flat: number; small_sizes: string[]; parameters: number[]; target_parameters: number; size_ratio: number };
  excluded: string[];
  other_methods: [string, number][];
  notes: Note[];
}

export type Answer =
  | { kind: "curves"; svg: string; curves: DrawnCurve[]; report: CurveReport }
  | { kind: "checkpoints"; svg: string; report: CheckpointReport }
  | { kind: "scores"; svg: string; report: ScaleReport };
