// Screen 2 when all is read: the sections in the order of what one wants to know.

import type { Advice, CostTable, Recipe } from "../advice.js";
import type { Catalogue } from "../catalogue.js";
import type { Cleaned, ReportMessage } from "../check-client.js";
import { h } from "../dom.js";
import type { Predictors } from "../forecasting.js";
import type { RowExcerpt, RowRequest } from "../protocol.js";
import type { Redescriber } from "../redescriber.js";
import type { Report } from "../report.js";
import { costView } from "./cost.js";
import { descriptorsView } from "./descriptors.js";
import { downloadsView } from "./downloads.js";
import { findingsView, type FindingsView } from "./findings.js";
import { forecastView, type ForecastView } from "./forecast/forecast.js";
import { mappingView } from "./mapping.js";
import { preflightView } from "./preflight.js";
import { shapeView } from "./shape.js";
import { trainersView } from "./trainers.js";
import { verdictView } from "./verdict.js";

export interface ReportContent {
  file: File;
  message: ReportMessage;
  report: Report;
  catalogue: Catalogue;
  optionsElement: HTMLElement;
  /** What the agent adds. */
  probe: HTMLElement[] | null;
}

export interface ReportHandlers {
  rows(wanted: RowRequest[]): Promise<RowExcerpt[]>;
  onOpenFinding(code: string | null): void;
  onAnother(): void;
  onMapping(mapping: string): void;
  advise(recipe: Recipe, prices: CostTable): void;
  /** `changes` is the JSON of a cleaned copy's changes, or null. */
  reportHtml(json: string, changes: string): Promise<string>;
  clean(fixes: Record<string, boolean>): Promise<Cleaned>;
  predictors: Predictors;
  onPredictor(file: File): void;
  /** There is another forecast. */
  onForecast(): void;
  redescriber: Redescriber;
}

export interface ReportView {
  element: HTMLElement;
  findings: FindingsView;
  /** Not there for a file that could not be opened. */
  forecast: ForecastView | null;
  /** The report under another recipe: its text, and what changed in it. */
  showAdvice(json: string): void;
}

export function reportView({ file, message, report, catalogue, optionsElement, probe }: ReportContent, handlers: ReportHandlers): ReportView {
  const findings = findingsView(report, catalogue, { rows: handlers.rows, onOpen: handlers.onOpenFinding });
  // A file that could not be opened has nothing to describe: what was found says why.
  if (!report.layout) {
    const element = h("div", { class: "report" }, verdictView(file.name, report, message, handlers.onAnother), findings.element, downloadsView(file.name, () => message.json, catalogue, { reportHtml: handlers.reportHtml, clean: null }));
    return { element, findings, forecast: null, showAdvice: () => undefined };
  }
  let { recipe } = report;
  let { prices } = catalogue.advice;
  let json = message.json;
  const cost = costView(recipe, prices, catalogue.advice.models, {
    onChange(newRecipe, newPrices) {
      recipe = newRecipe;
      prices = newPrices;
      handlers.advise(recipe, prices);
    },
  });
  const preflight = preflightView();
  const showAdvice = (advice: Advice): void => {
    cost.show(advice.cost);
    preflight.show(advice.preflight);
  };
  showAdvice(report);
  const forecast = forecastView(report, handlers);
  const element = h("div", { class: "report" },
    verdictView(file.name, report, message, handlers.onAnother),
    optionsElement,
    mappingView(report, handlers.onMapping),
    findings.element,
    forecast.element,
    probe,
    trainersView(report, catalogue),
    shapeView(report),
    cost.element,
    preflight.element,
    descriptorsView(report, catalogue),
    downloadsView(file.name, () => json, catalogue, { reportHtml: handlers.reportHtml, clean: handlers.clean }),
  );
  return {
    element,
    findings,
    forecast,
    showAdvice(newJson) {
      json = newJson;
      showAdvice(JSON.parse(newJson) as Advice);
    },
  };
}
