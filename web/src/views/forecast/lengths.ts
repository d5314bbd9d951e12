// Whose tokens a forecast counts. A predictor has learnt from lengths in the tokens of its own model, and the check
// estimates them: for the bundled model they are counted anew, for any other the page says what they are.

import { bundledTokenizer } from "../../bundled-tokenizer.js";
import { asFailure } from "../../caller.js";
import { h } from "../../dom.js";
import type { Card } from "../../forecasting.js";
import { percent } from "../../numbers.js";
import type { Redescriber } from "../../redescriber.js";
import type { Report } from "../../report.js";

export interface LengthsView {
  element: HTMLElement;
  /** Ends when the lengths are as this predictor knows them, or are given up as estimates. */
  countFor(card: Card | null): Promise<void>;
  /** The file in tokens of the bundled model; null where the report that is shown has to do. */
  counted(): Report | null;
  /** What these were counted with. */
  tokenizer(): File | null;
}

/** `onAgain`: lengths that were given up are wanted after all. */
export function lengthsView(report: Report, file: Redescriber, onAgain: () => void): LengthsView {
  let counted: { report: Report; tokenizer: File } | null = null;
  let giveUp: () => void = () => undefined;
  let last = 0;
  const told = h("span", { role: "status" });
  const leave = h("button", { type: "button", class: "quiet no-print", id: "lengths-leave", hidden: true, onclick: () => giveUp() }, "Do not wait");
  const again = h("button", { type: "button", class: "quiet no-print", id: "lengths-again", hidden: true, onclick: onAgain }, "Count them");
  const element = h("p", { class: "note", id: "forecast-lengths" }, told, " ", leave, again);

  function say(words: string, offered: HTMLElement | null = null): void {
    told.textContent = words;
    element.hidden = words === "";
    leave.hidden = offered !== leave;
    again.hidden = offered !== again;
  }

  async function count(): Promise<void> {
    last += 1;
    const own = last;
    const working = "Counting tokens as the bundled model does";
    say(working, leave);
    const leaving = new Promise<null>((resolve) => {
      giveUp = () => {
        last += 1;
        resolve(null);
        file.stop();
      };
    });
    const counting = async (): Promise<typeof counted> => {
      const tokenizer = await bundledTokenizer();
      if (own !== last) return null;
      const described = await file.describe({}, tokenizer, (share) => say(`${working}: ${percent(share)}`, leave));
      return { report: described.report, tokenizer };
    };
    try {
      counted = await Promise.race([counting(), leaving]);
      if (counted) say("Lengths are counted in the bundled model's tokens, as the predictor learnt them");
      else say("Lengths are estimates; the predictor has learnt from the bundled model's tokens", again);
    } catch (thrown) {
      say(`Lengths are estimates: ${asFailure(thrown).what}`, again);
    }
  }

  return {
    element,
    async countFor(card) {
      if (card?.knows_bundled_model) {
        if (!counted) await count();
        return;
      }
      last += 1;
      counted = null;
      say(report.description.tokens_exact ? "" : "Lengths are estimates; a predictor learns from its model's tokens. The options of the check take that model's tokenizer.json");
    },
    counted: () => counted?.report ?? null,
    tokenizer: () => counted?.tokenizer ?? null,
  };
}
