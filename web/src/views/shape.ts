// The shape of the data: lengths, repeats, languages and scripts, labels.

import { bars } from "../charts/bars.js";
import { histogram } from "../charts/histogram.js";
import { h, section, type Child } from "../dom.js";
import { count, counted, percent } from "../numbers.js";
import type { Report, RowGroup } from "../report.js";

const EXAMPLES = 3;

export function shapeView(report: Report): HTMLElement {
  const { histograms, tokens_exact: exact } = report.description;
  const unit = exact ? "tokens" : "tokens (estimated)";
  const cut = report.max_tokens ? { at: report.max_tokens, label: `cut at ${count(report.max_tokens)}` } : undefined;
  const drawn = [
    { title: "Prompt length", unit, bars: histograms.tokens_in, series: 1 },
    { title: "Answer length", unit, bars: histograms.tokens_out, series: 3 },
    { title: "Whole row", unit, bars: histograms.tokens_total, series: 5, ...(cut ? { cut } : {}) },
  ];
  const drawings = drawn.filter(({ bars }) => bars.length > 0).map((options) => histogram(options));
  return section("shape", "Shape of the data", exact ? "token counts by your tokenizer" : "token counts are estimates; give a tokenizer.json in the options for exact ones",
    h("div", { class: "columns" }, drawings, repeats(report), labels(report), languages(report)),
  );
}

function repeats(report: Report): HTMLElement {
  const { exact_duplicates: exact, near_duplicates: near, conflicts, eval_overlap: overlap } = report.description;
  const about = (complete: boolean, value: number): string => `${complete ? "" : "about "}${count(value)}`;
  const line = (name: string, value: string, share: number, groups: RowGroup[]): HTMLElement =>
    h("tr", {}, h("th", { scope: "row" }, name), h("td", { class: "number" }, value), h("td", { class: "number" }, percent(share / Math.max(1, report.rows))), h("td", {}, places(groups)));
  return h("div", { class: "chart" },
    h("h3", {}, "Repeats"),
    h("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "Repeats" }, h("table", {},
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Kind"), h("th", { scope: "col", class: "number" }, "Rows"), h("th", { scope: "col", class: "number" }, "Share"), h("th", { scope: "col" }, "Largest groups"))),
      h("tbody", {},
        line("Exact copies", about(exact.complete, exact.extra_rows), exact.extra_rows, exact.groups),
        line("Near copies", about(near.complete, near.extra_rows), near.extra_rows, near.groups),
        line("Same prompt, other answer", about(conflicts.complete, conflicts.rows), conflicts.rows, conflicts.groups),
        overlap ? h("tr", {}, h("th", { scope: "row" }, "Also in the evaluation file"), h("td", { class: "number" }, count(overlap.train_rows_exact + overlap.train_rows_near)), h("td", { class: "number" }, percent((overlap.train_rows_exact + overlap.train_rows_near) / Math.max(1, report.rows))), h("td", {}, `${count(overlap.eval_rows_exact)} of ${counted(overlap.eval_rows, "evaluation row")} exactly, ${count(overlap.eval_rows_near)} nearly`)) : null,
      ),
    )),
  );
}

function places(groups: RowGroup[]): Child {
  if (!groups.length) return "–";
  return h("ul", {}, groups.slice(0, EXAMPLES).map((group) => h("li", {}, `rows ${group.places.slice(0, 4).map((place) => count(place.row)).join(", ")}${group.rows > 4 ? ` and ${count(group.rows - 4)} more` : ""}`)));
}

function labels(report: Report): Child {
  const { labels: table } = report.description;
  if (!table.label_like || !table.top.length) return null;
  const first = table.top[0];
  return bars({
    title: "Label balance",
    note: `${table.complete ? "" : "about "}${counted(table.distinct, "different answer")}`,
    shares: table.top.slice(0, 12).map((label) => ({ name: label.text || "(empty)", share: label.share, amount: counted(label.rows, "row") })),
    series: 2,
    summary: first ? `The commonest label, ${first.text}, has ${percent(first.share)} of the rows` : "",
    of: "rows",
  });
}

function languages(report: Report): Child {
  const { languages: mix, scripts, sampled_rows: sampled } = report.description;
  const drawn: Child[] = [];
  if (mix.length) {
    drawn.push(bars({ title: "Languages", note: sampled < report.rows ? `from a sample of ${counted(sampled, "row")}` : null, shares: mix.slice(0, 8), series: 4, summary: mix.length === 1 ? `All ${mix[0]?.name}` : `Mostly ${mix[0]?.name}, ${percent(mix[0]?.share)} of rows`, of: "sampled rows" }));
  }
  if (scripts.length) {
    drawn.push(bars({ title: "Scripts", shares: scripts.slice(0, 8), series: 6, summary: `Mostly ${scripts[0]?.name}, ${percent(scripts[0]?.share)} of letters`, of: "letters" }));
  }
  return drawn;
}
