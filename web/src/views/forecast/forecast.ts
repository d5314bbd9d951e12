// Screen 3, a section of the report: which predictor answers, the recipe it is asked about, and the answer.

import { asFailure } from "../../caller.js";
import { h, replace, section } from "../../dom.js";
import type { AfterReadings, Certainty, Features, Forecasted, ForecastRequest, Predictors, Reading, Trace } from "../../forecasting.js";
import { counted, listed, points } from "../../numbers.js";
import { ownRuns } from "../../own-runs.js";
import type { Redescriber } from "../../redescriber.js";
import type { Report } from "../../report.js";
import { afterwardsView } from "./afterwards.js";
import { answerView } from "./answer.js";
import { fixesView, type FixesView } from "./fixes.js";
import { lengthsView } from "./lengths.js";
import { regimeView } from "./regime.js";
import { recipeControls, type RecipeControls } from "./recipe.js";
import { secondEngineView } from "./second-engine.js";
import { shareView, type Shared } from "./share.js";

export interface ForecastView {
  element: HTMLElement;
  /** Another predictor is held now. */
  predictorChanged(): void;
  setTrace(name: string, trace: Trace): void;
  /** The same, and the forecast after each of them; null without a predictor. Those of the bundled model are
   * used where the predictor was fitted on it, or beside it. */
  withReadings(name: string, readings: Reading[], plan: Features | null, isBundled: boolean): Promise<AfterReadings | null>;
  /** What evaluation rows are worth to a probe; null where the predictor does not tell, undefined without one. */
  certainty(): Promise<Certainty | null | undefined>;
}

export interface ForecastHandlers {
  predictors: Predictors;
  onPredictor(file: File): void;
  /** There is another forecast. */
  onForecast(): void;
  redescriber: Redescriber;
}

interface Held {
  name: string;
  list: Reading[];
  /** Of the rows that a probe from elsewhere had set aside. */
  aside: Features;
  plan: Features | null;
  isBundled: boolean;
  /** A smaller model's probe to this predictor, which knows larger ones. */
  isProxy: boolean;
}

const COSTS = { wasted_run: 1, missed_run: 1 };

