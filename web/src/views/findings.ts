// Findings grouped by code, worst first. A group opens to what it means, the fix, what each trainer would
// do, and its rows with the offending part marked.

import type { Catalogue, FindingEntry, Severity } from "../catalogue.js";
import { h, replace, section } from "../dom.js";
import { count, counted } from "../numbers.js";
import type { RowExcerpt, RowRequest } from "../protocol.js";
import type { Finding, GroupSummary, Report } from "../report.js";

export const SEVERITY_WORD: Record<Severity, string> = { error: "Error", warning: "Warning", note: "Note" };
const ORDER: Severity[] = ["error", "warning", "note"];
const ROWS_AT_A_TIME = 10;

export interface FindingsHandlers {
  rows(wanted: RowRequest[]): Promise<RowExcerpt[]>;
  onOpen(code: string | null): void;
}

export interface FindingsView {
  element: HTMLElement;
  search(): void;
  move(step: 1 | -1): void;
  openCurrent(): void;
  /** True if there was something to close. */
  close(): boolean;
  open(code: string): void;
}

interface Group {
  entry: FindingEntry;
  summary: GroupSummary;
  listed: Finding[];
}

interface Row {
  group: Group;
  element: HTMLElement;
  button: HTMLButtonElement;
  body: HTMLElement;
  text: string;
}

function grouped(report: Report, catalogue: Catalogue): Group[] {
  const entries = new Map(catalogue.findings.map((entry) => [entry.code, entry]));
  return report.groups.flatMap((summary) => {
    const entry = entries.get(summary.code);
    return entry ? [{ entry, summary, listed: report.findings.filter((finding) => finding.code === summary.code) }] : [];
  });
}

export function findingsView(report: Report, catalogue: Catalogue, handlers: FindingsHandlers): FindingsView {
  const groups = grouped(report, catalogue);
  const rows = groups.map((group) => groupRow(group, catalogue, handlers, (open) => toggled(open)));
  const list = h("ul", { class: "findings" }, rows.map((row) => row.element));
  const nothing = h("p", { class: "note", hidden: true }, "No finding matches");
  const search = h("input", { type: "search", id: "finding-search", placeholder: "Search (press /)", "aria-label": "Search the findings", autocomplete: "off", spellcheck: "false", oninput: () => filter() });
  const perSeverity = ORDER.map((severity) => [severity, groups.filter((group) => group.entry.severity === severity).reduce((sum, group) => sum + group.summary.count, 0)] as const).filter(([, total]) => total > 0);
  let current = -1;

  const shown = (): Row[] => rows.filter((row) => !row.element.hidden);
  function filter(): void {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of rows) row.element.hidden = !words.every((word) => row.text.includes(word));
    nothing.hidden = shown().length > 0;
  }
  function toggled(open: Row): void {
    current = shown().indexOf(open);
    handlers.onOpen(open.body.hidden ? null : open.group.entry.code);
  }

  const note = perSeverity.length ? perSeverity.map(([severity, total]) => counted(total, severity)).join(" · ") : null;
  const element = section("findings", "Findings", note,
    groups.length ? h("div", { class: "search-line no-print" }, search) : null,
    groups.length ? list : h("p", {}, "Nothing found: no rule has anything to say about this file."),
    nothing,
  );
  return {
    element,
    search: () => search.focus(),
    move(step) {
      const visible = shown();
      const focused = visible.findIndex((row) => row.element.contains(document.activeElement));
      const from = focused >= 0 ? focused : current;
      current = Math.min(visible.length - 1, Math.max(0, from + step));
      const row = visible[current];
      row?.button.focus();
      row?.element.scrollIntoView({ block: "nearest" });
    },
    openCurrent: () => shown()[Math.max(0, current)]?.button.click(),
    close() {
      if (document.activeElement === search) {
        search.value = "";
        filter();
        search.blur();
        return true;
      }
      const open = rows.find((row) => row.element.contains(document.activeElement) && !row.body.hidden) ?? rows.find((row) => !row.body.hidden);
      if (!open) return false;
      open.button.click();
      open.button.focus();
      return true;
    },
    open(code) {
      const row = rows.find((candidate) => candidate.group.entry.code === code);
      if (row?.body.hidden) row.button.click();
      row?.element.scrollIntoView({ block: "start" });
    },
  };
}

