// A probe without any agent: what the bundled model's probe is worth, and its start.

import { BUNDLED } from "../../bundled-probe.js";
import { asFailure } from "../../caller.js";
import { usualRecipe } from "../../catalogue.js";
import { h, replace } from "../../dom.js";
import { bytes, count } from "../../numbers.js";
import type { ProbeRequest } from "../../worker/probing.js";
import { evaluationChoice } from "./evaluation.js";
import { beginningsOf, probeFields } from "./fields.js";
import type { ProbeContent } from "./probe.js";

/** Longer rows cost memory with the square of their length, and a page has little of it. */
const LONGEST_ROW_TOKENS = 256;
/** No model is smaller than the bundled one. */
const NO_PARAMETERS_TO_SPEAK_OF = 0;
/** Of a run that is neither too short to learn nor long to wait for. */
const USUAL_RUN_STEPS = 300;

function beginnings({ rowsValid, usualRecipes }: ProbeContent): ReturnType<typeof beginningsOf> {
  const usual = beginningsOf(usualRecipe(usualRecipes, NO_PARAMETERS_TO_SPEAK_OF));
  const epochs = Math.ceil((USUAL_RUN_STEPS * usual.batch_size) / Math.max(1, rowsValid));
  return { ...usual, epochs: Math.max(usual.epochs, epochs), sequence_length: Math.min(usual.sequence_length, LONGEST_ROW_TOKENS) };
}

export interface HereView {
  element: HTMLElement;
  /** Another predictor is held, or other readings are known. */
  refresh(): void;
}

export function hereView(content: ProbeContent, onStart: (request: ProbeRequest) => void): HereView | null {
  if (!BUNDLED.isBuilt) return null;
  const usual = beginnings(content);
  const fields = probeFields(usual);
  /** What is left empty is as it began. */
  const asked = (): typeof usual => ({ ...usual, ...fields.recipe() });
  const evaluation = evaluationChoice("here", content, "Where the predictor knows this model: at");
  const wholeRun = h("input", { type: "checkbox", id: "here-whole-run", onchange: () => sayLength() });
  const length = h("span", {});
  const told = h("p", { class: "note", role: "status" });
  const start = h("button", { type: "button", class: "primary", id: "start-here", onclick: () => void begin() }, "Probe the bundled model in this page");
  async function begin(): Promise<void> {
    start.disabled = true;
    try {
      const { rank, ...recipe } = asked();
      const mapping = content.mapping();
      const setAside = evaluation.setAside();
      const options = { recipe: { ...recipe, lora: { rank, alpha: 2 * rank } }, steps: fields.steps(), to_the_end: wholeRun.checked, ...(mapping ? { mapping } : {}), ...(setAside ? { set_aside: setAside } : {}) };
      onStart({ file: await content.file(), evaluation: content.evaluation(), options: JSON.stringify(options) });
      replace(told);
    } catch (thrown) {
      const failure = asFailure(thrown);
      replace(told, h("span", { class: "bad" }, failure.what), failure.todo ? ` ${failure.todo}` : "");
    }
    start.disabled = false;
  }
  /** What the whole run takes, as the recipe stands. */
  function sayLength(): void {
    const { epochs, batch_size: batch } = asked();
    length.textContent = wholeRun.checked ? `, at most ${count(Math.ceil(((content.rowsValid - (evaluation.setAside()?.rows ?? 0)) * epochs) / batch))} steps` : "";
  }
  for (const field of fields.elements) field.addEventListener("change", sayLength);
  const element = h("div", { id: "probe-here" },
    h("h3", {}, "Without an agent: the bundled tiny model, in this page"),
    h("p", {}, "A real training of the smallest model there is, on your rows, in a worker of this page. It shows whether there is something to learn in them, how fast, and how much their answers contradict each other."),
    h("p", {}, "It is not your model's probe: a larger model begins better and learns otherwise. So its readings go to the forecast only where the predictor has learnt from probes of this very model."),
    h("details", {}, h("summary", {}, "Recipe of the probe"), h("div", { class: "recipe" }, fields.elements)),
    evaluation.element,
    h("p", { class: "choose" }, h("span", { class: "wish" }, wholeRun, h("label", { for: wholeRun.id }, "Go on to the end of the run", length))),
    h("p", { class: "note" }, "Shows whether the forecast comes true. To a predictor of larger models, how a smaller model's run ends says more than its first steps do."),
    h("p", { class: "actions" }, start, h("span", { class: "note" }, `loads ${bytes(BUNDLED.bytes)} of this page once, works offline afterwards, and ends when you leave the page`)), told);
  return { element, refresh: evaluation.refresh };
}
