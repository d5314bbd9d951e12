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

export interface RecipeNumbers {
  learning_rate: number;
  batch_size: number;
  epochs: number;
  max_steps: number | null;
  schedule: "constant" | "linear" | "cosine";
  warmup_share: number;
  weight_decay: number;
  clip_norm: number;
  sequence_length: number;
  lora_rank: number;
  lora_alpha: number;
  lora_dropout: number;
  lora_modules: number;
}


/** What is trained where nothing else is asked for: the last for large models and those of unknown size. */
export type UsualRecipes = { below_parameters: number | null; recipe: RecipeNumbers }[];

export interface Catalogue {
  version: string;
  trainers: { name: string; title: string }[];
  findings: FindingEntry[];
  features: Feature[];
  usual_recipes: UsualRecipes;
  advice: { recipe: Recipe; prices: CostTable; models: string[] };
}

export function usualRecipe(known: UsualRecipes, parameters: number | null): RecipeNumbers {
  const suits = ({ below_parameters: bound }: UsualRecipes[number]): boolean => bound === null || (parameters !== null && parameters < bound);
  const found = known.find(suits);
  if (!found) throw new Error("the package names no usual recipe");
  return found.recipe;
}
