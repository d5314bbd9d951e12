// After the full run: its true score beside the forecast, all such runs of this predictor, and the predictor
// recalibrated by them.

import { asFailure } from "../../caller.js";
import { h, replace, type Child } from "../../dom.js";
import { save } from "../../downloads.js";
import { stem } from "../../file-names.js";
import type { Ended, Predictors } from "../../forecasting.js";
import { counted, measure, MISSING, points, signed } from "../../numbers.js";
import { addRun, ownRuns, removeRun, type OwnRun } from "../../own-runs.js";
import { evaluationWords } from "./answer.js";
import type { Shared } from "./share.js";

export interface AfterwardsView {
  element: HTMLElement;
  /** Another predictor is held, another run was recorded, or the run at hand has ended. */
  show(ended: Ended | null): void;
}

export function afterwardsView(predictors: Predictors, content: () => Shared, onChange: () => void): AfterwardsView {
  const score = h("input", { type: "number", id: "true-score", step: "any", inputmode: "decimal", placeholder: "in points" });
  const told = h("p", { class: "note", id: "own-runs-told", role: "status" });
  const list = h("div", { id: "own-runs" });

  async function record(): Promise<void> {
    const { forecasted, request, about } = content();
    const { held } = predictors;
    const truth = Number(score.value);
    if (!held || !forecasted || score.value === "" || !Number.isFinite(truth)) return void (told.textContent = "Give the score that the run reached, in points");
    const name = about.name ?? "a dataset without a name";
    const line = await predictors.ownRun({ fingerprint: about.fingerprint, name, model: about.model, evaluation: evaluationWords(held.file.card), features: forecasted.features, readings: request.readings, score: truth });
    addRun({ id: (JSON.parse(line) as { id: string }).id, predictor: held.origin, name, fingerprint: about.fingerprint, forecast: forecasted.forecast.score, interval: forecasted.forecast.interval, truth, line });
    score.value = "";
    told.textContent = `Recorded in this browser: ${signed(truth - forecasted.forecast.score)} points against the forecast`;
    onChange();
  }

  async function recalibrate(runs: OwnRun[]): Promise<void> {
    const done = await predictors.recalibrate(linesOf(runs));
    const scale = done.scale === 1 ? "the forecast" : `${measure(done.scale)} × the forecast`;
    told.textContent = `Recalibrated with ${counted(done.runs, "run")}: ${scale} ${signed(done.offset)} points, intervals ${done.widening === 1 ? "as before" : `${measure(done.widening)} times as wide`}`;
    onChange();
  }

  const attempt = (work: () => Promise<void>) => () => void work().catch((thrown: unknown) => {
    const failure = asFailure(thrown);
    replace(told, h("span", { class: "bad" }, failure.what), failure.todo ? ` ${failure.todo}` : "");
  });

  let offered = "";

  /** The score of a run that ended here is offered; what someone typed stays. */
  function offer(ended: Ended | null): void {
    const own = ended ? String(Number(ended.score.toFixed(2))) : "";
    if (score.value === offered) score.value = own;
    offered = own;
  }

  function show(ended: Ended | null): void {
    offer(ended);
    const { held } = predictors;
    const runs = held ? ownRuns(held.origin) : [];
    const inside = runs.filter(({ interval, truth }) => interval && truth >= interval[0] && truth <= interval[1]).length;
    replace(list, runs.length > 0 && [
      h("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "Recorded runs" }, h("table", {},
        h("thead", {}, h("tr", {}, ["Dataset", "Forecast", "Interval", "True score", "Difference", ""].map((title, index) => h("th", { scope: "col", class: index > 0 && index < 5 ? "number" : null }, title)))),
        h("tbody", {}, runs.map((run) => h("tr", {}, h("th", { scope: "row" }, run.name), number(points(run.forecast)), number(run.interval ? `${points(run.interval[0])} to ${points(run.interval[1])}` : MISSING), number(points(run.truth)), number(signed(run.truth - run.forecast)),
          h("td", {}, h("button", { type: "button", class: "quiet", "aria-label": `Forget the run of ${run.name}`, onclick: () => {
            removeRun(run.id);
            onChange();
          } }, "Forget"))))))),
      h("p", { class: "note" }, `${inside} of ${counted(runs.length, "run")} ended inside the interval`),
      h("p", { class: "actions no-print" },
        h("button", { type: "button", class: "primary", id: "recalibrate", onclick: attempt(() => recalibrate(runs)) }, `Recalibrate the predictor with ${runs.length === 1 ? "this run" : `these ${runs.length} runs`}`),
        h("button", { type: "button", id: "save-own-runs", onclick: () => save(new Blob([linesOf(runs)], { type: "application/jsonl" }), "own-runs.jsonl") }, "Save the runs"),
        held?.recalibrated && h("button", { type: "button", id: "save-predictor", onclick: () => save(new Blob([held.recalibrated as Uint8Array<ArrayBuffer>]), `${stem(held.name)}.recalibrated.onnx`) }, "Save the recalibrated predictor")),
    ]);
  }

  const element = h("details", { class: "afterwards", id: "afterwards" }, h("summary", {}, "After the full run: its true score"),
    h("p", { class: "note" }, "It is kept in this browser, with the values that the forecast was made from and no row of the data. A few such runs show how far the predictor can be trusted here, and recalibrate it."),
    h("p", { class: "choose" }, h("label", { for: "true-score" }, "True score"), score, h("button", { type: "button", id: "record-score", onclick: attempt(record) }, "Record it")), told, list);
  return { element, show };
}

const linesOf = (runs: OwnRun[]): string => runs.map(({ line }) => `${line}\n`).join("");
const number = (text: Child): HTMLElement => h("td", { class: "number" }, text);
