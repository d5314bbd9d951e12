// The tokenizer of the model that comes with this page.

import type { Failure } from "./protocol.js";

/** Its address; empty where the page was built without it. */
declare const BUNDLED_TOKENIZER: string;

export async function bundledTokenizer(): Promise<File> {
  const failure = (details: string): Failure => ({ what: "The bundled model's tokenizer could not be loaded", where: BUNDLED_TOKENIZER, todo: "Reload the page", details });
  if (!BUNDLED_TOKENIZER) throw failure("the page was built without it");
  let response: Response;
  try {
    response = await fetch(new URL(BUNDLED_TOKENIZER, import.meta.url));
  } catch (error) {
    throw failure(String(error));
  }
  if (!response.ok) throw failure(`HTTP ${response.status}`);
  return new File([await response.blob()], "tokenizer.json");
}
