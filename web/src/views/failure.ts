// An error: what, where, what to do; copyable, details folded.

import { h } from "../dom.js";
import type { Failure } from "../protocol.js";

export function failureView(failure: Failure, onAgain: () => void): HTMLElement {
  const text = [failure.what, failure.where, failure.todo, failure.details].filter(Boolean).join("\n");
  const copy = h("button", { type: "button", onclick: () => {
    void navigator.clipboard.writeText(text).then(() => {
      copy.textContent = "Copied";
    }, () => {
      copy.textContent = "The browser refused to copy";
    });
  } }, "Copy the message");
  return h(
    "section",
    { class: "panel failure", id: "failure", role: "alert" },
    h("h1", {}, failure.what),
    failure.where ? h("p", {}, failure.where) : null,
    failure.todo ? h("p", { class: "todo" }, failure.todo) : null,
    failure.details ? h("details", {}, h("summary", {}, "Details"), h("pre", {}, failure.details)) : null,
    h("p", { class: "actions" }, h("button", { type: "button", class: "primary", onclick: onAgain }, "Choose another file"), copy),
  );
}
