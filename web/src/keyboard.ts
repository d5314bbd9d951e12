// The keys: / searches, j and k move, Enter opens, Esc closes, c copies the link, ? lists these.

export interface KeyHandlers {
  search(): void;
  move(step: 1 | -1): void;
  open(): void;
  close(): void;
  copyLink(): void;
  help(): void;
}

export const KEYS: readonly (readonly [string, string])[] = [
  ["/", "search the findings"],
  ["j", "next finding"],
  ["k", "previous finding"],
  ["Enter", "open the finding"],
  ["Esc", "close it, or leave the search"],
  ["c", "copy a link to this view (settings only, never data)"],
  ["?", "this list"],
];

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLInputElement ? !["checkbox", "radio", "file", "button"].includes(target.type) : target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement;
}

export function listenToKeys(handlers: KeyHandlers): void {
  window.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.key === "Escape") return handlers.close();
    if (isTyping(event.target)) return;
    switch (event.key) {
      case "/":
        event.preventDefault();
        return handlers.search();
      case "j":
        return handlers.move(1);
      case "k":
        return handlers.move(-1);
      case "Enter":
        // A focused control has its own Enter.
        if (event.target === document.body) handlers.open();
        return;
      case "c":
        return handlers.copyLink();
      case "?":
        return handlers.help();
    }
  });
}
