// What core says of a table: order, intervals, probabilities, curves, what to run next.

import { intervals } from "../../charts/intervals.js";
import { lines, type Line } from "../../charts/lines.js";
import type { Answer, CheckpointReport, CurveReport, DrawnCurve, Note, ScaleReport } from "../../choosing.js";
import { h, section } from "../../dom.js";
import { compact, counted, measure, percent } from "../../numbers.js";

/** Lines that get a colour and a name; the rest stay grey. */
const NAMED_LINES = 5;
const NEXT_SHOWN = 5;
/** From here on the first of an order is called the best. */
const CLEAR = 0.5;

/** The first sentence is the answer. */
export function headline(answer: Answer): string {
  switch (answer.kind) {
    case "curves": {
      const [best] = answer.report.ranking;
      if (!best) return "No model could be ranked";
      const at = `at ${compact(answer.report.target)} examples`;
      if (best.probability_best === null) return `${best.name} is expected to be best ${at}`;
      return best.probability_best >= CLEAR ? `${best.name} is expected to be best ${at}, with a probability of ${percent(best.probability_best)}` : `${best.name} comes first ${at}, but the order is open: it is the best with a probability of ${percent(best.probability_best)}`;
    }
    case "checkpoints": {
      const [best] = answer.report.ranking;
      if (!best) return "No checkpoint could be ranked";
      return best.probability_best >= CLEAR ? `${best.name} is expected to fine-tune best (${answer.report.target}), with a probability of ${percent(best.probability_best)}` : `${best.name} comes first (${answer.report.target}), but the order is open: it is the best with a probability of ${percent(best.probability_best)}`;
    }
    case "scores": {
      const { target, score, score_lo: low, score_hi: high, coverage, support } = answer.report;
      return `${target} is expected to score ${measure(score)} on ${counted(support.tasks, "task")}${low !== null && high !== null ? `, ${percent(coverage)} between ${measure(low)} and ${measure(high)}` : ""}`;
    }
  }
}

export function answerSections(answer: Answer): HTMLElement[] {
  switch (answer.kind) {
    case "curves":
      return [curveRanking(answer.report), fits(answer.report, answer.curves), nextRuns(answer.report), notes(answer.report.notes)].filter((part) => part !== null);
    case "checkpoints":
      return [checkpointRanking(answer.report), pairs(answer.report), notes(answer.report.notes)].filter((part) => part !== null);
    case "scores":
      return [clusters(answer.report), tasks(answer.report), notes(answer.report.notes)].filter((part) => part !== null);
  }
}

function curveRanking(report: CurveReport): HTMLElement {
  const unit = report.measure === "loss" ? "loss" : "score";
  const [best, second] = report.ranking;
  return section("ranking", "Ranking", `best first, ${percent(report.coverage)} intervals; learnt from sizes up to ${compact(report.budget)}`,
    intervals({
      title: `Predicted ${unit} at ${compact(report.target)} examples`,
      axis: `${unit} in the table's own unit`,
      otherName: `seen at ${compact(report.budget)}`,
      summary: best && second ? `${best.name} before ${second.name}: ${measure(best.predicted)} against ${measure(second.predicted)}` : "",
      rows: report.ranking.map((model, index) => ({
        name: model.name, value: model.predicted, interval: model.lo !== null && model.hi !== null ? [model.lo, model.hi] : null, other: model.last,
        remark: model.probability_best !== null && model.probability_best >= 0.005 ? `${percent(model.probability_best)} best` : "", best: index === 0,
      })),
    }));
}

function fits(report: CurveReport, curves: DrawnCurve[]): HTMLElement {
  const place = new Map(report.ranking.map((model, index) => [model.name, index]));
  const ordered = [...curves].sort((a, b) => (place.get(b.name) ?? 0) - (place.get(a.name) ?? 0));
  const drawn = ordered.flatMap((curve): Line[] => {
    const rank = place.get(curve.name) ?? NAMED_LINES;
    const series = rank < NAMED_LINES ? rank + 1 : 0;
    return [
      { name: `${curve.name} (seen)`, series, points: curve.seen, dots: series > 0 },
      { name: curve.name, series, points: curve.expected, dashed: true, label: series > 0 },
    ];
  });
  return section("fits", "Curves", "dots were seen, dashes are expected; the first five models are named",
    lines({
      title: "Values over data size",
      summary: `${counted(curves.length, "curve")}, carried on from ${compact(report.budget)} to ${compact(report.target)} examples`,
      x: { name: "examples", logarithmic: true },
      y: { name: report.measure === "loss" ? "loss" : "score", logarithmic: report.measure === "loss" },
      lines: drawn,
      rules: [{ at: report.budget, label: "budget" }],
      height: 280,
    }));
}

