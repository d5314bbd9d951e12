// Where rows have no known shape: which column is what, with core's guess filled in.

import { h } from "../dom.js";
import { listed } from "../numbers.js";
import type { Report } from "../report.js";

const KEYS: readonly (readonly [key: string, says: string])[] = [
  ["instruction", "The prompt"],
  ["input", "Goes with the prompt"],
  ["output", "The answer"],
  ["system", "System prompt"],
  ["messages", "List of messages"],
  ["text", "Plain text"],
];

export function mappingView(report: Report, onMapping: (mapping: string) => void): HTMLElement | null {
  const { unmapped_columns: columns, suggested_mapping: guess } = report;
  if (!columns.length) return null;
  const guessed = new Map(guess?.pairs ?? []);
  const selects = KEYS.map(([key, says]) => {
    const select = h("select", { id: `map-${key}` }, h("option", { value: "" }, "not used"), columns.map((column) => h("option", { value: column, selected: guessed.get(key) === column }, column)));
    return { key, select, field: h("div", {}, h("label", { for: `map-${key}` }, says), select) };
  });
  const apply = (): void => {
    const pairs = selects.filter(({ select }) => select.value).map(({ key, select }) => `${key}=${select.value}`);
    if (pairs.length) onMapping(pairs.join(","));
  };
  const guessWords = guess ? ` It looks like ${listed(guess.pairs.map(([key, column]) => `${column} as ${key}`))}.` : "";
  const form = [
    h("div", { class: "recipe" }, selects.map(({ field }) => field)),
    h("p", { class: "actions" }, h("button", { type: "button", class: "primary", id: "apply-mapping", onclick: apply }, "Check with these columns")),
  ];
  // Some rows have a shape: then a mapping is seldom what is missing.
  if (report.schemas.length) {
    return h("details", { class: "options", id: "mapping" }, h("summary", {}, "Some rows have no shape that trainers know: map their columns"), h("p", {}, guessWords), form);
  }
  return h("section", { class: "panel", id: "mapping", "aria-labelledby": "mapping-title" },
    h("h2", { id: "mapping-title" }, "Which column is what?"),
    h("p", {}, `The rows have no shape that trainers know.${guessWords || " Say what the columns are, and check again."}`),
    form,
  );
}
