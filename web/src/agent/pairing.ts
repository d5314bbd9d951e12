// Which agent the page talks to, and the secret it was given: from a pairing link, kept in this browser.

export interface Pairing {
  /** As in `http://127.0.0.1:7878`. */
  address: string;
  token: string;
}

const KEY = "foretune-agent";
export const USUAL_ADDRESS = "http://127.0.0.1:7878";
const SECRET = /^[\w-]{6,200}$/;
const LOOPBACK = new Set(["127.0.0.1", "localhost", "[::1]"]);

/** A whole pairing link, or the secret alone. Only addresses of this computer are taken. */
export function readPairing(text: string, usual = USUAL_ADDRESS): Pairing | null {
  const trimmed = text.trim();
  if (SECRET.test(trimmed)) return { address: usual, token: trimmed };
  return URL.canParse(trimmed) ? pairingOf(new URL(trimmed)) : null;
}

/** Of an address such as `http://127.0.0.1:7878/#pair=…`, or `https://site/#pair=…&agent=127.0.0.1:7878`. */
export function pairingOf(url: URL): Pairing | null {
  const values = new URLSearchParams(url.hash.replace(/^#/, ""));
  const token = values.get("pair");
  const agent = values.get("agent");
  const address = agent ? `http://${agent}` : url.origin;
  if (!token || !SECRET.test(token) || !URL.canParse(address)) return null;
  const { protocol, hostname, origin } = new URL(address);
  return protocol === "http:" && LOOPBACK.has(hostname) ? { address: origin, token } : null;
}

/** This page came from an agent or another server of this computer: no permission is needed to reach it. */
export function isOnThisComputer(): boolean {
  return location.protocol === "http:" && LOOPBACK.has(location.hostname);
}

export function keptPairing(): Pairing | null {
  try {
    const kept = JSON.parse(localStorage.getItem(KEY) ?? "null") as Partial<Pairing> | null;
    return kept && typeof kept.address === "string" && typeof kept.token === "string" && LOOPBACK.has(new URL(kept.address).hostname) ? { address: kept.address, token: kept.token } : null;
  } catch {
    return null;
  }
}

export function keepPairing(pairing: Pairing | null): void {
  try {
    if (pairing) localStorage.setItem(KEY, JSON.stringify(pairing));
    else localStorage.removeItem(KEY);
  } catch {
    // Private windows keep nothing; the pairing lasts as long as the page.
  }
}
