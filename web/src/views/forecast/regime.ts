// Whether a probe of this candidate is worth anything: its place on the phase diagram, and what that means.

import { phaseChart } from "../../charts/phase.js";
import { h } from "../../dom.js";
import type { PhaseMap } from "../../forecasting.js";

const MEANING: Record<string, string> = {
  "static-sufficient": "The file and the recipe tell what can be told: a longer probe would cost more than it says",
  "dynamic-critical": "A probe decides: it removes much of the error that the file alone leaves",
  "noise-dominant": "Noise decides: most of what is left differs between runs of the same recipe, and no probe removes it",
};

const WITHOUT_CLEAN_ROWS = "Of a probe that reads no evaluation rows: it learns from the file alone, with the errors that are in it. What such rows would change stands under What would narrow it";

export function regimeView(map: PhaseMap): HTMLElement {
  const note = map.reads_clean_rows ? `${MEANING[map.regime] ?? map.regime}, at the predictor's price of a step` : WITHOUT_CLEAN_ROWS;
  return h("div", { id: "regime" }, phaseChart(map), h("p", { class: "note" }, note));
}
