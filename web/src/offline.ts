// Hands the page over to its service worker, once it is up: from then on it opens without a network.

import { scriptAddress } from "./trusted.js";

declare const SERVICE_WORKER: string;

export function keepOffline(): void {
  if (!("serviceWorker" in navigator)) return;
  const register = (): void => {
    navigator.serviceWorker.register(scriptAddress(SERVICE_WORKER), { scope: "./", updateViaCache: "none" }).catch(() => {
      // Private windows and plain http hosts refuse; the page works, just not offline.
    });
  };
  if (document.readyState === "complete") register();
  else addEventListener("load", register, { once: true });
}
