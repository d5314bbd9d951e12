// What core advises for a recipe: cost and time with their formulas, and the ten-point preflight.

export type Method = { lora: { rank: number } } | "full";

export interface Recipe {
  model: string | null;
  model_parameters: number | null;
  method: Method;
  learning_rate: number | null;
  epochs: number;
  batch_rows: number;
  dropout: number | null;
  max_tokens: number | null;
}

export interface CostTable {
  known_on: string;
  services: { provider: string; model: string; usd_per_million_tokens: number }[];
  gpus: { name: string; peak_teraflops: number; memory_gib: number; usd_per_hour: number }[];
  utilisation: number;
  gradient_checkpointing: boolean;
}

export interface CostEstimate {
  tokens_per_epoch: number | null;
  tokens_exact: boolean;
  epochs: number;
  billed_tokens: number | null;
  known_on: string;
  services: { provider: string; model: string; usd: number | null; formula: string }[];
  own_gpu: { gpu: string; hours: number | null; usd: number | null; memory_gib: number | null; fits: boolean; formula: string }[];
  assumptions: string[];
}

export type Status = "good" | "watch" | "bad" | "unknown";

export interface Point {
  number: number;
  key: string;
  title: string;
  status: Status;
  evidence: string[];
  action: string;
}

/** Part of the report. */
export interface Advice {
  recipe: Recipe;
  /** Null where tokens were not counted. */
  cost: CostEstimate | null;
  preflight: Point[];
}
