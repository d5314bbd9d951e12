// Whether a probe of this candidate is worth anything: its place on the phase diagram, and what that means.

import { phaseChart } from "../../charts/phase.js";
import { h } from "../../dom.js";
import type { PhaseMap } from "../../forecasting.js";

const MEANING: Record<string, string> = {
  "static-sufficient": "The file and the recipe tell what can be told: a longer probe would cost more than it says",
  "dynamic-critical": "A probe decides: it removes much of the error that the file alone leaves",
  "noise-dominant": "Noise decides: most of what is left differs between runs of the same recipe, and no probe removes it",
};

export function regimeView(map: PhaseMap): HTMLElement {
  return h("div", { id: "regime" }, phaseChart(map), h("p", { class: "note" }, MEANING[map.regime] ?? map.regime, ", at the predictor's price of a step"));
}
