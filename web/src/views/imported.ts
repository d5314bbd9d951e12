// Logs of other programs: the course they tell, and the trace that a forecast takes from them.

import { lines, type PointXY } from "../charts/lines.js";
import { h, section, type Child } from "../dom.js";
import type { ImportedRun } from "../forecasting.js";
import { counted, measure } from "../numbers.js";

export interface ImportedHandlers {
  onAnother(): void;
  /** Its readings go into the forecast of the dataset at hand, or of the next one. */
  onUse(run: ImportedRun): void;
}

const MOST_DRAWN_STEPS = 2000;

export function importedView(fileName: string, runs: ImportedRun[], handlers: ImportedHandlers): HTMLElement {
  return h("div", { class: "report", id: "imported" },
    h("section", { class: "verdict", "aria-labelledby": "imported-line" },
      h("div", { class: "panel-head" }, h("p", { class: "file-name" }, `${fileName} · ${runs[0]?.source ?? ""}`), h("button", { type: "button", id: "another", onclick: handlers.onAnother }, "Choose another file")),
      h("h1", { id: "imported-line", tabindex: -1 }, runs.length === 1 ? `${counted(runs[0]?.steps.length ?? 0, "logged step")}, ${counted(runs[0]?.readings.length ?? 0, "reading")} for a forecast` : counted(runs.length, "run"))),
    runs.map((run, index) => runSection(run, index, handlers)));
}

function runSection(run: ImportedRun, index: number, handlers: ImportedHandlers): HTMLElement {
  const every = Math.ceil(run.steps.length / MOST_DRAWN_STEPS);
  const series = (value: (step: ImportedRun["steps"][number]) => number | null): PointXY[] =>
    run.steps.filter((step, at) => value(step) !== null && (at % every === 0 || step.held_out_loss !== null)).map((step) => [step.step, value(step) as number]);
  const [loss, heldOut, norm] = [series((step) => step.loss), series((step) => step.held_out_loss), series((step) => step.grad_norm)];
  const recipe = Object.entries(run.recipe).map(([name, value]): Child => h("span", {}, h("code", {}, name), ` ${measure(value)}`));
  return section(`imported-${index}`, run.name, run.source,
    recipe.length ? h("p", { class: "facts" }, recipe) : null,
    h("div", { class: "columns" },
      lines({ title: "Loss", summary: heldOut.length ? `Training loss, and ${counted(heldOut.length, "reading")} on rows that are not trained on` : "Training loss; the log has none of rows that are not trained on", x: { name: "step" }, y: { name: "loss (nats)" },
        lines: [{ name: "training", series: 1, points: loss, label: true }, { name: "held out", series: 2, points: heldOut, dots: true, label: true }].filter((line) => line.points.length) }),
      norm.length ? lines({ title: "Gradient norm", summary: "Before clipping", x: { name: "step" }, y: { name: "norm", logarithmic: true }, lines: [{ name: "gradient norm", series: 3, points: norm }] }) : null),
    h("ul", { class: "remarks note" }, run.notes.map((note) => h("li", {}, note))),
    h("p", { class: "actions" }, run.readings.length ? h("button", { type: "button", class: "primary", onclick: () => handlers.onUse(run) }, "Use it for a forecast") : h("span", { class: "note" }, "No step at which a forecast could be made")));
}
