// What both kinds of probe ask for: the recipe that is probed, and how many steps.

import type { RecipeNumbers } from "../../catalogue.js";
import { h } from "../../dom.js";

type Asked = "learning_rate" | "epochs" | "batch_size" | "rank" | "sequence_length";

/** A number to begin with, or words that say what an empty field means. */
export type Beginnings = Record<Asked, number | string>;

const FIELDS: readonly (readonly [name: Asked, label: string])[] = [["learning_rate", "Learning rate"], ["epochs", "Epochs of the full run"], ["batch_size", "Rows a step"], ["rank", "LoRA rank"], ["sequence_length", "Longest row, in tokens"]];
const USUAL_STEPS = 100;

export interface ProbeFields {
  elements: HTMLElement[];
  steps(): number;
  /** Those that hold a number above zero, by name. */
  recipe(): Partial<Record<Asked, number>>;
  /** Begins anew the fields that nobody has changed. */
  begin(beginnings: Beginnings): void;
}

export function beginningsOf(usual: RecipeNumbers): Record<Asked, number> {
  return { learning_rate: usual.learning_rate, epochs: usual.epochs, batch_size: usual.batch_size, rank: usual.lora_rank, sequence_length: usual.sequence_length };
}

export function probeFields(beginnings: Beginnings): ProbeFields {
  const steps = h("input", { type: "number", id: "probe-steps", min: 1, max: 10_000, step: 1, value: USUAL_STEPS });
  const changed = new Set<Asked>();
  const inputs = FIELDS.map(([name, label]) => ({ name, label, input: h("input", { type: "number", id: `probe-${name}`, min: 0, step: "any", oninput: () => void changed.add(name) }) }));
  const begin = (from: Beginnings): void => {
    for (const { name, input } of inputs) {
      if (changed.has(name)) continue;
      input.value = typeof from[name] === "number" ? String(from[name]) : "";
      input.placeholder = typeof from[name] === "string" ? from[name] : "";
    }
  };
  begin(beginnings);
  return {
    elements: [h("div", {}, h("label", { for: steps.id }, "At most so many steps"), steps), ...inputs.map(({ label, input }) => h("div", {}, h("label", { for: input.id }, label), input))],
    steps: () => Math.max(1, Math.round(Number(steps.value) || USUAL_STEPS)),
    recipe: () => Object.fromEntries(inputs.filter(({ input }) => Number(input.value) > 0).map(({ name, input }) => [name, Number(input.value)])),
    begin,
  };
}
