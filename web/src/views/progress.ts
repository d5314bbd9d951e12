// While reading: how far, how fast, how long, what has been found so far, and the way out.

import { h, replace } from "../dom.js";
import { bytes, count, counted, elapsed, seconds } from "../numbers.js";
import type { Catalogue } from "../catalogue.js";
import type { Progress } from "../protocol.js";

export interface ProgressView {
  element: HTMLElement;
  update(progress: Progress, catalogue: Catalogue | null): void;
}

export function progressView(fileName: string, sizeBytes: number, onCancel: () => void): ProgressView {
  const bar = h("progress", { max: 1, value: 0, "aria-label": `Reading ${fileName}` });
  const stage = h("h1", {}, `Reading ${fileName}`);
  const figures = h("p", { class: "progress-figures" }, `0 of ${bytes(sizeBytes)}`);
  const found = h("ul", { class: "found-so-far" });
  const announcer = h("p", { class: "visually-hidden", role: "status" }, `Reading ${fileName}`);
  const started = performance.now();
  let lastAnnounced = started;
  const element = h(
    "section",
    { class: "panel progress-panel", id: "progress", "aria-label": "Progress" },
    h("div", { class: "panel-head" }, stage, h("button", { type: "button", id: "cancel", onclick: onCancel }, "Cancel")),
    bar,
    figures,
    h("h2", { class: "small" }, "Found so far"),
    found,
    announcer,
  );
  return {
    element,
    update(progress, catalogue) {
      const share = progress.totalBytes > 0 ? progress.bytes / progress.totalBytes : 1;
      bar.value = Math.min(1, share);
      stage.textContent = progress.stage === "summing up" ? "Summing up" : progress.stage === "evaluation file" ? "Reading the evaluation file" : `Reading ${fileName}`;
      const left = progress.stage === "summing up" ? elapsed(performance.now() - started) : `${seconds(progress.secondsLeft)} left`;
      figures.textContent = `${bytes(progress.bytes)} of ${bytes(progress.totalBytes)} · ${counted(progress.rows, "row")} · ${bytes(progress.bytesPerSecond)}/s · ${left}`;
      const titles = new Map(catalogue?.findings.map((entry) => [entry.code, entry.title]));
      const entries = Object.entries(progress.counts).sort((a, b) => b[1] - a[1]).slice(0, 8);
      replace(found, entries.length ? entries.map(([code, times]) => h("li", {}, h("span", { class: "number" }, count(times)), ` ${titles.get(code) ?? code}`)) : h("li", { class: "note" }, "nothing yet"));
      if (performance.now() - lastAnnounced > 5000) {
        lastAnnounced = performance.now();
        announcer.textContent = `${Math.round(share * 100)} percent read`;
      }
    },
  };
}
