// A forecast as it is read: the score and what it is a score of, the interval, the verdict with its
// probability, what lies outside the predictor's experience, the reasons, and the cheap changes.

import { scoreAxis } from "../../charts/score-axis.js";
import type { Feature } from "../../catalogue.js";
import { h, type Child } from "../../dom.js";
import type { Card, Ended, Features, Forecast, WhatIf } from "../../forecasting.js";
import { count, listed, measure, percent, points, signed } from "../../numbers.js";
import { reasonsView } from "./reasons.js";

export interface AnswerContent {
  forecast: Forecast;
  features: Features;
  whatIf: WhatIf[];
  threshold: number | null;
  card: Card | null;
  known: Feature[];
  /** The run's own end, where it is known. */
  ended?: Ended | null;
  /** To compare the forecast with. */
  beside?: { score: number; what: string };
}

const OUTSIDE_SHOWN = 6;

export function evaluationWords(card: Card | null): string {
  if (!card) return "whatever its maker fitted it to";
  const names = card.evaluations.length > 3 ? [...card.evaluations.slice(0, 2), `${card.evaluations.length - 2} more`] : card.evaluations;
  return names.length ? `${card.target} on ${listed(names)}` : card.target;
}

export function answerView(content: AnswerContent): HTMLElement {
  const { forecast, card, threshold } = content;
  const interval = forecast.interval && forecast.coverage !== null ? `, ${percent(forecast.coverage)} between ${points(forecast.interval[0])} and ${points(forecast.interval[1])}` : ", its error unknown";
  const sentence = `${points(forecast.score)} points${interval}`;
  const score = content.features["base_score"] ?? null;
  const { ended } = content;
  const beside = ended ? { score: ended.score, what: "how it ended" } : content.beside;
  return h("div", { class: "columns forecast-answer" },
    h("div", {},
      h("p", { class: `score ${forecast.in_distribution ? "" : "muted"}`, id: "forecast-score" }, points(forecast.score), h("span", { class: "unit" }, " points")),
      h("p", { id: "forecast-sentence" }, sentence),
      ended && h("p", { id: "forecast-ended" }, endedWords(ended, forecast)),
      h("p", { class: "note" }, evaluationWords(card)),
      verdictLine(forecast, threshold),
      scoreAxis({
        score: forecast.score, interval: forecast.interval, threshold, baseScore: score, inDistribution: forecast.in_distribution, summary: sentence,
        range: card ? card.score_range : [0, 100], ...(beside ? { beside } : {}),
      }),
      outsideView(forecast),
      remarks(forecast),
      outlookView(forecast),
      changes(content.whatIf)),
    reasonsView(forecast, content.features, content.known),
  );
}

function endedWords(ended: Ended, { score, interval }: Forecast): string {
  const place = interval ? (ended.score >= interval[0] && ended.score <= interval[1] ? ", inside its interval" : ", outside its interval") : "";
  return `The run has ended: ${points(ended.score)} points at step ${count(ended.step)}, ${signed(ended.score - score)} against this forecast of the readings before${place}`;
}

function verdictLine(forecast: Forecast, threshold: number | null): Child {
  if (threshold === null) return h("p", { class: "note", id: "forecast-verdict" }, "Set the score that the run must reach to get a verdict");
  const chance = forecast.probability_above === null ? "" : `: ${percent(forecast.probability_above)} likely to end above ${points(threshold)}`;
  const [hue, words] = {
    go: ["good", `Go${chance}`],
    "no-go": ["bad", `No go${chance}`],
    "probe-longer": ["watch", `Probe before deciding${chance}`],
    withheld: ["muted", forecast.in_distribution ? "No verdict: the predictor does not know its own error" : "No verdict: this candidate is unlike the runs that the predictor knows"],
  }[forecast.verdict] as [string, string];
  return h("p", { class: "verdict-word", id: "forecast-verdict" }, h("span", { class: `status ${hue}` }, words));
}

/** What the predictor has never seen. */
function outsideView(forecast: Forecast): Child {
  if (!forecast.outside.length) return null;
  const more = forecast.outside.length - OUTSIDE_SHOWN;
  return h("div", { class: "outside", id: "outside" },
    h("h3", {}, "Outside what the predictor has seen"),
    h("ul", {}, forecast.outside.slice(0, OUTSIDE_SHOWN).map((item) => h("li", {}, h("code", {}, item.name), item.value === null ? " is missing, and never was in the runs" : ` is ${measure(item.value)}; the runs had ${measure(item.low)} to ${measure(item.high)}`))),
    more > 0 ? h("p", { class: "note" }, `and ${count(more)} more`) : null);
}

function remarks(forecast: Forecast): Child {
  const lines = [...forecast.notes];
  if (forecast.transfer) lines.unshift(`A transfer: fitted on ${listed(forecast.transfer.fitted_on)}; the interval is ${measure(forecast.transfer.interval_widened)} times as wide${forecast.transfer.measured ? "" : ", which is a guess"}`);
  if (forecast.divergence_probability !== null && forecast.divergence_probability > 0.05) lines.unshift(`${percent(forecast.divergence_probability)} likely to diverge`);
  if (forecast.next_probe_steps !== null) lines.push(`The next reading worth its price is at step ${count(forecast.next_probe_steps)} of a probe`);
  if (forecast.stage) lines.push(`What is known: ${forecast.stage}`);
  return lines.length ? h("ul", { class: "remarks note" }, lines.map((line) => h("li", {}, line))) : null;
}

/** Worth a table of its own: it says what to do next. */
function outlookView({ outlook, coverage }: Forecast): Child {
  if (!outlook || coverage === null) return null;
  const line = (words: string, width: string): HTMLElement => h("tr", {}, h("th", { scope: "row" }, words), h("td", { class: "number" }, `±${width}`));
  return h("div", { id: "outlook" },
    h("h3", {}, "What would narrow it"),
    h("table", {}, h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Known"), h("th", { scope: "col", class: "number" }, `${percent(coverage)} end within, points`))),
      h("tbody", {}, line("as much as now", points(outlook.half_width_points)), outlook.with_more.map((more) => line(more.words, count(Math.round(more.half_width_points)))))),
    h("p", { class: "note" }, "Expected, from how much it narrows the forecasts of the runs that the predictor was fitted on"));
}

function changes(list: WhatIf[]): Child {
  if (!list.length) return null;
  return h("div", { id: "what-if" },
    h("h3", {}, "Cheap changes"),
    h("table", {}, h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Change"), h("th", { scope: "col", class: "number" }, "Points"), h("th", { scope: "col" }, ""))),
      h("tbody", {}, list.map((change) => h("tr", {}, h("th", { scope: "row" }, change.change), h("td", { class: "number" }, signed(change.gain)), h("td", { class: "note" }, change.in_distribution ? "" : "outside what was seen"))))));
}
