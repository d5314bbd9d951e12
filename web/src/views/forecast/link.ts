// Screen 6: the forecast of a link. What was computed here stands apart from what the link only claims; a
// changed recipe makes it one's own.

import { asFailure } from "../../caller.js";
import { h, replace, section, type Child } from "../../dom.js";
import type { Features, ForecastRequest, OpenedLink, Predictors } from "../../forecasting.js";
import { count, measure, percent, points } from "../../numbers.js";
import { answerView } from "./answer.js";
import { cardButtons } from "./share.js";

export interface LinkHandlers {
  onPredictor(file: File): void;
  onOwnFile(): void;
}

/** Recipe features that a reader of the link may change. */
const CHANGEABLE: readonly (readonly [feature: string, label: string])[] = [["learning_rate", "Learning rate"], ["epochs", "Epochs"], ["batch_size", "Rows a step"], ["lora_rank", "LoRA rank"]];

export async function linkView(text: string, predictors: Predictors, handlers: LinkHandlers): Promise<HTMLElement> {
  const [content, { features: known }] = await Promise.all([predictors.openLink(text), predictors.known()]);
  const { link, recomputed, agrees } = content.opened;
  const { claimed } = link;
  const card = recomputed ? predictors.held?.file.card ?? null : null;
  const shownScore = recomputed?.score ?? claimed.score;
  const title = `${link.dataset.name ?? "A dataset without a name"}: ${points(shownScore)} points`;
  const place = h("div", { id: "link-answer" });
  if (recomputed) replace(place, answerView({ forecast: recomputed, features: link.features, whatIf: content.what_if, threshold: link.inputs.threshold, card, known, beside: { score: claimed.score, what: "claimed by the link" } }));
  const input = h("input", { type: "file", id: "predictor-file", accept: ".onnx", class: "visually-hidden", tabindex: -1, "aria-hidden": "true", onchange: () => {
    const file = input.files?.[0];
    input.value = "";
    if (file) handlers.onPredictor(file);
  } });
  const held = predictors.held ? `the predictor at hand, ${predictors.held.name}, is another one (${predictors.held.file.hash})` : "no predictor is at hand";
  return h("div", { class: "report", id: "link" },
    h("section", { class: "verdict", "aria-labelledby": "link-line" },
      h("div", { class: "panel-head" }, h("p", { class: "file-name" }, "A forecast from a link"), h("button", { type: "button", id: "another", class: "no-print", onclick: handlers.onOwnFile }, "Check a file of your own")),
      h("h1", { id: "link-line", tabindex: -1 }, title),
      h("p", { class: "facts" }, h("span", { class: `status ${recomputed ? (agrees ? "good" : "bad") : "watch"}`, id: "link-status" },
        recomputed ? (agrees ? "Recomputed here, and the link claims the same" : "Recomputed here; the link claims something else") : "Only claimed by the link"))),
    section("recomputed", "Recomputed here", recomputed ? `by ${predictors.held?.name ?? ""}, from the values that the link carries` : null,
      recomputed ? [place, cards(text, content, predictors)] : [h("p", {}, `Nothing: the link was made with the predictor ${link.predictor}, and ${held}`), h("p", { class: "actions no-print" }, h("button", { type: "button", onclick: () => input.click() }, "Choose that predictor"))],
      input),
    recomputed ? makeItYours(content, predictors, (answer, request) => replace(place, answerView({ forecast: answer.forecast, features: answer.features, whatIf: answer.what_if, threshold: request.threshold, card, known }))) : null,
    claims(content),
    carried(link.features, known.map((feature) => [feature.name, feature.unit])));
}

/** For chat and papers: of the link as it came, also where the recipe above was changed. */
function cards(text: string, { opened: { link } }: OpenedLink, predictors: Predictors): HTMLElement {
  const shown = h("div", { class: "shared", role: "status" });
  const buttons = cardButtons(shown, async (page) => ({ card: await predictors.cardOfLink(text, page), name: link.dataset.name }));
  return h("div", { class: "share no-print" }, h("p", { class: "actions" }, buttons), shown);
}

