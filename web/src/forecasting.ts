// What core forecasts: the types of its JSON, and the one predictor that the page holds.

import { Caller } from "./caller.js";
import type { Feature, RecipeNumbers } from "./catalogue.js";
import type { Bar } from "./report.js";

export type Verdict = "go" | "no-go" | "probe-longer" | "withheld";
export type Features = Record<string, number | null>;

export interface Outside {
  name: string;
  value: number | null;
  low: number;
  high: number;
}

export interface Forecast {
  score: number;
  interval: [number, number] | null;
  coverage: number | null;
  verdict: Verdict;
  probability_above: number | null;
  in_distribution: boolean;
  base: number;
  shap: Record<string, number>;
  shap_groups: Record<string, number>;
  shap_method: string;
  stage: string | null;
  outside: Outside[];
  transfer: { base_parameters: number; fitted_on: string[]; interval_widened: number; measured: boolean } | null;
  divergence_probability: number | null;
  regime: string | null;
  next_probe_steps: number | null;
  /** How far it may be off, and would be if more were known; null where nothing more can be, or nothing is told. */
  outlook: { half_width_points: number; with_more: { more: string; words: string; half_width_points: number }[] } | null;
  notes: string[];
}

export interface WhatIf {
  change: string;
  gain: number;
  in_distribution: boolean;
}

export interface Forecasted {
  forecast: Forecast;
  what_if: WhatIf[];
  /** The values it was made from. */
  features: Features;
  /** How the run ended, where it was read to its end; the forecast is of the readings before. */
  ended: Ended | null;
}

export interface Ended {
  step: number;
  score: number;
}

export interface Card {
  target: string;
  evaluations: string[];
  base_models: { name: string; parameters: number }[];
  data: string;
  split: string;
  learner: string;
  test: { n: number; rmse: number } | null;
  noise_floor_points: number | null;
  score_range: [number, number];
  features: { name: string; low: number; high: number; median: number }[];
  depths: number[];
  /** What a form starts from. */
  usual_recipe: RecipeNumbers;
  /** Its lengths are those of the bundled model's tokens. */
  knows_bundled_model: boolean;
}

export interface PredictorFile {
  hash: string;
  names: string[];
  /** Null for a file of another maker. */
  card: Card | null;
}

export interface Reading {
  step: number;
  features: Features;
}

export interface ForecastRequest {
  features: Features;
  rows_valid: number | null;
  recipe: RecipeNumbers | null;
  /** For the share of rows that the recipe's longest row cuts, where the check did not count it. */
  tokens_total: Bar[];
  base_parameters: number | null;
  base_score: number | null;
  readings: Reading[];
  /** Of a smaller model's probe of the same rows and recipe. */
  proxy: Reading[];
  threshold: number | null;
  costs: { wasted_run: number; missed_run: number };
}

export interface ByStep {
  /** Null before any reading. */
  step: number | null;
  score: number;
  interval: [number, number] | null;
  /** Null where the predictor's card tells nothing of what a reading is worth. */
  regime: string | null;
  next_probe_steps: number | null;
}

/** Of the errors that are left: what no probe removes, and how fast a probe removes the rest. */
export interface PhaseMap {
  floor_points: number;
  floor_interval_points: [number, number];
  decay: number;
  decay_interval: [number, number];
  regime: string;
  /** Without them a probe tells little, whatever the noise. */
  reads_clean_rows: boolean;
  most_floor_points: number;
  most_decay: number;
  /** What the digits of `cells` stand for; rows from the smallest decay on. */
  regimes: string[];
  cells: string[];
}

/** The forecast after each reading of a probe, or why they say nothing to the predictor at hand. */
export type AfterReadings = { steps: ByStep[]; threshold: number | null; ended: Ended | null } | { note: string };

