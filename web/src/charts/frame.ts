// The frame every chart shares: title, drawing at the width there is, the value read out on hover and
// focus, and the same numbers as a table. Drawn again when the width changes, so text never scales.

import { h, replace, svg, uniqueId, type Child } from "../dom.js";

export interface Mark {
  /** Left edge and width in pixels, the full height is sensitive. */
  x: number;
  width: number;
  /** Or top and height, for charts of rows. */
  y?: number;
  height?: number;
  says: string;
}

export interface Drawing {
  height: number;
  content: SVGElement[];
  marks: Mark[];
}

export interface ChartOptions {
  title: string;
  /** One sentence for those who cannot see the drawing. */
  summary: string;
  note?: Child;
  columns: string[];
  rows: (string | number)[][];
  draw(width: number): Drawing;
}

export interface LiveChart {
  element: HTMLElement;
  /** Drawn anew in the place there is; the layout does not move. */
  update(options: ChartOptions): void;
}

export function chart(options: ChartOptions): HTMLElement {
  return liveChart(options).element;
}

export function liveChart(first: ChartOptions): LiveChart {
  let options = first;
  const readout = h("p", { class: "readout" }, options.summary);
  const stage = h("div", { class: "stage" });
  const titleId = uniqueId("chart");
  const asTable = table(options);
  const figure = h(
    "figure",
    { class: "chart" },
    h("figcaption", {}, h("h3", { id: titleId }, options.title), options.note ? h("p", { class: "note" }, options.note) : null),
    stage,
    readout,
    asTable.element,
  );
  let drawnWidth = 0;
  const observer = new ResizeObserver((entries) => {
    const width = Math.floor(entries[0]?.contentRect.width ?? 0);
    if (width > 0 && width !== drawnWidth) {
      drawnWidth = width;
      replace(stage, picture(options, width, titleId, readout));
    }
  });
  observer.observe(stage);
  return {
    element: figure,
    update(newer) {
      options = newer;
      asTable.fill(newer);
      const focused = stage.contains(document.activeElement);
      if (readout.dataset["reading"] === undefined) readout.textContent = newer.summary;
      if (drawnWidth > 0) replace(stage, picture(options, drawnWidth, titleId, readout));
      if (focused) stage.querySelector("svg")?.focus({ preventScroll: true });
    },
  };
}

function picture(options: ChartOptions, width: number, titleId: string, readout: HTMLElement): SVGElement {
  const { height, content, marks } = options.draw(width);
  const cursor = svg("rect", { class: "cursor", visibility: "hidden" });
  const root = svg("svg", {
    width, height, viewBox: `0 0 ${width} ${height}`, tabindex: marks.length ? 0 : null,
    role: "slider", "aria-labelledby": titleId, "aria-valuemin": 0, "aria-valuemax": Math.max(0, marks.length - 1),
    "aria-valuenow": 0, "aria-valuetext": options.summary, "aria-readonly": "true",
  }, cursor, ...content);
  let active = -1;
  const show = (index: number): void => {
    const mark = marks[index];
    active = mark ? index : -1;
    cursor.setAttribute("visibility", mark ? "visible" : "hidden");
    readout.textContent = mark ? mark.says : options.summary;
    if (mark) readout.dataset["reading"] = "";
    else delete readout.dataset["reading"];
    root.setAttribute("aria-valuetext", mark ? mark.says : options.summary);
    if (!mark) return;
    root.setAttribute("aria-valuenow", String(index));
    cursor.setAttribute("x", String(mark.x));
    cursor.setAttribute("y", String(mark.y ?? 0));
    cursor.setAttribute("width", String(Math.max(1, mark.width)));
    cursor.setAttribute("height", String(mark.height ?? height));
  };
  root.addEventListener("pointermove", (event) => {
    const box = root.getBoundingClientRect();
    const x = event.clientX - box.left;
    const y = event.clientY - box.top;
    show(marks.findIndex((mark) => (mark.y === undefined ? x >= mark.x && x < mark.x + mark.width : y >= mark.y && y < mark.y + (mark.height ?? 0))));
  });
  root.addEventListener("pointerleave", () => show(-1));
  root.addEventListener("blur", () => show(-1));
  root.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    show(Math.min(marks.length - 1, Math.max(0, active + step)));
  });
  return root;
}

/** Filled when it is opened: a live chart would else build a table that nobody looks at many times a second. */
function table(options: ChartOptions): { element: HTMLElement; fill(options: ChartOptions): void } {
  let { rows } = options;
  const head = h("tr", {}, options.columns.map((name, index) => h("th", { scope: "col", class: index ? "number" : null }, name)));
  const body = h("tbody", {});
  const fill = (): void => replace(body, rows.map((row) => h("tr", {}, row.map((cell, index) => (index ? h("td", { class: "number" }, cell) : h("th", { scope: "row" }, cell))))));
  const element: HTMLDetailsElement = h(
    "details",
    { class: "as-table", ontoggle: () => {
      if (element.open) fill();
    } },
    h("summary", {}, "Show as table"),
    h("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": `${options.title}, as a table` }, h("table", {}, h("thead", {}, head), body)),
  );
  return {
    element,
    fill(newer) {
      rows = newer.rows;
      if (element.open) fill();
    },
  };
}
