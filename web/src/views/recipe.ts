// The fields of the recipe that cost and preflight depend on.

import type { Method, Recipe } from "../advice.js";
import { h } from "../dom.js";

export interface RecipeForm {
  element: HTMLElement;
  value(): Recipe;
}

function field(id: string, label: string, control: HTMLElement): HTMLElement {
  return h("div", {}, h("label", { for: id }, label), control);
}

/** Empty or senseless means the default. */
function positive(input: HTMLInputElement): number | null {
  const value = Number(input.value);
  return input.value !== "" && Number.isFinite(value) && value > 0 ? value : null;
}

export function recipeForm(start: Recipe, models: string[], onChange: () => void): RecipeForm {
  const number = (id: string, value: number | null, placeholder = ""): HTMLInputElement =>
    h("input", { type: "number", id, min: 0, step: "any", inputmode: "decimal", value: value ?? "", placeholder, onchange: onChange });
  const rankOf = (method: Method): number => (method === "full" ? 16 : method.lora.rank);
  const model = h("select", { id: "recipe-model", onchange: onChange }, h("option", { value: "" }, "not chosen"), models.map((name) => h("option", { value: name, selected: name === start.model }, name)));
  const method = h("select", { id: "recipe-method", onchange: onChange }, h("option", { value: "lora", selected: start.method !== "full" }, "LoRA"), h("option", { value: "full", selected: start.method === "full" }, "all parameters"));
  const rank = number("recipe-rank", rankOf(start.method));
  const epochs = number("recipe-epochs", start.epochs);
  const batch = number("recipe-batch", start.batch_rows);
  const learningRate = number("recipe-learning-rate", start.learning_rate, "not chosen");
  return {
    element: h("div", { class: "recipe no-print" },
      field("recipe-model", "Base model", model), field("recipe-method", "Method", method), field("recipe-rank", "LoRA rank", rank),
      field("recipe-epochs", "Epochs", epochs), field("recipe-batch", "Rows a step", batch), field("recipe-learning-rate", "Learning rate", learningRate)),
    value: () => ({
      ...start,
      model: model.value || null,
      method: method.value === "full" ? "full" : { lora: { rank: Math.max(1, Math.round(positive(rank) ?? rankOf(start.method))) } },
      epochs: positive(epochs) ?? start.epochs,
      batch_rows: Math.max(1, Math.round(positive(batch) ?? start.batch_rows)),
      learning_rate: positive(learningRate),
    }),
  };
}
