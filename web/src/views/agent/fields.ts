// What both kinds of probe ask for: the recipe that is probed, and how many steps.

import { h } from "../../dom.js";

const FIELDS: readonly (readonly [name: string, label: string, value: number])[] = [["learning_rate", "Learning rate", 2e-4], ["epochs", "Epochs of the full run", 3], ["batch_size", "Rows a step", 16], ["rank", "LoRA rank", 16], ["sequence_length", "Longest row, in tokens", 1024]];
const USUAL_STEPS = 100;

export interface ProbeFields {
  elements: HTMLElement[];
  steps(): number;
  /** Those that hold a number above zero, by name. */
  recipe(): Record<string, number>;
}

export function probeFields(usual: Record<string, number> = {}): ProbeFields {
  const steps = h("input", { type: "number", id: "probe-steps", min: 1, max: 10_000, step: 1, value: USUAL_STEPS });
  const inputs = FIELDS.map(([name, label, value]) => ({ name, label, input: h("input", { type: "number", id: `probe-${name}`, min: 0, step: "any", value: usual[name] ?? value }) }));
  return {
    elements: [h("div", {}, h("label", { for: steps.id }, "At most so many steps"), steps), ...inputs.map(({ label, input }) => h("div", {}, h("label", { for: input.id }, label), input))],
    steps: () => Math.max(1, Math.round(Number(steps.value) || USUAL_STEPS)),
    recipe: () => Object.fromEntries(inputs.filter(({ input }) => Number(input.value) > 0).map(({ name, input }) => [name, Number(input.value)])),
  };
}
