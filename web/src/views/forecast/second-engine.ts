// The predictor by a second engine: the same numbers, or how far apart.

import { asFailure } from "../../caller.js";
import { h, replace } from "../../dom.js";
import type { CrossCheck, Predictors } from "../../forecasting.js";
import { counted } from "../../numbers.js";

const TOLERANCE = 1e-9;

export function secondEngineView(predictors: Predictors): HTMLElement {
  const told = h("p", { class: "note", id: "cross-check-told", role: "status" });
  if (!predictors.isExact) {
    told.textContent = "No sum of trees and linear parts: the second engine (tract) runs it, and its reasons are sampled.";
    return told;
  }
  const button = h("button", { type: "button", class: "quiet no-print", id: "cross-check", onclick: () => void check() }, "Check with a second engine");

  async function check(): Promise<void> {
    const { held } = predictors;
    button.disabled = true;
    told.textContent = "The second engine is fetched and runs …";
    try {
      const found = await predictors.crossCheck();
      if (predictors.held === held) replace(told, verdict(found));
    } catch (thrown) {
      const failure = asFailure(thrown);
      replace(told, h("span", { class: "bad" }, failure.what), failure.todo ? ` ${failure.todo}` : "");
    }
    button.disabled = false;
  }

  return h("div", { class: "actions" }, button, told);
}

function verdict({ rows, models, largest_difference: apart }: CrossCheck): (Node | string)[] {
  const on = `on ${counted(rows, "drawn row")}${models > 1 ? ` of each of ${models} models in it` : ""}`;
  if (apart !== null && apart <= TOLERANCE) return [`The same to 1e-9 ${on} by the second engine (tract): at most ${apart.toExponential(1)} points apart`];
  return [h("span", { class: "bad" }, `The two engines are ${apart === null ? "not both able to answer" : `${apart.toExponential(1)} points apart`} ${on}: do not trust a forecast by this predictor`)];
}
