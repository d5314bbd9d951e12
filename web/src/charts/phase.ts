// The phase diagram: what no probe removes against how fast a probe removes the rest, the plane divided among the
// regimes as core divides it, and the candidate with the range of its place.

import { svg } from "../dom.js";
import type { PhaseMap } from "../forecasting.js";
import { compact, measure, points } from "../numbers.js";
import { chart, type Drawing } from "./frame.js";
import { scaleOf } from "./scale.js";

const [LEFT, TOP, PLOT, BOTTOM] = [52, 24, 210, 40];
const words = (name: string): string => name.replaceAll("-", " ");

export function phaseChart(map: PhaseMap): HTMLElement {
  const [floor, decay] = [`${points(map.floor_points)} points, 90 % between ${points(map.floor_interval_points[0])} and ${points(map.floor_interval_points[1])}`, `${measure(map.decay)}, 90 % between ${measure(map.decay_interval[0])} and ${measure(map.decay_interval[1])}`];
  return chart({
    title: "Phase diagram", summary: `This candidate is ${words(map.regime)}: ${points(map.floor_points)} points of its error stay however long the probe, the rest falls with the power ${measure(map.decay)} of its steps`,
    columns: ["what", "value"], rows: [["regime", words(map.regime)], ["error that stays however long the probe", floor], ["power of the steps by which the rest falls", decay]], draw: (pixels) => draw(map, pixels),
  });
}

function draw(map: PhaseMap, pixels: number): Drawing {
  const [x, y] = [scaleOf([0, map.most_floor_points], LEFT, pixels - 12), scaleOf([0, map.most_decay], TOP + PLOT, TOP)];
  const edge = (column: number): number => x.at((column / (map.cells[0]?.length ?? 1)) * map.most_floor_points);
  const level = (row: number): number => y.at((row / map.cells.length) * map.most_decay);
  const content: SVGElement[] = [];
  map.regimes.forEach((regime, index) => {
    const runs = map.cells.flatMap((cells, row) => [...cells.matchAll(new RegExp(`${index}+`, "g"))].map((run) => ({ row, from: edge(run.index), to: edge(run.index + run[0].length) })));
    content.push(svg("path", { class: `region series-${index + 1}`, d: runs.map(({ row, from, to }) => `M${from} ${level(row)}H${to}V${level(row + 1)}H${from}Z`).join("") }));
    const widest = runs.filter(({ from, to }) => to - from > 7 * regime.length);
    const middle = widest[Math.floor(widest.length / 2)];
    if (middle) content.push(svg("text", { class: "name", x: (middle.from + middle.to) / 2, y: level(middle.row) + 4, "text-anchor": "middle" }, words(regime)));
  });
  for (const tick of x.ticks(Math.max(2, Math.floor(pixels / 90)))) if (tick >= 0) content.push(svg("text", { class: "tick", x: x.at(tick), y: TOP + PLOT + 16, "text-anchor": "middle" }, compact(tick)));
  for (const tick of y.ticks(4)) if (tick >= 0) content.push(svg("text", { class: "tick", x: LEFT - 6, y: y.at(tick) + 4, "text-anchor": "end" }, compact(tick)));
  const [cx, cy] = [x.at(map.floor_points), y.at(map.decay)];
  content.push(svg("text", { class: "axis", x: pixels - 12, y: TOP + PLOT + 34, "text-anchor": "end" }, "error that stays however long the probe (points)"), svg("text", { class: "axis", x: 0, y: 12 }, "power of the steps by which the rest falls"),
    svg("line", { class: "whisker", x1: x.at(map.floor_interval_points[0]), x2: x.at(map.floor_interval_points[1]), y1: cy, y2: cy }), svg("line", { class: "whisker", x1: cx, x2: cx, y1: y.at(map.decay_interval[0]), y2: y.at(map.decay_interval[1]) }),
    svg("circle", { class: "candidate", cx, cy, r: 6 }));
  return { height: TOP + PLOT + BOTTOM, content, marks: [{ x: cx - 12, width: 24, says: `this candidate: ${words(map.regime)}, ${points(map.floor_points)} points, power ${measure(map.decay)}` }] };
}
