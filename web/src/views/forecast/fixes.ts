// What-if on the data: a switch for each fix that would change something. The file is really cleaned and described
// anew, and the forecast is that of the cleaned file.

import { asFailure } from "../../caller.js";
import { h, replace } from "../../dom.js";
import { FIXES, type Fixes } from "../../fixes.js";
import { count, counted, listed, percent, points, signed } from "../../numbers.js";
import type { Described, Redescriber } from "../../redescriber.js";
import type { Report } from "../../report.js";

export interface FixesView {
  element: HTMLElement;
  /** The file as it is once the chosen fixes were made; null where none is chosen. */
  described(): Described | null;
  /** The forecasts of both, as before any probe. */
  compare(fixed: number, before: number): void;
}

/** Found in rows, and mended by nobody but who knows which row is right. */
const UNDECIDED: readonly (readonly [code: string, words: string])[] = [["near_duplicate", "near copies"], ["conflicting_answers", "contradicting answers"]];

/** `codes`: the findings that each fix mends. `tokenizer`: what the forecast counts with, where the check does not. */
export function fixesView(report: Report, codes: Readonly<Record<string, string[]>>, file: Redescriber, tokenizer: File | null, onChange: () => void): FixesView {
  let described: Described | null = null;
  let last = 0;
  const told = h("p", { class: "note", id: "fixes-told", role: "status" });
  const cancel = h("button", { type: "button", class: "quiet", id: "fixes-cancel", hidden: true, onclick: () => undo() }, "Cancel");
  const rowsOf = (name: string): number => report.groups.filter(({ code }) => codes[name]?.includes(code)).reduce((sum, group) => sum + group.rows, 0);
  const switches = FIXES.map(([name, label]) => ({ name, label, rows: rowsOf(name) })).filter(({ rows }) => rows > 0)
    .map((fix) => ({ ...fix, input: h("input", { type: "checkbox", role: "switch", id: `what-if-${fix.name}`, onchange: () => void describe() }) }));
  const left = UNDECIDED.filter(([code]) => report.counts[code]).map(([, words]) => words);

  function undo(): void {
    last += 1;
    file.stop();
    for (const { input } of switches) input.checked = false;
    settle(null, "Cancelled");
  }

  function settle(now: Described | null, words: string): void {
    const changed = now !== described;
    described = now;
    cancel.hidden = true;
    told.textContent = words;
    if (changed) onChange();
  }

  async function describe(): Promise<void> {
    last += 1;
    const own = last;
    const fixes: Fixes = Object.fromEntries(switches.map(({ name, input }) => [name, input.checked]));
    if (!Object.values(fixes).some(Boolean)) {
      file.stop();
      return settle(null, "");
    }
    told.textContent = "Writing the cleaned rows";
    cancel.hidden = false;
    try {
      const now = await file.describe(fixes, tokenizer, (share) => {
        if (own === last) told.textContent = `Describing the cleaned rows: ${percent(share)}`;
      });
      if (own === last) settle(now, "");
    } catch (thrown) {
      if (own !== last) return;
      const failure = asFailure(thrown);
      settle(null, "");
      replace(told, h("span", { class: "bad" }, failure.what), failure.todo ? ` ${failure.todo}` : "");
    }
  }

  const element = h("fieldset", { class: "boxes no-print", id: "forecast-fixes", hidden: switches.length === 0 && left.length === 0 },
    h("legend", {}, "What if the data were mended"),
    h("ul", {}, switches.map(({ label, rows, input }) => h("li", {}, input, h("label", { for: input.id }, label, h("span", { class: "note" }, ` (${counted(rows, "row")})`))))),
    left.length > 0 && h("p", { class: "note" }, `No switch mends ${listed(left)}: which of those rows is right is yours to say`),
    h("div", { class: "choose" }, told, cancel));
  return {
    element,
    described: () => described,
    compare(fixed, before) {
      if (!described?.changes) return;
      const { changes, report: now } = described;
      told.textContent = `With these fixes ${count(changes.rows_written)} of ${counted(changes.rows_read, "row")} stay, ${count(changes.rows_changed)} of them changed, ${count(now.rows_valid)} usable: ${points(fixed)} points, ${signed(fixed - before)} against ${points(before)} without them, both before any probe`;
    },
  };
}
