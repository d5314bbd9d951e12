// The answer in one line, and the facts under it.

import { h } from "../dom.js";
import { bytes, counted, elapsed, percent } from "../numbers.js";
import type { ReportMessage } from "../check-client.js";
import type { Report } from "../report.js";

export function verdictView(fileName: string, report: Report, message: ReportMessage, onAnother: () => void): HTMLElement {
  const rate = message.elapsedMs > 0 && message.bytes > 1_000_000 ? `, ${bytes((message.bytes / message.elapsedMs) * 1000)}/s` : "";
  const facts = [
    formatWords(report),
    bytes(message.bytes),
    counted(report.rows, "row"),
    `${percent(report.rows_valid / Math.max(1, report.rows))} without errors`,
    message.elapsedMs > 0 ? `read in ${elapsed(message.elapsedMs)}${rate}` : null,
  ].filter((fact): fact is string => fact !== null);
  return h("section", { class: "verdict", id: "verdict", "aria-labelledby": "verdict-line" },
    h("div", { class: "panel-head" }, h("p", { class: "file-name" }, fileName), h("button", { type: "button", id: "another", class: "no-print", onclick: onAnother }, "Check another file")),
    h("h1", { id: "verdict-line", tabindex: -1 }, report.verdict),
    h("p", { class: "facts" }, facts.map((fact) => h("span", {}, fact))),
  );
}

function formatWords(report: Report): string | null {
  const { layout, schemas } = report;
  if (!layout) return null;
  const shapes = schemas.slice(0, 2).map((schema) => schema.label);
  const more = schemas.length > 2 ? ` and ${schemas.length - 2} more shapes` : "";
  const packed = layout.compression === "none" ? "" : `, ${layout.compression}`;
  const container = layout.format.replaceAll("_", " ");
  return `${shapes.length ? `${shapes.join(" and ")}${more} in ` : ""}${container}${packed}`;
}
