// The forecast as a link: copied, shown as text, as a QR code on request, and as a card for chat and papers.

import { asFailure } from "../../caller.js";
import { pngOf } from "../../card-picture.js";
import { h, replace, svg } from "../../dom.js";
import { save } from "../../downloads.js";
import { stem } from "../../file-names.js";
import type { About, ForecastCard, Forecasted, ForecastRequest, Predictors } from "../../forecasting.js";
import { counted } from "../../numbers.js";

export interface Shared {
  request: ForecastRequest;
  about: About;
  /** What is shown, to be saved. */
  forecasted: Forecasted | null;
}

export interface ShareView {
  element: HTMLElement;
  /** What was shown is of an older forecast. */
  changed(): void;
}

const QUIET_MODULES = 4;

/** What comes of a click, or why nothing does. */
async function told(shown: HTMLElement, show: () => Promise<void>): Promise<void> {
  try {
    await show();
  } catch (thrown) {
    const failure = asFailure(thrown);
    replace(shown, h("p", { class: "bad" }, failure.what), h("p", { class: "note" }, failure.todo));
  }
}

/** A forecast kept as a card; `make` is given the address that the card's link leads to, before its `#`. */
export function cardButtons(shown: HTMLElement, make: (page: string) => Promise<{ card: ForecastCard; name: string | null }>): HTMLElement[] {
  const button = (id: string, label: string, type: string, fileOf: (card: ForecastCard) => Promise<Blob> | Blob): HTMLElement => h("button", { type: "button", id, onclick: () => void told(shown, async () => {
    const { card, name } = await make(location.href.split("#")[0] ?? "");
    save(await fileOf(card), `${stem(name ?? "")}.forecast.${type}`);
    replace(shown, h("p", { class: "note" }, `Saved as ${type.toUpperCase()}: ${card.words}`));
  }) }, label);
  return [
    button("save-card-png", "Card as PNG", "png", ({ drawing }) => pngOf(drawing)),
    button("save-card-html", "Card as HTML", "html", ({ html }) => new Blob([html], { type: "text/html" })),
    button("save-card-svg", "Card as SVG", "svg", ({ svg: drawn }) => new Blob([drawn], { type: "image/svg+xml" })),
  ];
}

export function shareView(predictors: Predictors, content: () => Shared): ShareView {
  const shown = h("div", { class: "shared", role: "status" });
  const name = h("input", { type: "checkbox", id: "link-name", checked: true });
  const named = (about: About): About => (name.checked ? about : { ...about, name: null });
  const address = async (): Promise<string> => {
    const { request, about } = content();
    const link = await predictors.makeLink(request, named(about));
    return location.href.split("#")[0] + link;
  };
  const copy = h("button", { type: "button", class: "primary", id: "copy-link", onclick: () => void told(shown, async () => {
    const text = await address();
    const field = h("input", { type: "text", id: "link-text", readonly: true, value: text, "aria-label": "The link", onfocus: () => field.select() });
    let words = `Copied: ${counted(text.length, "character")}, features and recipe, no row of the data`;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      words = "The browser refused to copy; the link stands here";
    }
    replace(shown, h("p", { class: "note" }, words), field);
  }) }, "Copy the link");
  const code = h("button", { type: "button", id: "show-qr", onclick: () => void told(shown, async () => {
    const { path, modules } = await predictors.qrCode(await address());
    const side = modules + 2 * QUIET_MODULES;
    replace(shown, svg("svg", { class: "qr", viewBox: `${-QUIET_MODULES} ${-QUIET_MODULES} ${side} ${side}`, role: "img", "aria-label": "The link as a QR code" },
      svg("rect", { class: "qr-light", x: -QUIET_MODULES, y: -QUIET_MODULES, width: side, height: side }), svg("path", { class: "qr-dark", d: path })));
  }) }, "Show a QR code");
  const keep = h("button", { type: "button", id: "save-forecast", onclick: () => {
    const { forecasted, about } = content();
    if (forecasted) save(new Blob([JSON.stringify(forecasted, null, 2)], { type: "application/json" }), `${stem(about.name ?? "")}.forecast.json`);
  } }, "Save as JSON");
  const cards = cardButtons(shown, async (page) => {
    const { request, about } = content();
    return { card: await predictors.card(request, named(about), page), name: named(about).name };
  });
  return {
    element: h("div", { class: "share" }, h("p", { class: "actions" }, copy, code, cards, keep, h("span", { class: "choose" }, name, h("label", { for: "link-name" }, "with the file's name"))), shown),
    changed: () => replace(shown),
  };
}
