// One row a name: a dot with its interval, and a hollow dot to compare with.

import { svg, type Child } from "../dom.js";
import { compact, measure } from "../numbers.js";
import { chart, type Drawing } from "./frame.js";
import { scaleOf } from "./scale.js";

export interface IntervalRow {
  name: string;
  value: number;
  interval: [number, number] | null;
  /** The hollow dot. */
  other: number | null;
  remark: string;
  best?: boolean;
}

export interface IntervalsOptions {
  title: string;
  note?: Child;
  summary: string;
  /** Name and unit of the values. */
  axis: string;
  /** What the hollow dot is. */
  otherName: string;
  rows: IntervalRow[];
}

const PITCH = 24;
const BOTTOM = 40;
const MOST_ROWS = 100;

export function intervals(options: IntervalsOptions): HTMLElement {
  const says = (row: IntervalRow): string =>
    `${row.name}: ${measure(row.value)}${row.interval ? `, between ${measure(row.interval[0])} and ${measure(row.interval[1])}` : ""}${row.other === null ? "" : `; ${options.otherName} ${measure(row.other)}`}${row.remark ? `; ${row.remark}` : ""}`;
  return chart({
    title: options.title,
    note: options.note,
    summary: options.summary,
    columns: ["name", options.axis, "low", "high", options.otherName, ""],
    rows: options.rows.map((row) => [row.name, measure(row.value), measure(row.interval?.[0]), measure(row.interval?.[1]), measure(row.other), row.remark]),
    draw: (pixels) => draw({ ...options, rows: options.rows.slice(0, MOST_ROWS) }, pixels, says),
  });
}

function draw({ rows, axis }: IntervalsOptions, pixels: number, says: (row: IntervalRow) => string): Drawing {
  const names = Math.min(240, Math.floor(pixels * 0.38));
  const remarks = rows.some((row) => row.remark) && pixels > 420 ? 84 : 12;
  const right = pixels - remarks;
  const x = scaleOf(rows.flatMap((row) => [row.value, row.other, ...(row.interval ?? [])]), names, right);
  const floor = rows.length * PITCH;
  const content: SVGElement[] = x.ticks(Math.max(2, Math.floor((right - names) / 90))).flatMap((tick) => [
    svg("line", { class: "grid", x1: x.at(tick), x2: x.at(tick), y1: 0, y2: floor }),
    svg("text", { class: "tick", x: x.at(tick), y: floor + 16, "text-anchor": "middle" }, compact(tick)),
  ]);
  content.push(svg("text", { class: "axis", x: right, y: floor + 34, "text-anchor": "end" }, axis));
  const marks = rows.map((row, index) => {
    const y = index * PITCH + PITCH / 2;
    const hue = row.best ? "series-3" : "series-1";
    content.push(svg("text", { class: "name", x: names - 10, y: y + 4, "text-anchor": "end" }, shorten(row.name, Math.floor(names / 7.2))));
    if (row.interval) content.push(svg("line", { class: `span ${hue}`, x1: x.at(row.interval[0]), x2: x.at(row.interval[1]), y1: y, y2: y }));
    if (row.other !== null) content.push(svg("circle", { class: "hollow", cx: x.at(row.other), cy: y, r: 3.5 }));
    content.push(svg("circle", { class: hue, cx: x.at(row.value), cy: y, r: row.best ? 5 : 4 }));
    if (row.remark && remarks > 20) content.push(svg("text", { class: "tick", x: right + 8, y: y + 4 }, row.remark));
    return { x: 0, width: pixels, y: index * PITCH, height: PITCH, says: says(row) };
  });
  return { height: floor + BOTTOM, content, marks };
}

/** The end of a name tells more than its beginning where both are long. */
export function shorten(text: string, most: number): string {
  const characters = [...text.replace(/\s+/g, " ")];
  if (characters.length <= most) return characters.join("");
  const tail = Math.floor((most - 1) * 0.6);
  return `${characters.slice(0, Math.max(1, most - 1 - tail)).join("")}…${characters.slice(-tail).join("")}`;
}
