// Connecting: a pairing link or its secret, the browser's permission, and plain words when it is refused.

import { agentAt } from "../../agent/connection.js";
import { isOnThisComputer, readPairing, USUAL_ADDRESS, type Pairing } from "../../agent/pairing.js";
import { h, replace } from "../../dom.js";

export interface ConnectView {
  element: HTMLElement;
  /** A link that waits for the click that browsers want. */
  offer(link: string): void;
  /** The quiet line about the connection. */
  setStatus(hue: "good" | "watch" | "bad" | "muted", words: string): void;
}

export function connectView(onPairing: (pairing: Pairing) => void): ConnectView {
  const status = h("p", { class: "note", id: "agent-status", role: "status" }, "Not connected");
  const help = h("div", { id: "agent-help" });
  const input = h("input", { type: "text", id: "pairing", autocomplete: "off", spellcheck: "false", placeholder: `${USUAL_ADDRESS}/#pair=…` });
  const button = h("button", { type: "submit", class: "primary", id: "connect-agent" }, "Connect");
  const form = h("form", { class: "choose", onsubmit: (event: SubmitEvent) => {
    event.preventDefault();
    void connect();
  } }, h("label", { for: "pairing" }, "Pairing link"), input, button);

  async function connect(): Promise<void> {
    const pairing = readPairing(input.value, isOnThisComputer() ? location.origin : USUAL_ADDRESS);
    if (!pairing) {
      replace(help, h("p", { class: "bad" }, "This is no pairing link of this computer"), h("p", { class: "note" }, "It looks like ", h("code", {}, `${USUAL_ADDRESS}/#pair=…`), " and is printed by ", h("code", {}, "foretune serve --link")));
      return;
    }
    replace(help);
    status.textContent = `Asking ${pairing.address}; the browser may want your permission`;
    const found = await agentAt(pairing.address);
    if (found) return onPairing(pairing);
    status.textContent = "Not connected";
    const own = `${pairing.address}/#pair=${pairing.token}`;
    replace(help,
      h("p", { class: "bad" }, `This page could not reach an agent at ${pairing.address}`),
      h("ul", { class: "remarks" },
        h("li", {}, "Is it running? Start it with ", h("code", {}, "foretune serve")),
        h("li", {}, "Did the browser ask whether this page may reach this computer? Allow it in the settings of this site, then connect again"),
        h("li", {}, "Some browsers never allow it. The agent's own page needs no permission: ", h("a", { href: own, rel: "noreferrer" }, pairing.address))));
  }

  const element = h("details", { class: "options", id: "agent" }, h("summary", {}, "Connect the agent: short probes of your base model on this computer"),
      h("div", { class: "agent-body" }, h("p", {}, "Start ", h("code", {}, "foretune serve"), " in a terminal, and paste the pairing link that it prints. Rows go to the agent on this computer and nowhere else."), form, status, help));
  return {
    element,
    offer(link) {
      input.value = link;
      element.open = true;
      status.textContent = "Press Connect; the browser may then ask whether this page may reach this computer";
    },
    setStatus(hue, words) {
      replace(status, h("span", { class: `status ${hue}` }, words));
    },
  };
}
