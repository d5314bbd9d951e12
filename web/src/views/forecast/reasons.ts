// Why the forecast is what it is: attributions in points from the average run to this one, the largest first,
// grouped by what they come from. Each opens to value, unit and meaning.

import type { Feature } from "../../catalogue.js";
import { h, svg, type Child } from "../../dom.js";
import type { Features, Forecast } from "../../forecasting.js";
import { count, measure, points, signed } from "../../numbers.js";

const GROUPS: readonly (readonly [group: string, title: string])[] = [["static", "Data"], ["recipe", "Recipe"], ["dynamic", "Probe"], ["proxy", "Proxy probe"], ["other", "Other"]];
const BETTER: Record<Feature["better"], string> = { higher: "higher is better", lower: "lower is better", unknown: "which way is better depends" };
const SHOWN = 12;

interface Reason {
  name: string;
  points: number;
  feature: Feature | undefined;
  /** Where its bar begins and ends. */
  from: number;
  to: number;
}

export function reasonsView(forecast: Forecast, features: Features, known: Feature[]): HTMLElement {
  const byName = new Map(known.map((feature) => [feature.name, feature]));
  const ordered = Object.entries(forecast.shap).sort((a, b) => Math.abs(b[1]) - Math.abs(a[1]));
  let at = forecast.base;
  const reasons = ordered.map(([name, value]): Reason => {
    const from = at;
    at += value;
    return { name, points: value, feature: byName.get(name), from, to: at };
  });
  const shown = reasons.slice(0, SHOWN);
  const rest = reasons.slice(SHOWN).reduce((sum, reason) => sum + reason.points, 0);
  const extent = reasons.flatMap((reason) => [reason.from, reason.to]).concat(forecast.base);
  const bounds: [number, number] = [Math.min(...extent), Math.max(...extent)];
  const groups = GROUPS.map(([group, title]) => ({ title, reasons: shown.filter((reason) => (reason.feature?.group ?? "other") === group) })).filter((group) => group.reasons.length);
  const total = (title: string): number | undefined => forecast.shap_groups[{ Data: "data", Recipe: "recipe", Probe: "probe", "Proxy probe": "proxy probe", Other: "other" }[title] ?? ""];
  return h("div", { class: "reasons", id: "reasons" },
    h("h3", {}, "Reasons"),
    h("p", { class: "note" }, `${points(forecast.base)} points for ${forecast.shap_method === "exact" ? "an average run" : "the run that it is compared with"}, ${points(forecast.score)} for this one; ${forecast.shap_method} attributions`),
    groups.map((group) => h("section", { class: "reason-group", "aria-label": group.title },
      h("h4", {}, group.title, total(group.title) === undefined ? null : h("span", { class: "number" }, ` ${signed(total(group.title) as number)}`)),
      h("ul", {}, group.reasons.map((reason) => reasonRow(reason, features, bounds))))),
    reasons.length > SHOWN ? h("p", { class: "note" }, `${count(reasons.length - SHOWN)} smaller ones together ${signed(rest)}`) : null,
  );
}

function reasonRow(reason: Reason, features: Features, bounds: [number, number]): HTMLElement {
  const { feature, name } = reason;
  const value = features[name] ?? null;
  const words: Child = feature
    ? [h("p", {}, feature.measures), h("p", { class: "note" }, `${measure(value)} ${feature.unit} · ${BETTER[feature.better]}`)]
    : h("p", {}, name === "range limit" ? "Holds the forecast to the range of possible scores" : "Not one of Foretune's own features");
  return h("li", {}, h("details", {},
    h("summary", {}, h("span", { class: "reason-name" }, h("code", {}, name), h("span", { class: "note" }, ` ${value === null ? "" : `= ${measure(value)} ${feature?.unit ?? ""}`}`)), bar(reason, bounds), h("span", { class: `number ${reason.points < 0 ? "down" : "up"}` }, signed(reason.points))),
    words));
}

function bar({ from, to, points: value }: Reason, [low, high]: [number, number]): SVGElement {
  const share = (at: number): number => (100 * (at - low)) / Math.max(1e-9, high - low);
  const [left, right] = [share(Math.min(from, to)), share(Math.max(from, to))];
  return svg("svg", { class: "waterfall", viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" }, svg("rect", { class: value < 0 ? "down" : "up", x: left, y: 1, width: Math.max(0.8, right - left), height: 8 }));
}
