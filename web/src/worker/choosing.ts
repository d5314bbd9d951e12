// Ranks models and checkpoints from tables; the whole table is small and travels as text.

import init, { choose, offer_of } from "foretune-choosing";
import { answerWith } from "./answering.js";

answerWith("choosing", (module) => init({ module_or_path: module }), {
  offer: (kind: string, text: string) => offer_of(kind, text),
  choose: (text: string, wish: string) => choose(text, wish),
});
