// A histogram over whole numbers, with an optional line that cuts it. The last bar is open to the maximum.

import { svg, type Child } from "../dom.js";
import { count, counted, percent } from "../numbers.js";
import type { Bar } from "../report.js";
import { chart, type Drawing } from "./frame.js";
import { niceTicks } from "./ticks.js";

export interface HistogramOptions {
  title: string;
  note?: Child;
  /** What is counted along the axis, as in "tokens". */
  unit: string;
  bars: Bar[];
  /** 1 to 6, a colour of the series. */
  series: number;
  /** Where rows are cut, and what that is called. */
  cut?: { at: number; label: string };
}

const TOP = 22;
const BOTTOM = 40;
const LEFT = 46;
const PLOT_HEIGHT = 132;

export function histogram(options: HistogramOptions): HTMLElement {
  const { bars, unit, cut } = options;
  const total = bars.reduce((sum, bar) => sum + bar.count, 0);
  const beyond = cut ? bars.filter((bar) => bar.from >= cut.at).reduce((sum, bar) => sum + bar.count, 0) : 0;
  const width = bars.length ? (bars[0]?.to ?? 1) - (bars[0]?.from ?? 0) : 1;
  const range = (bar: Bar, index: number): string => {
    if (index === bars.length - 1 && bar.to - bar.from > width) return `${count(bar.from)} to ${count(bar.to - 1)} ${unit}`;
    return bar.to - bar.from <= 1 ? counted(bar.from, unit, unit) : `${count(bar.from)} to ${count(bar.to - 1)} ${unit}`;
  };
  const says = (bar: Bar, index: number): string => `${range(bar, index)}: ${counted(bar.count, "row")} (${percent(bar.count / total)})`;
  const summary = cut && beyond > 0 ? `About ${counted(beyond, "row")} reach beyond the cut-off` : `${counted(total, "row")}, most in ${mostly(bars, range)}`;
  return chart({
    title: options.title,
    note: options.note,
    summary,
    columns: [unit, "rows", "share"],
    rows: bars.map((bar, index) => [range(bar, index), count(bar.count), percent(bar.count / total)]),
    draw: (pixels) => draw(options, pixels, width, says),
  });
}

function mostly(bars: Bar[], range: (bar: Bar, index: number) => string): string {
  let best = 0;
  bars.forEach((bar, index) => {
    if (bar.count > (bars[best]?.count ?? 0)) best = index;
  });
  const bar = bars[best];
  return bar ? range(bar, best) : "no bar";
}

function draw(options: HistogramOptions, pixels: number, barWidth: number, says: (bar: Bar, index: number) => string): Drawing {
  const { bars, cut } = options;
  const right = pixels - 8;
  const span = Math.max(1, bars.length * barWidth);
  const high = Math.max(1, ...bars.map((bar) => bar.count));
  const x = (value: number): number => LEFT + (Math.min(value, span) / span) * (right - LEFT);
  const y = (value: number): number => TOP + PLOT_HEIGHT * (1 - value / high);
  const base = y(0);
  const content: SVGElement[] = [];
  for (const tick of niceTicks(high, 3)) {
    content.push(svg("line", { class: "grid", x1: LEFT, x2: right, y1: y(tick), y2: y(tick) }));
    content.push(svg("text", { class: "tick", x: LEFT - 6, y: y(tick) + 4, "text-anchor": "end" }, count(tick)));
  }
  for (const tick of niceTicks(span, Math.max(2, Math.floor(pixels / 110)))) {
    const anchor = tick === 0 ? "start" : x(tick) > right - 24 ? "end" : "middle";
    content.push(svg("text", { class: "tick", x: x(tick), y: base + 16, "text-anchor": anchor }, count(tick)));
  }
  content.push(svg("text", { class: "axis", x: right, y: base + 34, "text-anchor": "end" }, options.unit));
  content.push(svg("text", { class: "axis", x: 0, y: 12 }, "rows"));
  const marks = bars.map((bar, index) => {
    const from = x(index * barWidth);
    const to = x((index + 1) * barWidth);
    const gap = to - from > 4 ? 1 : 0;
    const past = cut !== undefined && bar.from >= cut.at;
    content.push(svg("rect", { class: past ? "bar past" : `bar series-${options.series}`, x: from, width: Math.max(0.5, to - from - gap), y: bar.count ? Math.min(y(bar.count), base - 1.5) : base, height: bar.count ? Math.max(1.5, base - y(bar.count)) : 0 }));
    return { x: from, width: to - from, says: says(bar, index) };
  });
  content.push(svg("line", { class: "axis-line", x1: LEFT, x2: right, y1: base, y2: base }));
  if (cut && cut.at < span) {
    const at = x(cut.at);
    const leftward = at > (LEFT + right) / 2;
    content.push(svg("line", { class: "cut", x1: at, x2: at, y1: TOP - 6, y2: base }));
    content.push(svg("text", { class: "cut-label", x: at + (leftward ? -5 : 5), y: TOP + 2, "text-anchor": leftward ? "end" : "start" }, cut.label));
  }
  return { height: TOP + PLOT_HEIGHT + BOTTOM, content, marks };
}