export interface OpenedLink {
  opened: {
    link: {
      features: Features;
      unknown_features: number;
      predictor: string;
      model: string | null;
      dataset: { fingerprint: string; name: string | null };
      inputs: { threshold: number | null; costs: { wasted_run: number; missed_run: number } };
      claimed: { score: number; interval: [number, number] | null; coverage: number | null; probability_above: number | null; verdict: Verdict; evaluation: string; made_with: string };
    };
    recomputed: Forecast | null;
    agrees: boolean | null;
  };
  what_if: WhatIf[];
  plan: Features;
  base_score: number | null;
}

export interface About {
  model: string | null;
  fingerprint: string;
  name: string | null;
}

/** Half-widths of the interval with evaluation rows and without. */
export interface Certainty {
  coverage: number;
  step: number;
  with: HalfWidth;
  without: HalfWidth;
}

interface HalfWidth {
  points: number;
  /** Measured by the readings at hand; else expected. */
  measured: boolean;
}

export type CardShape = { fill: string; x: number; y: number } & (
  | { kind: "rect"; width: number; height: number }
  | { kind: "circle"; radius: number }
  | { kind: "text"; size: number; bold: boolean; anchor: "start" | "middle" | "end"; text: string }
  | { kind: "path"; scale: number; path: string }
);

export interface CardDrawing {
  width: number;
  height: number;
  shapes: CardShape[];
}

/** A forecast as a card, drawn and as files. */
export interface ForecastCard {
  drawing: CardDrawing;
  svg: string;
  html: string;
  words: string;
}

/** What the package knows beside any predictor. */
interface Words {
  features: Feature[];
  recipe: RecipeNumbers;
  /** Findings by the fix that mends them. */
  fixes: Record<string, string[]>;
}

export interface Recalibration {
  runs: number;
  offset: number;
  scale: number;
  widening: number;
}

declare const FORECAST_SCRIPT: string;
declare const RECALIBRATE_SCRIPT: string;
declare const SECOND_ENGINE_SCRIPT: string;
/** Names of the predictors that were shipped with this build. */
declare const SHIPPED_PREDICTORS: readonly string[];

const CROSS_CHECK_ROWS = 10_000;

/** One predictor by both engines. */
export interface CrossCheck {
  rows: number;
  /** With those that it carries, of its errors and of divergence. */
  models: number;
  /** Null where one engine gave a number and the other none. */
  largest_difference: number | null;
}

/** The predictor that the page holds, whatever screen asks it. */
export class Predictors {
  private readonly exact = new Caller(FORECAST_SCRIPT, "Forecasts");
  private readonly second = new Caller(SECOND_ENGINE_SCRIPT, "Checks by a second engine");
  /** Which of them holds the predictor. */
  private caller = this.exact;
  private readonly adjuster = new Caller(RECALIBRATE_SCRIPT, "Recalibrations");
  private words: Promise<Words> | null = null;
  /** `origin`: hash of the file that a recalibrated one was made from, which is `recalibrated`. */
  held: { name: string; file: PredictorFile; origin: string; recalibrated: Uint8Array | null } | null = null;

  get shipped(): readonly string[] {
    return SHIPPED_PREDICTORS;
  }

  async load(name: string, bytes: Uint8Array): Promise<void> {
    let caller = this.exact;
    const card = await caller.call<string>("load", bytes).catch(async (thrown: unknown) => {
      if (!SECOND_ENGINE_SCRIPT || !(await caller.call<boolean>("isForSecondEngine", bytes))) throw thrown;
      caller = this.second;
      return caller.call<string>("load", bytes);
    });
    this.caller = caller;
    this.hold(name, card);
  }

  /** Whether the exact reader runs it, so that the second engine can be held against it. */
  get isExact(): boolean {
    return this.caller === this.exact;
  }

  async crossCheck(): Promise<CrossCheck> {
    const bytes = this.held?.recalibrated ?? (await this.caller.call<Uint8Array>("original"));
    return JSON.parse(await this.second.call<string>("crossCheck", bytes, CROSS_CHECK_ROWS)) as CrossCheck;
  }

  /** Takes the first shipped one unless there is one already. */
  async loadShipped(name = this.shipped[0]): Promise<void> {
    if (this.held || !name) return;
    this.hold(name, await this.exact.call<string>("loadShipped", name));
  }

