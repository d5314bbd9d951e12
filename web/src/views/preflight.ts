// The ten-point preflight: each point with its evidence, status and the one next action.

import type { Point, Status } from "../advice.js";
import { h, replace, section } from "../dom.js";

const STATUS: Record<Status, [word: string, hue: string]> = {
  good: ["fine", "good"],
  watch: ["look at this", "watch"],
  bad: ["stop", "bad"],
  unknown: ["not known", "muted"],
};

export interface PreflightView {
  element: HTMLElement;
  show(points: Point[]): void;
}

export function preflightView(): PreflightView {
  const summary = h("span", {});
  const list = h("ol", { class: "preflight" });
  return {
    element: section("preflight", "Preflight", summary, list),
    show(points) {
      summary.textContent = `${points.filter((point) => point.status === "good").length} of ${points.length} points are fine`;
      replace(list, points.map(pointItem));
    },
  };
}

function pointItem(point: Point): HTMLElement {
  const [word, hue] = STATUS[point.status];
  return h("li", { class: hue },
    h("div", { class: "preflight-head" }, h("h3", {}, `${point.number}. ${point.title}`), h("span", { class: `status ${hue}` }, word)),
    point.evidence.map((evidence) => h("p", {}, evidence)),
    h("p", { class: "next" }, h("strong", {}, "Next "), point.action),
  );
}