function claims({ opened: { link } }: OpenedLink): HTMLElement {
  const { claimed } = link;
  const row = (name: string, value: Child): HTMLElement => h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, value));
  return section("claimed", "Claimed by the link", "cannot be computed again without the data; whoever made the link vouches for it",
    h("table", { class: "claims" }, h("tbody", {},
      row("Score", `${points(claimed.score)} points${claimed.interval ? `, ${percent(claimed.coverage)} between ${points(claimed.interval[0])} and ${points(claimed.interval[1])}` : ""}`),
      row("Of", claimed.evaluation || "not said"),
      row("Verdict", claimed.verdict === "withheld" ? "none" : `${claimed.verdict}${claimed.probability_above === null ? "" : `, ${percent(claimed.probability_above)} above ${points(link.inputs.threshold)}`}`),
      row("Dataset", `${link.dataset.name ?? "name left out"}, fingerprint ${link.dataset.fingerprint}`),
      row("Base model", link.model ?? "not said"),
      row("Measured values", `${count(Object.keys(link.features).length)} features${link.unknown_features ? `, and ${count(link.unknown_features)} of a newer version that this page does not know` : ""}`),
      row("Made with", `Foretune ${claimed.made_with}, predictor ${link.predictor}`))));
}

function makeItYours(content: OpenedLink, predictors: Predictors, show: (answer: Awaited<ReturnType<Predictors["forecast"]>>, request: ForecastRequest) => void): HTMLElement {
  const { plan, opened: { link } } = content;
  const inputs = CHANGEABLE.filter(([name]) => typeof plan[name] === "number").map(([name, label]) => ({ name, label, input: h("input", { type: "number", id: `own-${name}`, min: 0, step: "any", value: Number((plan[name] as number).toPrecision(6)), onchange: () => void ask() }) }));
  const threshold = h("input", { type: "number", id: "own-threshold", step: "any", value: link.inputs.threshold ?? "", onchange: () => void ask() });
  const note = h("p", { class: "note" }, "As before any probe: readings of another recipe would say nothing of yours");
  async function ask(): Promise<void> {
    const features: Features = { ...plan };
    for (const { name, input } of inputs) if (Number(input.value) > 0) features[name] = Number(input.value);
    // Steps follow from epochs and rows a step; alpha keeps its ratio to the rank.
    const ratio = (name: string): number => (typeof plan[name] === "number" && plan[name] ? (features[name] as number) / (plan[name] as number) : 1);
    if (typeof plan["total_steps"] === "number") features["total_steps"] = Math.max(1, Math.ceil((plan["total_steps"] * ratio("epochs")) / ratio("batch_size")));
    for (const name of ["lora_alpha", "trained_parameters"]) if (typeof plan[name] === "number") features[name] = plan[name] * ratio("lora_rank");
    const request: ForecastRequest = { features, rows_valid: null, recipe: null, tokens_total: [], base_parameters: null, base_score: content.base_score, readings: [], proxy: [], threshold: threshold.value === "" ? null : Number(threshold.value), costs: link.inputs.costs };
    try {
      show(await predictors.forecast(request), request);
    } catch (thrown) {
      note.textContent = asFailure(thrown).what;
    }
  }
  return section("own", "Make it yours", "change the recipe and see the forecast above change",
    h("div", { class: "recipe no-print" }, inputs.map(({ label, input }) => h("div", {}, h("label", { for: input.id }, label), input)), h("div", {}, h("label", { for: "own-threshold" }, "The score to reach"), threshold)), note);
}

function carried(features: Features, units: [string, string][]): HTMLElement {
  const unit = new Map(units);
  return section("carried", "Values in the link", "rounded to about seven digits; forecasts on both sides are made from these",
    h("details", {}, h("summary", {}, "Show all values"), h("div", { class: "scroll tall", tabindex: 0, role: "group", "aria-label": "Values in the link" },
      h("table", {}, h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Name"), h("th", { scope: "col", class: "number" }, "Value"), h("th", { scope: "col" }, "Unit"))),
        h("tbody", {}, Object.entries(features).map(([name, value]) => h("tr", {}, h("th", { scope: "row" }, h("code", {}, name)), h("td", { class: "number" }, measure(value)), h("td", {}, unit.get(name) ?? ""))))))));
}
