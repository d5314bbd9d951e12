// Ranks models and checkpoints from tables, and reads logs of other training programs; the whole file is small.

import init, { choose, imported, offer_of } from "foretune-choosing";
import { answerWith } from "./answering.js";

answerWith("choosing", (module) => init({ module_or_path: module }), {
  offer: (kind: string, text: string) => offer_of(kind, text),
  choose: (text: string, wish: string) => choose(text, wish),
  imported: (name: string, bytes: Uint8Array) => imported(name, bytes),
});
