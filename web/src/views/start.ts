// Screen 1: one drop target, one promise, three samples.

import { h } from "../dom.js";
import { SAMPLES } from "../samples.js";

export interface StartHandlers {
  onFiles(files: File[]): void;
  onSample(name: string): void;
}

export function startView(handlers: StartHandlers): HTMLElement {
  return h(
    "div",
    { class: "start" },
    dropTarget(handlers.onFiles),
    h(
      "div",
      { class: "samples" },
      h("h2", { class: "visually-hidden" }, "Samples"),
      h("ul", { class: "sample-list" }, SAMPLES.map((sample) =>
        h("li", {}, h("button", { type: "button", class: "sample", onclick: () => handlers.onSample(sample.name) },
          h("strong", {}, sample.title), h("span", {}, sample.says))),
      )),
    ),
    h("p", { class: "note centered" }, "Or in a terminal: ", h("code", {}, "foretune check FILE")),
  );
}

/** Also takes drops anywhere else on the page; see `dropAnywhere`. */
function dropTarget(onFiles: (files: File[]) => void): HTMLElement {
  const input = h("input", {
    type: "file", id: "file-input", class: "visually-hidden", tabindex: -1, "aria-hidden": "true",
    onchange: () => {
      const files = [...(input.files ?? [])];
      input.value = "";
      if (files.length) onFiles(files);
    },
  });
  return h(
    "div",
    { class: "drop-target", id: "drop-target", onclick: (event: MouseEvent) => {
      if (!(event.target instanceof HTMLButtonElement) && event.target !== input) input.click();
    } },
    h("h1", {}, "Drop your training file"),
    h("p", { class: "promise" }, "Nothing leaves this computer"),
    h("button", { type: "button", class: "primary", id: "choose-file", onclick: () => input.click() }, "Choose a file"),
    h("p", { class: "note" }, "JSON, JSON Lines, CSV, Parquet or Arrow, also .gz and .zst"),
    h("p", { class: "note" }, "Also a table of models to choose among, a predictor, or the log of a run"),
    input,
  );
}

/** The whole window takes files; a class on the body shows it. */
export function dropAnywhere(onFiles: (files: File[], target: EventTarget | null) => void): void {
  let depth = 0;
  const over = (inside: boolean): void => {
    document.body.classList.toggle("dragging", inside);
  };
  const carriesFiles = (event: DragEvent): boolean => event.dataTransfer?.types.includes("Files") ?? false;
  window.addEventListener("dragenter", (event) => {
    if (!carriesFiles(event)) return;
    depth += 1;
    over(true);
  });
  window.addEventListener("dragleave", () => {
    depth = Math.max(0, depth - 1);
    if (depth === 0) over(false);
  });
  window.addEventListener("dragover", (event) => {
    if (carriesFiles(event)) event.preventDefault();
  });
  window.addEventListener("drop", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    depth = 0;
    over(false);
    onFiles([...(event.dataTransfer?.files ?? [])], event.target);
  });
}
