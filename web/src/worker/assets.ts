// What a worker fetches of the page's own files: packages and the reference model, by names with hashes.

import type { Failure } from "../protocol.js";

declare const ASSETS: Readonly<Record<string, string>>;

async function get(name: string): Promise<Response> {
  const address = ASSETS[name];
  const failure = (details: string): Failure => ({ what: "A part of this page could not be loaded", where: address ?? name, todo: "Reload the page; once it was loaded completely it also works offline", details });
  if (!address) throw failure("the page was built without it");
  let response: Response;
  try {
    response = await fetch(new URL(address, import.meta.url));
  } catch (error) {
    throw failure(String(error));
  }
  if (!response.ok) throw failure(`HTTP ${response.status}`);
  return response;
}

export async function fetchModule(name: string): Promise<WebAssembly.Module> {
  const response = await get(name);
  try {
    // Not compileStreaming: static hosts do not all send application/wasm.
    return await WebAssembly.compile(await response.arrayBuffer());
  } catch (error) {
    throw { what: "A part of this page arrived damaged", where: ASSETS[name] ?? name, todo: "Reload the page", details: String(error) } satisfies Failure;
  }
}

/** Empty where the page was built without it. */
export async function fetchBytes(name: string): Promise<Uint8Array<ArrayBuffer>> {
  if (!ASSETS[name]) return new Uint8Array();
  return new Uint8Array(await (await get(name)).arrayBuffer());
}
