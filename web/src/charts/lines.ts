// Lines over a common axis, each named at its end; solid where it was seen, dashed where it is expected.

import { svg, type Child } from "../dom.js";
import { compact, measure } from "../numbers.js";
import { chart, liveChart, type ChartOptions, type Drawing, type Mark } from "./frame.js";
import { shorten } from "./intervals.js";
import { scaleOf, type Scale } from "./scale.js";

export type PointXY = readonly [x: number, y: number];

export interface Line {
  name: string;
  /** 1 to 6, a colour of the series; 0 is grey. */
  series: number;
  points: PointXY[];
  dashed?: boolean;
  dots?: boolean;
  /** Written at the line's end. */
  label?: boolean;
}

export interface Band {
  series: number;
  /** x, low, high. */
  points: (readonly [number, number, number])[];
}

export interface LinesOptions {
  title: string;
  note?: Child;
  summary: string;
  x: { name: string; logarithmic?: boolean };
  y: { name: string; logarithmic?: boolean };
  lines: Line[];
  bands?: Band[];
  /** Vertical lines. */
  rules?: { at: number; label: string }[];
  height?: number;
}

const LEFT = 52;
const TOP = 24;
const BOTTOM = 40;
const MOST_TABLE_ROWS = 400;

export function lines(options: LinesOptions): HTMLElement {
  return chart(described(options));
}

/** A drawing that grows. */
export function liveLines(options: LinesOptions): { element: HTMLElement; update(options: LinesOptions): void } {
  const live = liveChart(described(options));
  return { element: live.element, update: (newer) => live.update(described(newer)) };
}

function described(options: LinesOptions): ChartOptions {
  const rows = options.lines.flatMap((line) => line.points.map(([x, y]) => [line.name, measure(x), measure(y)]));
  return {
    title: options.title,
    note: options.note,
    summary: options.summary,
    columns: ["line", options.x.name, options.y.name],
    rows: rows.slice(-MOST_TABLE_ROWS),
    draw: (pixels) => draw(options, pixels),
  };
}

function draw(options: LinesOptions, pixels: number): Drawing {
  const plot = options.height ?? 220;
  const labelled = options.lines.filter((line) => line.label && line.points.length);
  const labelWidth = labelled.length ? Math.min(170, Math.floor(pixels * 0.28)) : 12;
  const right = pixels - labelWidth;
  const all = options.lines.flatMap((line) => line.points);
  const bands = options.bands ?? [];
  const x = scaleOf([...all.map(([value]) => value), ...(options.rules ?? []).map((rule) => rule.at)], LEFT, right, options.x.logarithmic);
  const y = scaleOf([...all.map(([, value]) => value), ...bands.flatMap((band) => band.points.flatMap(([, low, high]) => [low, high]))], TOP + plot, TOP, options.y.logarithmic);
  const content = axes(options, x, y, { right, plot });
  for (const band of bands) {
    const upper = band.points.map(([at, , high]) => `${x.at(at)},${y.at(high)}`);
    const lower = band.points.map(([at, low]) => `${x.at(at)},${y.at(low)}`).reverse();
    content.push(svg("polygon", { class: `band series-${band.series}`, points: [...upper, ...lower].join(" ") }));
  }
  for (const rule of options.rules ?? []) {
    content.push(svg("line", { class: "cut", x1: x.at(rule.at), x2: x.at(rule.at), y1: TOP, y2: TOP + plot }));
    content.push(svg("text", { class: "cut-label", x: x.at(rule.at) - 5, y: TOP + 10, "text-anchor": "end" }, rule.label));
  }
  for (const line of options.lines) {
    const drawable = line.points.filter(([a, b]) => Number.isFinite(a) && Number.isFinite(b));
    const hue = line.series ? `series-${line.series}` : "grey";
    content.push(svg("polyline", { class: `line ${hue}${line.dashed ? " dashed" : ""}`, points: drawable.map(([a, b]) => `${x.at(a)},${y.at(b)}`).join(" ") }));
    if (line.dots) for (const [a, b] of drawable) content.push(svg("circle", { class: hue, cx: x.at(a), cy: y.at(b), r: 3 }));
  }
  const ends = labelled.map((line) => ({ line, y: y.at((line.points.at(-1) as PointXY)[1]) })).sort((a, b) => a.y - b.y);
  apart(ends, TOP + plot);
  for (const { line, y: at } of ends) content.push(svg("text", { class: "name", x: right + 6, y: at + 4 }, shorten(line.name, Math.floor(labelWidth / 7))));
  return { height: TOP + plot + BOTTOM, content, marks: marks(options, x) };
}

function axes(options: LinesOptions, x: Scale, y: Scale, { right, plot }: { right: number; plot: number }): SVGElement[] {
  const floor = TOP + plot;
  const content: SVGElement[] = [];
  for (const tick of y.ticks(Math.floor(plot / 50))) {
    content.push(svg("line", { class: "grid", x1: LEFT, x2: right, y1: y.at(tick), y2: y.at(tick) }));
    content.push(svg("text", { class: "tick", x: LEFT - 6, y: y.at(tick) + 4, "text-anchor": "end" }, compact(tick)));
  }
  for (const tick of x.ticks(Math.max(2, Math.floor((right - LEFT) / 80)))) content.push(svg("text", { class: "tick", x: x.at(tick), y: floor + 16, "text-anchor": "middle" }, compact(tick)));
  content.push(svg("line", { class: "axis-line", x1: LEFT, x2: right, y1: floor, y2: floor }));
  content.push(svg("text", { class: "axis", x: right, y: floor + 34, "text-anchor": "end" }, options.x.name));
  content.push(svg("text", { class: "axis", x: 0, y: 12 }, options.y.name));
  return content;
}

/** Names at the ends, pushed apart so that none covers another. */
function apart(ends: { y: number }[], floor: number): void {
  const PITCH = 14;
  ends.forEach((end, index) => {
    if (index > 0) end.y = Math.max(end.y, (ends[index - 1] as { y: number }).y + PITCH);
  });
  for (let index = ends.length - 1; index >= 0; index -= 1) {
    const below = index + 1 < ends.length ? (ends[index + 1] as { y: number }).y - PITCH : floor;
    const end = ends[index] as { y: number };
    end.y = Math.min(end.y, below);
  }
}

/** One column for each place on the axis; it reads out every line there. */
function marks(options: LinesOptions, x: Scale): Mark[] {
  const places = [...new Set(options.lines.flatMap((line) => line.points.map(([at]) => at)))].sort((a, b) => a - b);
  return places.map((place, index) => {
    const from = index > 0 ? (x.at(places[index - 1] as number) + x.at(place)) / 2 : x.at(place) - 6;
    const to = index + 1 < places.length ? (x.at(place) + x.at(places[index + 1] as number)) / 2 : x.at(place) + 6;
    const there = options.lines.flatMap((line) => line.points.filter(([at]) => at === place).map(([, value]) => `${line.name} ${measure(value)}`));
    const most = 4;
    return { x: from, width: to - from, says: `${options.x.name} ${compact(place)}: ${there.slice(0, most).join(", ")}${there.length > most ? ` and ${there.length - most} more` : ""}` };
  });
}