  private hold(name: string, json: string): void {
    const file = JSON.parse(json) as PredictorFile;
    this.held = { name, file, origin: file.hash, recalibrated: null };
  }

  /** Always from the file as it was loaded, so that no run counts twice. `runs`: lines of a run file. */
  async recalibrate(runs: string): Promise<Recalibration> {
    const { held } = this;
    if (!held) throw new Error("no predictor is held");
    const original = await this.caller.call<Uint8Array>("original");
    const { told, onnx } = await this.adjuster.call<{ told: string; onnx: Uint8Array }>("recalibrate", original, runs);
    const file = JSON.parse(await this.caller.call<string>("replace", onnx)) as PredictorFile;
    this.held = { ...held, file, recalibrated: onnx };
    return JSON.parse(told) as Recalibration;
  }

  /** A finished run as a line of a run file. */
  ownRun(told: { fingerprint: string; name: string; model: string | null; evaluation: string; features: Features; readings: Reading[]; score: number }): Promise<string> {
    return this.adjuster.call<string>("ownRun", JSON.stringify(told));
  }

  /** Units and words of features, and the recipe a form starts from without a card. */
  known(): Promise<Words> {
    return (this.words ??= this.caller.call<string>("features").then((text) => JSON.parse(text) as Words));
  }

  /** How many rows of so many are usually set aside. */
  usualAside(rows: number): Promise<number> {
    return this.caller.call<number>("usualAside", rows);
  }

  /** Null where the predictor does not tell. */
  async certainty(request: ForecastRequest): Promise<Certainty | null> {
    return JSON.parse(await this.caller.call<string>("certainty", JSON.stringify(request))) as Certainty | null;
  }

  /** `page`: the address that the link goes behind. */
  async card(request: ForecastRequest, about: About, page: string): Promise<ForecastCard> {
    return JSON.parse(await this.caller.call<string>("card", JSON.stringify(request), JSON.stringify(about), page)) as ForecastCard;
  }

  /** Of a link that was made with the predictor at hand. */
  async cardOfLink(text: string, page: string): Promise<ForecastCard> {
    return JSON.parse(await this.caller.call<string>("cardOfLink", text, page)) as ForecastCard;
  }

  async forecast(request: ForecastRequest): Promise<Forecasted> {
    return JSON.parse(await this.caller.call<string>("forecast", JSON.stringify(request))) as Forecasted;
  }

  async byStep(request: ForecastRequest): Promise<ByStep[]> {
    return JSON.parse(await this.caller.call<string>("byStep", JSON.stringify(request))) as ByStep[];
  }

  /** Null where the predictor's card tells nothing of what a probe is worth. */
  async phase(request: ForecastRequest): Promise<PhaseMap | null> {
    return JSON.parse(await this.caller.call<string>("phase", JSON.stringify(request))) as PhaseMap | null;
  }

  makeLink(request: ForecastRequest, about: About): Promise<string> {
    return this.caller.call<string>("makeLink", JSON.stringify(request), JSON.stringify(about));
  }

  async openLink(text: string): Promise<OpenedLink> {
    return JSON.parse(await this.caller.call<string>("openLink", text)) as OpenedLink;
  }

  async qrCode(text: string): Promise<{ path: string; modules: number }> {
    return JSON.parse(await this.caller.call<string>("qrCode", text)) as { path: string; modules: number };
  }

  async trace(text: string): Promise<Trace> {
    return JSON.parse(await this.caller.call<string>("trace", text)) as Trace;
  }
}

export interface Trace {
  readings: Reading[];
  /** What its probe told of the rows that it had set aside; the file alone does not say which they were. */
  aside: Features;
}

/** What could be read from the log of another program. */
export interface ImportedRun {
  name: string;
  source: string;
  recipe: Features;
  steps: { step: number; loss: number | null; grad_norm: number | null; learning_rate: number | null; held_out_loss: number | null }[];
  readings: Reading[];
  notes: string[];
}