function nextRuns(report: CurveReport): HTMLElement | null {
  if (!report.next.length) return null;
  return section("next-runs", "What to run next", "the point expected to improve the choice most for its cost",
    h("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "What to run next" }, h("table", {},
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Model"), h("th", { scope: "col", class: "number" }, "Examples"), h("th", { scope: "col", class: "number" }, "Relative cost"), h("th", { scope: "col", class: "number" }, "Expected gain in log loss"))),
      h("tbody", {}, report.next.slice(0, NEXT_SHOWN).map((point) => h("tr", {}, h("th", { scope: "row" }, point.name), h("td", { class: "number" }, compact(point.size)), h("td", { class: "number" }, measure(point.cost / Math.min(...report.next.map((other) => other.cost)))), h("td", { class: "number" }, measure(point.expected_gain))))))));
}

function checkpointRanking(report: CheckpointReport): HTMLElement {
  const close = report.pairs.filter((pair) => pair.too_close).length;
  const accuracy = report.held_out_accuracy === null ? "" : `; of held-out pairs ${percent(report.held_out_accuracy / 100)} were put in the right order`;
  return section("ranking", "Ranking", `best first; learnt from ${counted(report.learnt_from, "row")}${accuracy}`,
    intervals({
      title: `Predicted ${report.target}`,
      axis: `${report.target} in its own unit`,
      otherName: "known",
      summary: `${close} of ${counted(report.pairs.length, "pair")} are too close to call`,
      rows: report.ranking.map((model, index) => ({ name: model.name, value: model.predicted, interval: null, other: model.known, remark: model.probability_best >= 0.005 ? `${percent(model.probability_best)} best` : "", best: index === 0 })),
    }));
}

function pairs(report: CheckpointReport): HTMLElement {
  const neighbours = report.ranking.slice(0, -1).flatMap((model, index) => {
    const next = report.ranking[index + 1];
    return report.pairs.filter((pair) => pair.better === model.name && pair.worse === next?.name);
  });
  return section("pairs", "Neighbours", "how surely each stands before the next",
    h("div", { class: "scroll tall", tabindex: 0, role: "group", "aria-label": "Neighbours of the order" }, h("table", {},
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Before"), h("th", { scope: "col" }, "After"), h("th", { scope: "col", class: "number" }, "Probability"), h("th", { scope: "col" }, ""))),
      h("tbody", {}, neighbours.map((pair) => h("tr", {}, h("th", { scope: "row" }, pair.better), h("td", {}, pair.worse), h("td", { class: "number" }, percent(pair.probability)), h("td", {}, pair.too_close ? h("span", { class: "status watch" }, "too close: tune both or neither") : "")))))));
}

function clusters(report: ScaleReport): HTMLElement {
  const { parameters, target_parameters: target } = report.support;
  const drawn = report.clusters.flatMap((cluster, index): Line[] => {
    const series = cluster.excluded === null ? (index % 6) + 1 : 0;
    const name = `${counted(cluster.members.length, "task")}${cluster.excluded === null ? "" : ", not extrapolated"}`;
    const law = parameters.map((size, at): [number, number] => [size, cluster.fitted[at] ?? NaN]);
    return [
      { name: `${name}, seen`, series, points: parameters.map((size, at): [number, number] => [size, cluster.curve[at] ?? NaN]), dots: true },
      { name, series, points: [...law, [target, cluster.predicted]], dashed: true, label: true },
    ];
  });
  const others = report.other_methods.map(([name, score]) => `${name} ${measure(score)}`).join(", ");
  return section("clusters", "Clusters of tasks", `tasks alike in difficulty, each with its law over size; the target is ${measure(report.support.size_ratio)} times the largest small model`,
    lines({
      title: "Mean score over model size", summary: `All methods for comparison: ${others}`,
      x: { name: "parameters", logarithmic: true }, y: { name: "score, as a share" }, lines: drawn, rules: [{ at: target, label: report.target }], height: 260,
    }));
}

function tasks(report: ScaleReport): HTMLElement {
  const ordered = [...report.per_task].sort((a, b) => b.predicted - a.predicted);
  return section("tasks", "Tasks", `${percent(report.coverage)} intervals where the small models can be back-tested`,
    intervals({
      title: `Predicted score of ${report.target} by task`, axis: "score in the table's own unit", otherName: "largest small model",
      summary: `${counted(report.support.growing, "task")} growing, ${report.support.flat} flat`,
      rows: ordered.map((task) => ({ name: task.task, value: task.predicted, interval: task.lo !== null && task.hi !== null ? [task.lo, task.hi] : null, other: task.last, remark: task.group })),
    }));
}

/** Repairs and remarks, each with its place in the table. */
function notes(list: Note[]): HTMLElement | null {
  if (!list.length) return null;
  return section("table-notes", "About the table", `${counted(list.length, "remark")}; nothing was changed without being listed here`,
    h("div", { class: "scroll tall", tabindex: 0, role: "group", "aria-label": "Remarks about the table" }, h("table", {},
      h("thead", {}, h("tr", {}, h("th", { scope: "col", class: "number" }, "Row"), h("th", { scope: "col" }, "Column"), h("th", { scope: "col" }, "Remark"))),
      h("tbody", {}, list.map((note) => h("tr", {}, h("td", { class: "number" }, note.row ?? ""), h("td", {}, note.column ?? ""), h("td", {}, note.message)))))));
}
