// The recipe as a forecast reads it: numbers, and sliders for what is usually argued about.

import type { RecipeNumbers } from "../../catalogue.js";
import { h, uniqueId } from "../../dom.js";
import type { Card } from "../../forecasting.js";

export interface RecipeControls {
  element: HTMLElement;
  value(): { recipe: RecipeNumbers; baseParameters: number | null; model: string | null };
}

const LOWEST_RATE = -6;
const HIGHEST_RATE = -1;

export function recipeControls(start: RecipeNumbers, card: Card | null, onChange: () => void): RecipeControls {
  const number = (label: string, value: number | null, attributes: Record<string, string | number> = {}): [HTMLElement, HTMLInputElement] => {
    const input = h("input", { type: "number", id: uniqueId("forecast"), min: 0, step: "any", inputmode: "decimal", value: value ?? "", onchange: onChange, ...attributes });
    return [h("div", {}, h("label", { for: input.id }, label), input), input];
  };
  const [rateField, rate] = number("Learning rate", start.learning_rate);
  const slider = h("input", { type: "range", class: "slider", min: LOWEST_RATE, max: HIGHEST_RATE, step: 0.05, value: Math.log10(start.learning_rate), "aria-label": "Learning rate, slider", oninput: () => {
    rate.value = String(Number((10 ** Number(slider.value)).toPrecision(2)));
    onChange();
  } });
  rate.addEventListener("change", () => {
    if (Number(rate.value) > 0) slider.value = String(Math.log10(Number(rate.value)));
  });
  rateField.append(slider);
  const [epochsField, epochs] = number("Epochs", start.epochs);
  const [stepsField, steps] = number("Fixed steps", start.max_steps, { placeholder: "by epochs", step: 1 });
  const [batchField, batch] = number("Rows a step", start.batch_size, { min: 1, step: 1 });
  const [rankField, rank] = number("LoRA rank", start.lora_rank, { min: 1, step: 1 });
  const [alphaField, alpha] = number("LoRA alpha", null, { placeholder: "twice the rank" });
  const [lengthField, length] = number("Longest row, in tokens", start.sequence_length, { min: 2, step: 1 });
  const schedule = h("select", { id: uniqueId("forecast"), onchange: onChange }, ["linear", "cosine", "constant"].map((name) => h("option", { value: name, selected: name === start.schedule }, name)));
  const models = card?.base_models ?? [];
  const model = h("select", { id: uniqueId("forecast"), onchange: onChange }, h("option", { value: "" }, "not named"), models.map((known) => h("option", { value: known.name }, known.name)));
  const positive = (input: HTMLInputElement, otherwise: number): number => (input.value !== "" && Number(input.value) > 0 ? Number(input.value) : otherwise);
  return {
    element: h("div", { class: "recipe no-print", id: "forecast-recipe" }, rateField, epochsField, stepsField, batchField, rankField, alphaField, lengthField,
      h("div", {}, h("label", { for: schedule.id }, "Schedule"), schedule),
      models.length ? h("div", {}, h("label", { for: model.id }, "Base model"), model) : null),
    value() {
      const lora_rank = Math.round(positive(rank, start.lora_rank));
      const chosen = models.find((known) => known.name === model.value);
      return {
        recipe: {
          ...start,
          learning_rate: positive(rate, start.learning_rate),
          epochs: positive(epochs, start.epochs),
          max_steps: steps.value !== "" && Number(steps.value) >= 1 ? Math.round(Number(steps.value)) : null,
          batch_size: Math.round(positive(batch, start.batch_size)),
          lora_rank,
          lora_alpha: positive(alpha, 2 * lora_rank),
          sequence_length: Math.round(positive(length, start.sequence_length)),
          schedule: schedule.value as RecipeNumbers["schedule"],
        },
        baseParameters: chosen?.parameters ?? null,
        model: chosen?.name ?? null,
      };
    },
  };
}
