// What is asked of a table: the form of each kind, filled with what core offers.

import type { Offer, Wish } from "../../choosing.js";
import { h, uniqueId, type Child } from "../../dom.js";
import { compact } from "../../numbers.js";

export interface WishForm {
  element: HTMLElement;
  value(): Wish;
}

export function wishForm(offer: Offer, onChange: () => void): WishForm {
  switch (offer.kind) {
    case "curves":
      return curvesForm(offer, onChange);
    case "checkpoints":
      return checkpointsForm(offer, onChange);
    case "scores":
      return scoresForm(offer, onChange);
  }
}

function field(label: string, control: HTMLElement, note?: string): HTMLElement {
  control.id ||= uniqueId("wish");
  return h("div", {}, h("label", { for: control.id }, label), control, note ? h("p", { class: "note" }, note) : null);
}

function select(id: string, values: string[], chosen: string, onChange: () => void, say: (value: string) => Child = (value) => value): HTMLSelectElement {
  return h("select", { id, onchange: onChange }, values.map((value) => h("option", { value, selected: value === chosen }, say(value))));
}

/** Boxes, of which `chosen` are ticked. */
function boxes(legend: string, names: string[], chosen: readonly string[], onChange: () => void): { element: HTMLElement; value(): string[] } {
  const inputs = names.map((name) => [name, h("input", { type: "checkbox", id: uniqueId("box"), checked: chosen.includes(name), onchange: onChange })] as const);
  return {
    element: h("fieldset", { class: "boxes" }, h("legend", {}, legend), h("ul", {}, inputs.map(([name, input]) => h("li", {}, input, h("label", { for: input.id }, name))))),
    value: () => inputs.filter(([, input]) => input.checked).map(([name]) => name),
  };
}

function curvesForm(offer: Extract<Offer, { kind: "curves" }>, onChange: () => void): WishForm {
  const budget = select("wish-budget", offer.sizes.map(String), String(offer.budget), onChange, (value) => compact(Number(value)));
  const target = h("input", { type: "number", id: "wish-target", min: 1, step: "any", value: offer.target, onchange: onChange });
  const measure = select("wish-measure", ["loss", "score"], "loss", onChange, (value) => (value === "loss" ? "losses, lower is better" : "scores, higher is better"));
  return {
    element: h("div", { class: "recipe no-print" },
      field("Largest data size that may be read", budget, "columns beyond it are not looked at"),
      field("Data size of the full run", target),
      field("The cells are", measure)),
    value: () => ({ kind: "curves", budget: Number(budget.value), target: Number(target.value), scores: measure.value === "score" }),
  };
}

function checkpointsForm(offer: Extract<Offer, { kind: "checkpoints" }>, onChange: () => void): WishForm {
  const target = select("wish-target", offer.columns, offer.target, () => {
    rebuild();
    onChange();
  });
  const prefix = (name: string): string => (name.includes("_") ? (name.split("_")[0] as string) : "");
  const place = h("div", {});
  let indicators = boxes("", [], [], onChange);
  // Other tuned scores share the target's prefix and are learnt together with it, never from it.
  const rebuild = (): void => {
    const own = prefix(target.value);
    const names = offer.columns.filter((name) => name !== target.value && !(own && prefix(name) === own));
    indicators = boxes("Predict from", names, names, onChange);
    place.replaceChildren(indicators.element);
  };
  rebuild();
  const exclude = h("input", { type: "search", id: "wish-exclude", placeholder: "names, separated by commas", onchange: onChange });
  return {
    element: h("div", { class: "no-print" }, h("div", { class: "recipe" }, field("Tuned score to foretell", target, "rows without it are ranked"), field("Rows to leave out", exclude)), place),
    value: () => ({ kind: "checkpoints", target: target.value, indicators: indicators.value(), settings: [], exclude: exclude.value.split(",").map((name) => name.trim()).filter(Boolean) }),
  };
}

function scoresForm(offer: Extract<Offer, { kind: "scores" }>, onChange: () => void): WishForm {
  const names = offer.sizes.map((size) => size.name);
  const target = select("wish-target", names, offer.target, onChange);
  const small = boxes("Small models to learn from", names, offer.small, onChange);
  const filters = offer.filters.map(({ column, values, chosen }, index) => [column, select(`wish-filter-${index}`, values, chosen, onChange)] as const);
  return {
    element: h("div", { class: "no-print" }, h("div", { class: "recipe" }, field("Model to foretell", target, "its own rows are never read"), filters.map(([column, control]) => field(column, control, "kind of results"))), small.element),
    value: () => ({ kind: "scores", small: small.value().filter((name) => name !== target.value), target: target.value, filters: filters.map(([column, control]) => [column, control.value]) }),
  };
}
