// What can be taken away: the report as HTML and JSON, and a cleaned copy with chosen fixes.

import { asFailure } from "../caller.js";
import type { Catalogue } from "../catalogue.js";
import type { Cleaned } from "../check-client.js";
import { h, replace, section } from "../dom.js";
import { save } from "../downloads.js";
import { stem } from "../file-names.js";
import { FIXES, type ChangeCount, type ChangeList, type Fixes } from "../fixes.js";
import { bytes, count } from "../numbers.js";

export interface DownloadHandlers {
  /** `changes` is the JSON of a cleaned copy's changes, or null. */
  reportHtml(json: string, changes: string): Promise<string>;
  /** Not there for a file that could not be opened. */
  clean: ((fixes: Fixes) => Promise<Cleaned>) | null;
}

const ROWS_NAMED = 5;

/** `json` gives the text core wrote, saved byte for byte. */
export function downloadsView(fileName: string, json: () => string, catalogue: Catalogue, { reportHtml, clean }: DownloadHandlers): HTMLElement {
  let changes = "null";
  const note = h("p", { class: "note", role: "status" });
  const jsonButton = h("button", { type: "button", id: "save-json", onclick: () => save(new Blob([json()], { type: "application/json" }), `${stem(fileName)}.foretune.json`) }, "Report as JSON");
  const htmlButton = h("button", { type: "button", id: "save-html", onclick: () => {
    note.textContent = "";
    void reportHtml(json(), changes).then((html) => save(new Blob([html], { type: "text/html" }), `${stem(fileName)}.foretune.html`), (thrown: unknown) => {
      const failure = asFailure(thrown);
      note.textContent = `${failure.what}. ${failure.todo}.`;
    });
  } }, "Report as HTML");
  return section("take-away", "Take away", null,
    h("div", { class: "columns" },
      h("div", {}, h("h3", {}, "Report"), h("p", {}, "Everything on this page in one file, with a fingerprint of the data, the recipe and the version."), h("p", { class: "actions" }, htmlButton, jsonButton), note),
      clean && cleanedCopy(catalogue, async (fixes) => {
        const cleaned = await clean(fixes);
        ({ changes } = cleaned);
        return cleaned;
      }),
    ),
  );
}

function cleanedCopy(catalogue: Catalogue, clean: NonNullable<DownloadHandlers["clean"]>): HTMLElement {
  const boxes = FIXES.map(([name, label, chosen]) => ({ name, label, input: h("input", { type: "checkbox", id: `fix-${name}`, checked: chosen }) }));
  const result = h("div", { role: "status" });
  const button = h("button", { type: "button", class: "primary", id: "save-cleaned", onclick: () => {
    button.disabled = true;
    replace(result, h("p", { class: "note" }, "Writing the copy"));
    void clean(Object.fromEntries(boxes.map(({ name, input }) => [name, input.checked]))).then((cleaned) => {
      button.disabled = false;
      save(cleaned.blob, cleaned.name);
      replace(result, changesTable(cleaned, catalogue));
    });
  } }, "Save a cleaned copy");
  return h("div", {}, h("h3", {}, "Cleaned copy"),
    h("ul", { class: "fixes" }, boxes.map(({ name, label, input }) => h("li", {}, input, h("label", { for: `fix-${name}` }, label)))),
    h("p", { class: "actions" }, button), result);
}

function changesTable(cleaned: Cleaned, catalogue: Catalogue): HTMLElement {
  const list = JSON.parse(cleaned.changes) as ChangeList;
  const title = (code: string): string => catalogue.findings.find((entry) => entry.code === code)?.title ?? code;
  const lines = (what: string, counts: Record<string, ChangeCount>): HTMLElement[] => Object.entries(counts).map(([code, { rows, listed_rows: listed }]) =>
    h("tr", {}, h("th", { scope: "row" }, what), h("td", {}, title(code)), h("td", { class: "number" }, count(rows)), h("td", {}, `${listed.slice(0, ROWS_NAMED).map(count).join(", ")}${rows > ROWS_NAMED ? " and more" : ""}`)));
  const all = [...lines("left out", list.dropped), ...lines("changed", list.fixed)];
  return h("div", { class: "changes" },
    h("p", {}, `${cleaned.name}: ${count(list.rows_written)} of ${count(list.rows_read)} rows, ${bytes(cleaned.blob.size)}`),
    all.length ? h("table", {}, h("thead", {}, h("tr", {}, ["What", "Because of", "Rows", "Which"].map((name, index) => h("th", { scope: "col", class: index === 2 ? "number" : null }, name)))), h("tbody", {}, all)) : h("p", { class: "note" }, "Nothing had to be changed"),
  );
}
