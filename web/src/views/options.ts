// The options of a check: longest row, evaluation file, tokenizer, and which column means what.

import { h, replace } from "../dom.js";
import { bytes } from "../numbers.js";

export interface Choices {
  maxTokens: number | null;
  evaluation: File | null;
  tokenizer: File | null;
}

export interface OptionsView {
  element: HTMLElement;
  choices(): Choices;
  setMaxTokens(value: number | null): void;
  setEvaluation(file: File | null): void;
}

export function optionsView(onChange: () => void): OptionsView {
  let evaluation: File | null = null;
  let tokenizer: File | null = null;
  const maxTokens = h("input", { type: "number", id: "max-tokens", min: 1, max: 10_000_000, step: 1, inputmode: "numeric", placeholder: "no limit", onchange: onChange });
  const evaluationPicker = filePicker("evaluation-file", "Evaluation file", "drop it here or choose it: rows that stand in both files are reported", (file) => {
    evaluation = file;
    onChange();
  });
  const tokenizerPicker = filePicker("tokenizer-file", "tokenizer.json", "for exact token counts of your model; loads another 1.6 MB", (file) => {
    tokenizer = file;
    onChange();
  });
  const element = h("details", { class: "options no-print", id: "options" },
    h("summary", {}, "Options: longest row, evaluation file, tokenizer"),
    h("div", { class: "option-grid" },
      h("div", { class: "option" }, h("label", { for: "max-tokens" }, "Longest row, in tokens"), maxTokens, h("p", { class: "note" }, "longer rows are reported as cut off")),
      evaluationPicker.element,
      tokenizerPicker.element,
    ),
  );
  return {
    element,
    choices() {
      const value = Math.floor(Number(maxTokens.value));
      return { maxTokens: maxTokens.value && value > 0 ? value : null, evaluation, tokenizer };
    },
    setMaxTokens(value) {
      maxTokens.value = value === null ? "" : String(value);
    },
    setEvaluation(file) {
      evaluation = file;
      evaluationPicker.show(file);
    },
  };
}

function filePicker(id: string, title: string, note: string, onFile: (file: File | null) => void): { element: HTMLElement; show(file: File | null): void } {
  const chosen = h("span", { class: "chosen" });
  const input = h("input", { type: "file", id, class: "visually-hidden", tabindex: -1, "aria-hidden": "true", onchange: () => {
    const file = input.files?.[0] ?? null;
    input.value = "";
    if (file) take(file);
  } });
  const choose = h("button", { type: "button", "aria-describedby": `${id}-note`, onclick: () => input.click() }, `Choose ${title}`);
  const remove = h("button", { type: "button", class: "quiet", hidden: true, "aria-label": `Remove ${title}`, onclick: () => take(null) }, "Remove");
  const show = (file: File | null): void => {
    replace(chosen, file ? `${file.name} (${bytes(file.size)})` : "");
    remove.hidden = file === null;
  };
  const take = (file: File | null): void => {
    show(file);
    onFile(file);
  };
  return { element: h("div", { class: "option", id: `${id}-drop` }, h("p", { class: "label" }, title), h("p", { class: "choose" }, choose, chosen, remove), input, h("p", { class: "note", id: `${id}-note` }, note)), show };
}