export function forecastView(report: Report, { predictors, onPredictor, onForecast, redescriber }: ForecastHandlers): ForecastView {
  const source = h("span", {});
  const body = h("div", {});
  const element = section("forecast", "Forecast", source, body);
  let held: Held | null = null;
  /** What of it the predictor is asked with. */
  let readings: Held | null = null;
  let controls: RecipeControls | null = null;
  let fixes: FixesView | null = null;
  let shown: Forecasted | null = null;
  let last = 0;
  let lastShown = 0;

  const threshold = h("input", { type: "number", id: "forecast-threshold", step: "any", inputmode: "decimal", placeholder: "none", onchange: () => void ask() });
  const wasted = costInput("cost-wasted", () => void ask());
  const missed = costInput("cost-missed", () => void ask());
  const traceNote = h("p", { class: "note", id: "forecast-trace", hidden: true });
  const fixesPlace = h("div", {});
  const answer = h("div", { id: "forecast-answer" });
  const announced = h("p", { class: "visually-hidden", role: "status" });
  const content = (): Shared => ({ request: request(), about: { model: controls?.value().model ?? null, fingerprint: data().file.fingerprint, name: report.file.name }, forecasted: shown });
  const share = shareView(predictors, content);
  const lengths = lengthsView(report, redescriber, () => void countLengths().then(ask));
  const afterwards = afterwardsView(predictors, content, () => void ask());

  /** The file as it is, in the tokens that the predictor knows. */
  function asItIs(): Report {
    return lengths.counted() ?? report;
  }

  /** What is known of the data: with the fixes that were switched on. */
  function data(): Report {
    return fixes?.described()?.report ?? asItIs();
  }

  /** Readings are of the rows as they are: they say nothing of mended ones. */
  function usable(): Held | null {
    return fixes?.described() ? null : readings;
  }

  function request(of: Report = data(), readings: Held | null = usable()): ForecastRequest {
    const chosen = controls?.value();
    const cost = (input: HTMLInputElement): number => (input.value !== "" && Number(input.value) >= 0 ? Number(input.value) : 1);
    return {
      // A probe tells its own recipe and model: they are what its readings belong to.
      features: { ...of.features, ...readings?.aside, ...readings?.plan, ...(readings?.isProxy ? { base_parameters: chosen?.baseParameters ?? null } : {}) },
      rows_valid: readings?.plan ? null : of.rows_valid,
      recipe: readings?.plan ? null : chosen?.recipe ?? null,
      tokens_total: of.description.histograms.tokens_total,
      base_parameters: readings?.plan ? null : chosen?.baseParameters ?? null,
      base_score: null,
      readings: readings?.isProxy ? [] : readings?.list ?? [],
      proxy: readings?.isProxy ? readings.list : [],
      threshold: threshold.value === "" ? null : Number(threshold.value),
      costs: { ...COSTS, wasted_run: cost(wasted), missed_run: cost(missed) },
    };
  }

  /** Why the readings at hand say nothing to the predictor, or null where it is asked with them. */
  async function takeUp(): Promise<string | null> {
    const card = predictors.held?.file.card;
    const own = held && { ...held };
    readings = null;
    let unfit: string | null = null;
    if (own?.isBundled && !card) unfit = "the predictor has no card that names the base models it knows";
    else if (own?.isBundled) {
      const { forecast } = await predictors.forecast({ ...request(), features: { ...asItIs().features, ...own.plan }, rows_valid: null, recipe: null, base_parameters: null });
      own.isProxy = forecast.transfer !== null && predictors.held?.file.names.some((name) => name.startsWith("proxy_")) === true;
      if (forecast.transfer && !own.isProxy) unfit = `the predictor was fitted on probes of ${listed(forecast.transfer.fitted_on)}, not of the bundled model`;
    }
    if (!unfit) readings = own;
    traceNote.hidden = own === null;
    replace(traceNote, own && (unfit ? `Without the readings of ${own.name}: ${unfit}` : `With ${counted(own.list.length, "reading")} of ${own.name}${own.isProxy ? ", as a smaller model's," : ""}${own.plan ? ", for the recipe that it runs" : ""} `),
      readings && h("button", { type: "button", class: "quiet no-print", id: "leave-readings-out", onclick: () => {
        held = null;
        void takeUp().then(ask);
      } }, "Leave them out"));
    return unfit;
  }

  async function ask(): Promise<void> {
    last += 1;
    const own = last;
    answer.setAttribute("aria-busy", "true");
    try {
      const asked = request();
      const { features } = await predictors.known();
      const [forecasted, phase] = await Promise.all([predictors.forecast(asked), predictors.phase(asked)]);
      const before = fixes?.described() ? await predictors.forecast(request(asItIs(), null)) : null;
      if (own !== last) return;
      shown = forecasted;
      if (before) fixes?.compare(forecasted.forecast.score, before.forecast.score);
      traceNote.hidden = held === null || usable() !== readings;
      announced.textContent = `Forecast ${points(forecasted.forecast.score)} points`;
      const card = predictors.held?.file.card ?? null;
      replace(answer, answerView({ forecast: forecasted.forecast, features: forecasted.features, whatIf: forecasted.what_if, threshold: asked.threshold, card, known: features, ended: forecasted.ended, ...besideOf(predictors.held?.origin, report.file.fingerprint) }), phase && regimeView(phase));
    } catch (thrown) {
      if (own !== last) return;
      const failure = asFailure(thrown);
      replace(answer, h("p", { class: "bad", role: "alert" }, failure.what), h("p", { class: "todo" }, failure.todo));
    }
    answer.removeAttribute("aria-busy");
    share.changed();
    afterwards.show(shown?.ended ?? null);
    onForecast();
  }

  const picker = (id: string, label: string): HTMLElement[] => {
    const input = h("input", { type: "file", id, accept: ".onnx", class: "visually-hidden", tabindex: -1, "aria-hidden": "true", onchange: () => {
      const file = input.files?.[0];
      input.value = "";
      if (file) onPredictor(file);
    } });
    return [h("button", { type: "button", onclick: () => input.click() }, label), input];
  };

  /** Fixes are described in the same tokens as the file. */
  async function countLengths(): Promise<void> {
    const before = lengths.tokenizer();
    await lengths.countFor(predictors.held?.file.card ?? null);
    if (fixes && before === lengths.tokenizer()) return;
    fixes = fixesView(report, (await predictors.known()).fixes, redescriber, lengths.tokenizer(), () => void ask());
    replace(fixesPlace, fixes.element);
  }

  async function takeShipped(): Promise<void> {
    try {
      await predictors.loadShipped();
      await show();
    } catch (thrown) {
      replace(body, h("p", {}, `The predictor could not be fetched: ${thrown instanceof Error ? thrown.message : String(thrown)}`), h("p", { class: "actions" }, picker("predictor-file", "Choose a predictor")));
    }
  }

  async function show(): Promise<void> {
    lastShown += 1;
    const own = lastShown;
    const { held } = predictors;
    // Until all is as this predictor knows it there is nobody to ask.
    controls = null;
    if (!held) {
      source.textContent = "";
      replace(body, h("p", {}, "A forecast needs a predictor of your model, made by ", h("code", {}, "foretune fit"), " from finished runs (a file ending in .onnx). Drop it here; it is computed in this page."),
        predictors.shipped.length > 0 && h("p", { class: "note" }, "With this page comes one of the bundled model of 0.6 million parameters, made from real runs. It says how that model would end on your data; of a larger one it knows nothing."),
        h("p", { class: "actions" }, picker("predictor-file", "Choose a predictor"),
          predictors.shipped.length > 0 && h("button", { type: "button", id: "use-shipped", onclick: () => void takeShipped() }, "Use the bundled model's")));
      return;
    }
    const card = held.file.card;
    source.textContent = `by ${held.name}${card ? `, fitted on ${card.data || "runs without a description"}` : ", which has no card: its errors and ranges are unknown"}`;
    replace(body, lengths.element);
    await countLengths();
    if (own !== lastShown) return;
    const recipe = card?.usual_recipe ?? (await predictors.known()).recipe;
    controls = recipeControls({ ...recipe, sequence_length: report.max_tokens ?? recipe.sequence_length }, card, () => void ask());
    replace(body,
      controls.element,
      lengths.element,
      fixesPlace,
      h("div", { class: "recipe no-print" },
        h("div", {}, h("label", { for: "forecast-threshold" }, "The score that the run must reach"), threshold),
        h("div", {}, h("label", { for: "cost-wasted" }, "Cost of a wasted run"), wasted),
        h("div", {}, h("label", { for: "cost-missed" }, "Cost of a missed good run"), missed)),
      traceNote,
      answer,
      announced,
      h("div", { class: "actions no-print" }, share.element, picker("predictor-file", "Choose another predictor")),
      secondEngineView(predictors),
      afterwards.element);
    await takeUp().catch(() => null);
    await ask();
  }

  void show();
  return {
    element,
    certainty: async () => (predictors.held && controls ? predictors.certainty(request()) : undefined),
    predictorChanged: () => void show(),
    setTrace(name, { readings: list, aside }) {
      held = { name, list, aside, plan: null, isBundled: false, isProxy: false };
      // Where the form is not there yet it takes them up when it is.
      if (controls) void takeUp().catch(() => null).then(ask);
    },
    async withReadings(name, list, plan, isBundled) {
      held = { name, list, aside: {}, plan, isBundled, isProxy: false };
      if (!predictors.held || !controls) return null;
      const unfit = await takeUp();
      if (unfit) return { note: `Not used for the forecast: ${unfit}` };
      void ask();
      if (readings?.isProxy) return { note: "Used for the forecast as a smaller model's probe" };
      const asked = request(asItIs(), readings);
      const [steps, { ended }] = await Promise.all([predictors.byStep(asked), predictors.forecast(asked)]);
      return { steps, threshold: asked.threshold, ended };
    },
  };
}

/** The true score that was recorded last for this data. */
function besideOf(predictor: string | undefined, fingerprint: string): { beside?: { score: number; what: string } } {
  const run = predictor === undefined ? undefined : ownRuns(predictor).findLast((known) => known.fingerprint === fingerprint);
  return run ? { beside: { score: run.truth, what: "true score" } } : {};
}

function costInput(id: string, onchange: () => void): HTMLInputElement {
  return h("input", { type: "number", id, min: 0, step: "any", inputmode: "decimal", value: 1, onchange });
}
