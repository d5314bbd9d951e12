// Cost and time: editable prices and assumptions, and the formula beside every result.

import type { CostEstimate, CostTable, Recipe } from "../advice.js";
import { h, replace, section } from "../dom.js";
import { count, MISSING, money, percent, seconds } from "../numbers.js";
import { recipeForm } from "./recipe.js";

export interface CostView {
  element: HTMLElement;
  show(cost: CostEstimate | null): void;
}

export interface CostHandlers {
  onChange(recipe: Recipe, prices: CostTable): void;
}

interface PriceRow {
  input: HTMLInputElement;
  results: HTMLElement;
}

export function costView(recipe: Recipe, prices: CostTable, models: string[], { onChange }: CostHandlers): CostView {
  const form = recipeForm(recipe, models, () => changed());
  const priceRow = (label: string, value: number): PriceRow => ({
    input: h("input", { type: "number", class: "price", min: 0, step: "any", value, "aria-label": label, onchange: () => changed() }),
    results: h("td", { class: "number" }),
  });
  const services = prices.services.map((service) => priceRow(`US dollars per million tokens, ${service.provider} ${service.model}`, service.usd_per_million_tokens));
  const gpus = prices.gpus.map((gpu) => priceRow(`US dollars per hour, ${gpu.name}`, gpu.usd_per_hour));
  const utilisation = h("input", { type: "number", id: "utilisation", class: "price", min: 1, max: 100, step: 1, value: Math.round(prices.utilisation * 100), onchange: () => changed() });
  const price = (row: PriceRow, fallback: number): number => (row.input.value !== "" && Number(row.input.value) >= 0 ? Number(row.input.value) : fallback);
  const changed = (): void => {
    onChange(form.value(), {
      ...prices,
      services: prices.services.map((service, index) => ({ ...service, usd_per_million_tokens: price(services[index] as PriceRow, service.usd_per_million_tokens) })),
      gpus: prices.gpus.map((gpu, index) => ({ ...gpu, usd_per_hour: price(gpus[index] as PriceRow, gpu.usd_per_hour) })),
      utilisation: Math.min(1, Math.max(0.01, Number(utilisation.value) / 100 || prices.utilisation)),
    });
  };

  const tokens = h("span", {});
  const assumptions = h("ul", { class: "note" });
  const element = section("cost", "Cost and time", tokens, form.element,
    h("div", { class: "columns" },
      h("div", {}, h("h3", {}, "At a service"), table("Services", ["Provider", "USD a million tokens", "Cost"], prices.services.map((service, index) => [`${service.provider} ${service.model}`, services[index] as PriceRow]))),
      h("div", {}, h("h3", {}, "On a GPU"), h("p", { class: "note" }, h("label", { for: "utilisation" }, "Share of the peak that training reaches, in percent "), utilisation),
        table("GPUs", ["GPU", "USD an hour", "Time and cost"], prices.gpus.map((gpu, index) => [gpu.name, gpus[index] as PriceRow]))),
    ),
    h("details", {}, h("summary", {}, "Assumptions"), assumptions),
  );
  return {
    element,
    show(cost) {
      if (!cost) {
        tokens.textContent = "tokens were not counted";
        return;
      }
      tokens.textContent = cost.billed_tokens === null ? "tokens were not counted" : `${count(cost.tokens_per_epoch)} tokens${cost.tokens_exact ? "" : " (estimated)"} × ${cost.epochs} epochs = ${count(cost.billed_tokens)}; prices as known ${cost.known_on}`;
      services.forEach((row, index) => {
        const result = cost.services[index];
        replace(row.results, result ? [h("strong", {}, money(result.usd)), h("p", { class: "formula" }, result.formula)] : MISSING);
      });
      gpus.forEach((row, index) => {
        const result = cost.own_gpu[index];
        replace(row.results, result ? [h("strong", {}, `${result.hours === null ? MISSING : seconds(result.hours * 3600)}, ${money(result.usd)}`), result.fits ? null : h("p", { class: "bad" }, `needs about ${count(result.memory_gib)} GiB: does not fit`), h("p", { class: "formula" }, result.formula)] : "choose a base model");
      });
      replace(assumptions, cost.assumptions.map((assumption) => h("li", {}, assumption)), h("li", {}, `training reaches ${percent(Number(utilisation.value) / 100)} of a GPU's peak`));
    },
  };
}

function table(label: string, heads: string[], rows: [name: string, row: PriceRow][]): HTMLElement {
  return h("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": label }, h("table", { class: "prices" },
    h("thead", {}, h("tr", {}, heads.map((head, index) => h("th", { scope: "col", class: index ? "number" : null }, head)))),
    h("tbody", {}, rows.map(([name, row]) => h("tr", {}, h("th", { scope: "row" }, name), h("td", { class: "number" }, row.input), row.results))),
  ));
}
