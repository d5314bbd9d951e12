// Which rows a probe is read on: those of an evaluation file, clean rows of the file itself set aside, or none; and
// what that costs in certainty.

import { h, replace } from "../../dom.js";
import type { Certainty } from "../../forecasting.js";
import { count, counted, percent, points } from "../../numbers.js";
import type { ProbeContent } from "./probe.js";

/** As core's wish has it. */
export interface SetAside {
  rows: number;
  seed: number;
}

export interface EvaluationChoice {
  element: HTMLElement;
  /** Null where there is an evaluation file, or no rows are wanted. */
  setAside(): SetAside | null;
  /** Another predictor is held, or other readings are known. */
  refresh(): void;
}

/** Recorded with each probe, so that the same rows can be set aside again. */
const SEED = 0;
/** Fewer are refused by core. */
const FEWEST = 10;

/** `id` tells the two kinds of probe apart; `where`: whose readings count for a forecast. */
export function evaluationChoice(id: string, content: ProbeContent, where = ""): EvaluationChoice {
  const file = content.evaluation();
  const told = h("p", { class: "note", id: `${id}-certainty`, role: "status" });
  const wish = h("input", { type: "checkbox", id: `${id}-aside`, onchange: () => refresh() });
  const rows = h("input", { type: "number", id: `${id}-aside-rows`, class: "narrow", min: FEWEST, step: 1, inputmode: "numeric", "aria-label": "Rows to set aside", onchange: () => refresh() });
  const kind = h("p", { class: "note" });
  let last = 0;

  const setAside = (): SetAside | null => (!file && wish.checked ? { rows: Math.max(1, Math.round(Number(rows.value)) || FEWEST), seed: SEED } : null);

  function refresh(): void {
    last += 1;
    const own = last;
    const has = file !== null || wish.checked;
    if (!file) {
      replace(kind, wish.checked
        ? [`Drawn by the seed ${SEED}, which is recorded with the probe, from rows without a finding, without a copy or near copy, and without another answer to their prompt. They are not trained on. For the full run, the command line writes both parts: `, h("code", {}, "foretune probe FILE --model MODEL --set-aside N --set-aside-to FOLDER")]
        : "Without evaluation rows a probe tells little more than step 0 does: the forecast stays wide");
    }
    void content.certainty().then((certainty) => {
      if (own === last) told.textContent = certaintyWords(certainty, has, where);
    }, () => undefined);
  }

  if (!file) {
    void content.usualAside().then((usual) => {
      rows.value ||= String(usual);
      if (usual >= FEWEST) return;
      wish.disabled = rows.disabled = true;
      wish.checked = false;
      kind.textContent = `Too few rows to set any aside: ${counted(content.rowsValid, "row")}`;
    }, () => undefined);
  }
  refresh();
  const element = file
    ? h("div", { class: "evaluation" }, h("p", { class: "note" }, `Evaluation rows: ${file.name}`), told)
    : h("div", { class: "evaluation" }, h("p", { class: "choose" }, h("span", { class: "wish" }, wish, h("label", { for: wish.id }, "Set clean rows of this file aside as evaluation rows:")), rows, h("span", { class: "note" }, `of ${count(content.rowsValid)}`)),
      kind, told, h("p", { class: "note" }, "An evaluation file of your own (see the options) is better still: rows of one file share its errors"));
  return { element, setAside, refresh };
}

function certaintyWords(certainty: Certainty | null | undefined, has: boolean, where: string): string {
  if (certainty === undefined) return "How much wider the forecast is without them, a predictor tells: none is at hand";
  if (certainty === null) return "How much wider the forecast is without them, the predictor at hand does not tell";
  const about = (side: Certainty["with"]): string => `${side.measured ? "" : "about "}±${points(side.points)} points`;
  const at = `${where || "At"} step ${count(certainty.step)} of the probe ${percent(certainty.coverage)} of runs end within`;
  const basis = certainty.with.measured ? "by the readings of this probe" : "expected, from what such probes removed in the mean";
  return has
    ? `${at} ${about(certainty.with)} of the forecast; without evaluation rows within ${about(certainty.without)} (${basis})`
    : `${at} ${about(certainty.without)} of the forecast; with evaluation rows within ${about(certainty.with)} (${basis})`;
}
