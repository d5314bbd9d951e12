// A score with its interval on an axis, the threshold and the base score marked. Hatched where the inputs are
// unlike anything the predictor has seen.

import { svg } from "../dom.js";
import { compact, points } from "../numbers.js";
import { chart, type Drawing } from "./frame.js";
import { scaleOf } from "./scale.js";

export interface ScoreAxisOptions {
  score: number;
  interval: [number, number] | null;
  threshold: number | null;
  baseScore: number | null;
  /** A second score to compare with, hollow. */
  beside?: { score: number; what: string };
  range: [number, number];
  inDistribution: boolean;
  summary: string;
}

const HEIGHT = 92;
const MIDDLE = 44;

export function scoreAxis(options: ScoreAxisOptions): HTMLElement {
  const rows: [string, string][] = [["forecast", points(options.score)]];
  if (options.interval) rows.push(["low end", points(options.interval[0])], ["high end", points(options.interval[1])]);
  if (options.threshold !== null) rows.push(["threshold", points(options.threshold)]);
  if (options.baseScore !== null) rows.push(["base model before training", points(options.baseScore)]);
  if (options.beside) rows.push([options.beside.what, points(options.beside.score)]);
  return chart({ title: "On the scale of scores", summary: options.summary, columns: ["what", "points"], rows, draw: (pixels) => draw(options, pixels) });
}

function draw(options: ScoreAxisOptions, pixels: number): Drawing {
  const { score, interval, threshold, baseScore, beside, inDistribution } = options;
  const [low, high] = options.range.every(Number.isFinite) ? options.range : [Math.min(0, score), Math.max(100, score)];
  const x = scaleOf([low, high], 14, pixels - 14);
  const content: SVGElement[] = [];
  for (const tick of x.ticks(Math.max(2, Math.floor(pixels / 90)))) {
    if (tick < low - 1e-9 || tick > high + 1e-9) continue;
    content.push(svg("line", { class: "grid", x1: x.at(tick), x2: x.at(tick), y1: 22, y2: 66 }));
    content.push(svg("text", { class: "tick", x: x.at(tick), y: 82, "text-anchor": "middle" }, compact(tick)));
  }
  content.push(svg("line", { class: "axis-line", x1: x.at(low), x2: x.at(high), y1: 66, y2: 66 }));
  if (interval) {
    const [from, to] = [x.at(interval[0]), x.at(interval[1])];
    content.push(svg("rect", { class: inDistribution ? "interval series-1" : "interval grey", x: from, width: Math.max(2, to - from), y: MIDDLE - 9, height: 18, rx: 3 }));
    // Hatching by lines of our own: a pattern would need an address, which the policy has no use for.
    if (!inDistribution) for (let at = from + 4; at < to; at += 7) content.push(svg("line", { class: "hatch", x1: at, x2: Math.min(to, at + 6), y1: MIDDLE + 9, y2: MIDDLE - 9 }));
  }
  const marker = (at: number, hue: string, label: string, top: boolean): void => {
    content.push(svg("line", { class: hue, x1: x.at(at), x2: x.at(at), y1: 18, y2: 66 }));
    content.push(svg("text", { class: "cut-label", x: x.at(at), y: top ? 12 : 14, "text-anchor": x.at(at) > pixels - 70 ? "end" : x.at(at) < 70 ? "start" : "middle" }, label));
  };
  const clash = threshold !== null && baseScore !== null && Math.abs(x.at(threshold) - x.at(baseScore)) < 80;
  if (baseScore !== null && !clash) marker(baseScore, "axis-line", "base", true);
  if (baseScore !== null && clash) content.push(svg("line", { class: "axis-line", x1: x.at(baseScore), x2: x.at(baseScore), y1: 18, y2: 66 }));
  if (threshold !== null) marker(threshold, "cut", "threshold", true);
  if (beside) content.push(svg("circle", { class: "hollow", cx: x.at(beside.score), cy: MIDDLE, r: 8 }));
  content.push(svg("circle", { class: inDistribution ? "series-1" : "grey", cx: x.at(score), cy: MIDDLE, r: 6 }));
  const marks = [
    { x: x.at(score) - 8, width: 16, says: `forecast ${points(score)} points` },
    ...(beside ? [{ x: x.at(beside.score) - 8, width: 16, says: `${beside.what} ${points(beside.score)} points` }] : []),
    ...(threshold === null ? [] : [{ x: x.at(threshold) - 5, width: 10, says: `threshold ${points(threshold)} points` }]),
    ...(baseScore === null ? [] : [{ x: x.at(baseScore) - 5, width: 10, says: `base model before training ${points(baseScore)} points` }]),
  ];
  return { height: HEIGHT, content, marks };
}
