// Named shares as horizontal bars, labelled directly.

import { svg, type Child } from "../dom.js";
import { percent } from "../numbers.js";
import { chart, type Drawing } from "./frame.js";

export interface NamedShare {
  name: string;
  share: number;
  /** Shown after the share, as in "1,204 rows". */
  amount?: string;
}

export interface BarsOptions {
  title: string;
  note?: Child;
  shares: NamedShare[];
  series: number;
  summary: string;
  /** What a share is a share of, for the table. */
  of: string;
}

const ROW = 26;

export function bars(options: BarsOptions): HTMLElement {
  const value = (item: NamedShare): string => (item.amount ? `${percent(item.share)} · ${item.amount}` : percent(item.share));
  return chart({
    title: options.title,
    note: options.note,
    summary: options.summary,
    columns: ["name", `share of ${options.of}`, "amount"],
    rows: options.shares.map((item) => [item.name, percent(item.share), item.amount ?? ""]),
    draw: (pixels) => draw(options, pixels, value),
  });
}

function draw(options: BarsOptions, pixels: number, value: (item: NamedShare) => string): Drawing {
  const nameWidth = Math.min(190, Math.floor(pixels * 0.4));
  const valueWidth = options.shares.some((item) => item.amount) ? 124 : 60;
  const room = Math.max(20, pixels - nameWidth - valueWidth - 8);
  const most = Math.max(1e-9, ...options.shares.map((item) => item.share));
  const content: SVGElement[] = [];
  const marks = options.shares.map((item, index) => {
    const y = index * ROW;
    const length = Math.max(1.5, (item.share / most) * room);
    content.push(svg("text", { class: "name", x: nameWidth - 8, y: y + 17, "text-anchor": "end" }, shorten(item.name, Math.floor(nameWidth / 7.4))));
    content.push(svg("rect", { class: `bar series-${options.series}`, x: nameWidth, y: y + 5, width: length, height: ROW - 10, rx: 1 }));
    content.push(svg("text", { class: "tick", x: nameWidth + length + 6, y: y + 17 }, value(item)));
    return { x: 0, width: pixels, y, height: ROW, says: `${item.name}: ${value(item)}` };
  });
  return { height: options.shares.length * ROW + 4, content, marks };
}

function shorten(text: string, most: number): string {
  const characters = [...text.replace(/\s+/g, " ")];
  return characters.length > most ? `${characters.slice(0, Math.max(1, most - 1)).join("")}…` : characters.join("");
}
