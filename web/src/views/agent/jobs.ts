// Screen 5: the agent's jobs side by side, one of them pinned as the baseline; optionally only what differs, in
// the order of any column.

import type { JobInfo, JobState } from "../../agent/wire.js";
import { h, replace, section, type Child } from "../../dom.js";
import { count, measure, MISSING, points, signed } from "../../numbers.js";

export interface JobsHandlers {
  onOpen(job: JobInfo): void;
  onPin(job: number | null): void;
}

export interface JobsView {
  element: HTMLElement;
  show(jobs: JobInfo[], pinned: number | null): void;
}

interface Column {
  title: string;
  isNumber?: boolean;
  /** What the column is sorted by; nothing goes last either way. */
  value(job: JobInfo): string | number | null | undefined;
  cell(job: JobInfo): Child;
  differs?(job: JobInfo): boolean;
}

const HUE: Record<JobState, string> = { queued: "muted", running: "watch", stopping: "watch", done: "good", failed: "bad", cancelled: "muted" };

export function jobsView(handlers: JobsHandlers): JobsView {
  let known: [JobInfo[], number | null] = [[], null];
  let sorted: { title: string; isDescending: boolean } | null = null;
  const only = h("input", { type: "checkbox", id: "only-differences", onchange: () => show(...known) });
  const place = h("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "Jobs of the agent" });
  const element = section("jobs", "Candidates", "every probe and run of the agent; the pinned one is what others are compared with",
    h("p", { class: "choose" }, only, h("label", { for: "only-differences" }, "show only what differs")), place);
  element.hidden = true;

  function columns(jobs: JobInfo[], baseline: JobInfo | undefined): Column[] {
    const against = (job: JobInfo): number | null => (baseline && baseline !== job && job.score !== null && baseline.score !== null ? job.score - baseline.score : null);
    return [
      { title: "Job", value: (job) => job.job, cell: (job) => h("button", { type: "button", class: "quiet", onclick: () => handlers.onOpen(job) }, `${job.job}. ${job.title || job.spec.kind}`) },
      { title: "State", value: (job) => job.state, cell: (job) => [h("span", { class: `status ${HUE[job.state]}` }, job.state), job.error ? h("p", { class: "note" }, job.error) : null] },
      { title: "Base model", value: (job) => job.spec.model, cell: (job) => job.spec.model ?? "" },
      ...recipeNames(jobs, only.checked).map((name): Column => ({
        title: name.replaceAll("_", " "), isNumber: true, value: (job) => recipeOf(job)[name] as string | number | undefined, cell: (job) => recipeCell(recipeOf(job)[name]),
        differs: (job) => baseline !== undefined && recipeOf(baseline)[name] !== recipeOf(job)[name],
      })),
      { title: "Steps", isNumber: true, value: (job) => job.done, cell: (job) => count(job.done) },
      { title: "Score", isNumber: true, value: (job) => job.score, cell: (job) => points(job.score) },
      { title: "Against the pinned", isNumber: true, value: against, cell: (job) => (against(job) === null ? MISSING : signed(against(job) as number)) },
    ];
  }

  function heading({ title, isNumber }: Column): HTMLElement {
    const order = sorted?.title !== title ? null : sorted.isDescending ? "descending" : "ascending";
    return h("th", { scope: "col", class: isNumber ? "number" : null, "aria-sort": order }, h("button", { type: "button", class: "quiet sort", "data-column": title, onclick: () => {
      // Numbers are looked at from the largest, words from the first.
      const first = isNumber === true;
      sorted = sorted?.title !== title ? { title, isDescending: first } : sorted.isDescending === first ? { title, isDescending: !first } : null;
      show(...known);
      [...place.querySelectorAll<HTMLElement>("th button.sort")].find((button) => button.dataset["column"] === title)?.focus();
    } }, title, order ? h("span", { "aria-hidden": "true" }, order === "descending" ? " ↓" : " ↑") : null));
  }

  function show(jobs: JobInfo[], pinned: number | null): void {
    known = [jobs, pinned];
    element.hidden = jobs.length === 0;
    const shown = columns(jobs, jobs.find((job) => job.job === pinned));
    const by = shown.find(({ title }) => title === sorted?.title);
    const rows = by ? [...jobs].sort((a, b) => compared(by.value(a), by.value(b), sorted?.isDescending === true)) : jobs;
    replace(place, h("table", {},
      h("thead", {}, h("tr", {}, shown.map(heading), h("th", { scope: "col" }, ""))),
      h("tbody", {}, rows.map((job) => h("tr", { class: job.job === pinned ? "pinned" : null },
        shown.map((column, index) => (index === 0 ? h("th", { scope: "row" }, column.cell(job)) : h("td", { class: [column.isNumber && "number", column.differs?.(job) && "differs"].filter(Boolean).join(" ") || null }, column.cell(job)))),
        h("td", {}, h("button", { type: "button", class: "quiet", "aria-pressed": String(job.job === pinned), onclick: () => handlers.onPin(job.job === pinned ? null : job.job) }, job.job === pinned ? "Unpin" : "Pin")))))));
  }
  return { element, show };
}

function compared(a: string | number | null | undefined, b: string | number | null | undefined, isDescending: boolean): number {
  const [hasA, hasB] = [a !== null && a !== undefined, b !== null && b !== undefined];
  if (!hasA || !hasB) return Number(hasB) - Number(hasA);
  const order = typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));
  return isDescending ? -order : order;
}

function recipeOf(job: JobInfo): Record<string, unknown> {
  return (job.spec.recipe ?? {}) as Record<string, unknown>;
}

function recipeNames(jobs: JobInfo[], onlyDifferences: boolean): string[] {
  const names = [...new Set(jobs.flatMap((job) => Object.keys(recipeOf(job))))].sort();
  return onlyDifferences ? names.filter((name) => new Set(jobs.map((job) => String(recipeOf(job)[name]))).size > 1) : names;
}

function recipeCell(value: unknown): string {
  return typeof value === "number" ? measure(value) : value === undefined ? "usual" : String(value);
}
