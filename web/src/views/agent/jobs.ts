// Screen 5: the agent's jobs side by side, one of them pinned as the baseline; optionally only what differs.

import type { JobInfo, JobState } from "../../agent/wire.js";
import { h, replace, section } from "../../dom.js";
import { count, measure, MISSING, points, signed } from "../../numbers.js";

export interface JobsHandlers {
  onOpen(job: JobInfo): void;
  onPin(job: number | null): void;
}

export interface JobsView {
  element: HTMLElement;
  show(jobs: JobInfo[], pinned: number | null): void;
}

const HUE: Record<JobState, string> = { queued: "muted", running: "watch", stopping: "watch", done: "good", failed: "bad", cancelled: "muted" };

export function jobsView(handlers: JobsHandlers): JobsView {
  let known: [JobInfo[], number | null] = [[], null];
  const only = h("input", { type: "checkbox", id: "only-differences", onchange: () => show(...known) });
  const place = h("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "Jobs of the agent" });
  const element = section("jobs", "Candidates", "every probe and run of the agent; the pinned one is what others are compared with",
    h("p", { class: "choose" }, only, h("label", { for: "only-differences" }, "show only what differs")), place);
  element.hidden = true;

  function show(jobs: JobInfo[], pinned: number | null): void {
    known = [jobs, pinned];
    element.hidden = jobs.length === 0;
    const baseline = jobs.find((job) => job.job === pinned);
    const names = columns(jobs, only.checked);
    replace(place, h("table", {},
      h("thead", {}, h("tr", {}, ["Job", "State", "Base model", ...names.map(label), "Steps", "Score", "Against the pinned", ""].map((name, index) => h("th", { scope: "col", class: index > 2 && index < names.length + 6 ? "number" : null }, name)))),
      h("tbody", {}, jobs.map((job) => h("tr", { class: job.job === pinned ? "pinned" : null },
        h("th", { scope: "row" }, h("button", { type: "button", class: "quiet", onclick: () => handlers.onOpen(job) }, `${job.job}. ${job.title || job.spec.kind}`)),
        h("td", {}, h("span", { class: `status ${HUE[job.state]}` }, job.state), job.error ? h("p", { class: "note" }, job.error) : null),
        h("td", {}, job.spec.model ?? ""),
        names.map((name) => h("td", { class: `number ${baseline && recipeOf(baseline)[name] !== recipeOf(job)[name] ? "differs" : ""}` }, cell(recipeOf(job)[name]))),
        h("td", { class: "number" }, count(job.done)),
        h("td", { class: "number" }, points(job.score)),
        h("td", { class: "number" }, baseline && baseline !== job && job.score !== null && baseline.score !== null ? signed(job.score - baseline.score) : MISSING),
        h("td", {}, h("button", { type: "button", class: "quiet", "aria-pressed": String(job.job === pinned), onclick: () => handlers.onPin(job.job === pinned ? null : job.job) }, job.job === pinned ? "Unpin" : "Pin")))))));
  }
  return { element, show };
}

function recipeOf(job: JobInfo): Record<string, unknown> {
  return (job.spec.recipe ?? {}) as Record<string, unknown>;
}

function columns(jobs: JobInfo[], onlyDifferences: boolean): string[] {
  const names = [...new Set(jobs.flatMap((job) => Object.keys(recipeOf(job))))].sort();
  return onlyDifferences ? names.filter((name) => new Set(jobs.map((job) => String(recipeOf(job)[name]))).size > 1) : names;
}

const label = (name: string): string => name.replaceAll("_", " ");

function cell(value: unknown): string {
  return typeof value === "number" ? measure(value) : value === undefined ? "usual" : String(value);
}