function groupRow(group: Group, catalogue: Catalogue, handlers: FindingsHandlers, onToggle: (row: Row) => void): Row {
  const { entry, summary } = group;
  const bodyId = `finding-${entry.code}`;
  const stopping = catalogue.trainers.filter((_, index) => entry.trainers[index]?.stops_the_file).map((trainer) => trainer.title);
  const button = h("button", { type: "button", class: "finding-head", "aria-expanded": "false", "aria-controls": bodyId },
    h("span", { class: `severity ${entry.severity}` }, SEVERITY_WORD[entry.severity]),
    h("span", { class: "finding-title" }, entry.title),
    h("span", { class: "finding-total" }, count(summary.count)),
    stopping.length ? h("span", { class: "finding-who" }, `stops ${stopping.join(", ")}`) : h("span", { class: "finding-who" }),
  );
  const body = h("div", { class: "finding-body", id: bodyId, hidden: true });
  const element = h("li", { class: "finding" }, h("h3", {}, button), body);
  const row: Row = { group, element, button, body, text: [entry.code, entry.title, entry.severity, ...group.listed.map((finding) => `row ${finding.row} ${finding.path} ${finding.found}`)].join(" ").toLowerCase() };
  let filled = false;
  button.addEventListener("click", () => {
    body.hidden = !body.hidden;
    button.setAttribute("aria-expanded", String(!body.hidden));
    if (!body.hidden && !filled) {
      filled = true;
      replace(body, explanation(group, catalogue), rowList(group, handlers));
    }
    onToggle(row);
  });
  return row;
}

function explanation({ entry }: Group, catalogue: Catalogue): HTMLElement {
  const outcomes = catalogue.trainers.map((trainer, index) => {
    const treatment = entry.trainers[index];
    return h("tr", {}, h("th", { scope: "row" }, trainer.title), h("td", { class: treatment?.stops_the_file ? "bad" : treatment?.rejects_row ? "watch" : null }, treatment?.outcome_words ?? "not known"), h("td", { class: "note" }, treatment?.provenance_words ?? ""));
  });
  return h("div", { class: "explanation" },
    h("div", {}, h("p", {}, entry.meaning), h("p", { class: "fix" }, h("strong", {}, "Fix "), entry.fix)),
    h("table", { class: "outcomes" }, h("caption", { class: "visually-hidden" }, "What each trainer does"), h("thead", { class: "visually-hidden" }, h("tr", {}, h("th", { scope: "col" }, "Trainer"), h("th", { scope: "col" }, "What it does"), h("th", { scope: "col" }, "How this is known"))), h("tbody", {}, outcomes)),
  );
}

function rowList(group: Group, handlers: FindingsHandlers): HTMLElement {
  const items = h("ol", { class: "finding-rows" });
  const more = h("button", { type: "button" });
  let next = 0;
  const { unlisted } = group.summary;
  const rest = h("p", { class: "note" }, unlisted > 0 ? `and ${count(unlisted)} more, counted but not listed` : "");
  const showMore = (): void => {
    const page = group.listed.slice(next, next + ROWS_AT_A_TIME);
    const elements = page.map((finding) => findingItem(finding));
    items.append(...elements.map((element) => element.item));
    next += page.length;
    more.hidden = next >= group.listed.length;
    more.textContent = `Show ${Math.min(ROWS_AT_A_TIME, group.listed.length - next)} more`;
    rest.hidden = !more.hidden || unlisted <= 0;
    const wanted = page.flatMap((finding) => (finding.row !== null && finding.byte_offset !== null ? [{ row: finding.row, byteOffset: finding.byte_offset, path: finding.path, found: finding.found }] : []));
    if (wanted.length) {
      void handlers.rows(wanted).then((excerpts) => {
        let at = 0;
        page.forEach((finding, index) => {
          if (finding.row === null || finding.byte_offset === null) return;
          const excerpt = excerpts[at];
          at += 1;
          if (excerpt) elements[index]?.showText(excerpt);
        });
      });
    }
  };
  more.addEventListener("click", showMore);
  showMore();
  return h("div", {}, items, more, rest);
}

function findingItem(finding: Finding): { item: HTMLElement; showText(excerpt: RowExcerpt): void } {
  const place = finding.row === null ? "whole file" : finding.line ? `row ${count(finding.row)}, line ${count(finding.line)}` : `row ${count(finding.row)}`;
  const text = h("pre", { class: "row-text", hidden: true, tabindex: 0, role: "group", "aria-label": `Text of ${place}` });
  const item = h("li", {},
    h("p", { class: "finding-place" }, h("span", { title: finding.byte_offset === null ? null : `byte ${count(finding.byte_offset)}` }, place), finding.path ? h("code", {}, finding.path) : null),
    h("p", { class: "found" }, finding.found ? ["found ", h("q", {}, finding.found)] : null, finding.expected ? [finding.found ? ", expected " : "expected ", finding.expected] : null),
    text,
  );
  return {
    item,
    showText(excerpt) {
      if (!excerpt.before && !excerpt.marked && !excerpt.after) return;
      replace(text, excerpt.before, excerpt.marked ? h("mark", {}, excerpt.marked) : null, excerpt.after);
      text.hidden = false;
    },
  };
}
