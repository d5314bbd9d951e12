// Keeps the page's own files, and nothing else, so that it opens offline. Names carry hashes of their
// content, so a kept file is never stale; only the page itself is asked for first.

declare const FILES: readonly string[];
/** Kept once they were used. */
declare const ON_DEMAND: readonly string[];
declare const VERSION: string;
declare const POLICY: string;

const worker = self as unknown as ServiceWorkerGlobalScope;
const CACHE = `foretune-${VERSION}`;
const base = new URL("./", worker.location.href);
const addressesOf = (names: readonly string[]): Set<string> => new Set(names.map((name) => new URL(name, base).href));
const addresses = addressesOf(FILES);
const onDemand = addressesOf(ON_DEMAND);

worker.addEventListener("install", (event) => {
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll([base.href, ...addresses])));
});

worker.addEventListener("activate", (event) => {
  event.waitUntil(
    caches.keys().then((names) => Promise.all(names.filter((name) => name.startsWith("foretune-") && name !== CACHE).map((name) => caches.delete(name))))
      .then(() => worker.clients.claim()),
  );
});

worker.addEventListener("fetch", (event) => {
  const address = event.request.url.split(/[?#]/)[0] ?? "";
  if (event.request.method !== "GET") return;
  if (address === base.href || address === `${base.href}index.html`) event.respondWith(newestPage(event.request));
  else if (addresses.has(address) || onDemand.has(address)) event.respondWith(kept(address, event.request));
});

async function newestPage(request: Request): Promise<Response> {
  try {
    const response = await fetch(request);
    if (response.ok) return response;
  } catch {
    // offline: the kept one
  }
  return (await caches.match(base.href, { cacheName: CACHE })) ?? Response.error();
}

/** Workers take their policy from their own response, and static hosts rarely send one: it is added here. */
async function kept(address: string, request: Request): Promise<Response> {
  const response = (await caches.match(address, { cacheName: CACHE })) ?? (await fetched(address, request));
  if (!response.ok || response.headers.has("content-security-policy")) return response;
  const headers = new Headers(response.headers);
  headers.set("content-security-policy", POLICY);
  return new Response(response.body, { status: response.status, headers });
}

async function fetched(address: string, request: Request): Promise<Response> {
  const response = await fetch(request);
  if (response.ok && onDemand.has(address)) await (await caches.open(CACHE)).put(address, response.clone());
  return response;
}
