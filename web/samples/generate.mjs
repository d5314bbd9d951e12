// Writes the three samples of the page: node web/samples/generate.mjs
// Every sentence is ours. Names, addresses, numbers and passwords are invented; the card is the issuer's own
// test value. The flaws are those of real files, and stand in `flaws` of each sample.

import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { supportBot } from "./support-bot.mjs";
import { ticketLabels } from "./ticket-labels.mjs";
import { productCopy } from "./product-copy.mjs";

const here = dirname(fileURLToPath(import.meta.url));

/** Small deterministic generator (mulberry32), so that every run writes the same bytes. */
export function dice(seed) {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
  const pick = (list) => list[Math.floor(next() * list.length)];
  const between = (low, high) => low + Math.floor(next() * (high - low + 1));
  return { next, pick, between };
}

writeFileSync(join(here, "support-bot.jsonl"), supportBot(dice(11)));
writeFileSync(join(here, "ticket-labels.csv"), ticketLabels(dice(22)));
writeFileSync(join(here, "product-copy.jsonl"), productCopy(dice(33)));
