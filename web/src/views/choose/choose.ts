// The screen for tables of models: what is asked, the answer in a line, and everything it rests on.

import { asFailure } from "../../caller.js";
import type { Answer, Offer, Wish } from "../../choosing.js";
import { h, replace } from "../../dom.js";
import { save } from "../../downloads.js";
import { stem } from "../../file-names.js";
import { answerSections, headline } from "./answers.js";
import { wishForm } from "./forms.js";

export interface ChooseHandlers {
  choose(wish: Wish): Promise<Answer>;
  onAnother(): void;
  /** The file is a dataset after all. */
  onDataset(): void;
}

export function chooseView(fileName: string, words: string, offer: Offer, handlers: ChooseHandlers): HTMLElement {
  const line = h("h1", { id: "choose-line", tabindex: -1, "aria-live": "polite" }, "Reading the table");
  const body = h("div", { id: "choose-answer" });
  let last = 0;
  const ask = async (): Promise<void> => {
    last += 1;
    const own = last;
    body.setAttribute("aria-busy", "true");
    try {
      const answer = await handlers.choose(form.value());
      if (own !== last) return;
      line.textContent = headline(answer);
      line.classList.remove("bad");
      replace(body, answerSections(answer), downloads(fileName, answer));
    } catch (thrown) {
      if (own !== last) return;
      const failure = asFailure(thrown);
      line.textContent = failure.what;
      line.classList.add("bad");
      replace(body, h("p", { class: "todo" }, failure.todo), failure.details ? h("details", {}, h("summary", {}, "Details"), h("pre", {}, failure.details)) : null);
    }
    body.removeAttribute("aria-busy");
  };
  const form = wishForm(offer, () => void ask());
  const element = h("div", { class: "report", id: "choose" },
    h("section", { class: "verdict", "aria-labelledby": "choose-line" },
      h("div", { class: "panel-head" }, h("p", { class: "file-name" }, `${fileName} · ${words}`),
        h("span", { class: "actions no-print" }, h("button", { type: "button", class: "quiet", onclick: handlers.onDataset }, "Check it as a dataset"), h("button", { type: "button", id: "another", onclick: handlers.onAnother }, "Choose another file"))),
      line, form.element),
    body);
  void ask();
  return element;
}

function downloads(fileName: string, answer: Answer): HTMLElement {
  return h("p", { class: "actions no-print" },
    h("button", { type: "button", id: "save-json", onclick: () => save(new Blob([JSON.stringify(answer.report, null, 2)], { type: "application/json" }), `${stem(fileName)}.choice.json`) }, "Save as JSON"),
    h("button", { type: "button", id: "save-svg", onclick: () => save(new Blob([answer.svg], { type: "image/svg+xml" }), `${stem(fileName)}.choice.svg`) }, "Save the picture"));
}
