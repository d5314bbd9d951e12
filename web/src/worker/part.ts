// One of the workers that check batches of rows. It keeps one partial result and hands it over at the end.

import init, { RowChecking } from "foretune-package";
import { toFailure } from "./failure.js";
import { unpack, type FromPart, type ToPart } from "./part-protocol.js";

const COUNTS_EVERY_MS = 200;

let checking: RowChecking | null = null;
let lastCountsMs = 0;
// Messages are handled one after another, also those that arrive while the package is being set up.
let turn: Promise<void> = Promise.resolve();

function post(message: FromPart, transfer: Transferable[] = []): void {
  (self as unknown as DedicatedWorkerGlobalScope).postMessage(message, transfer);
}

async function handle(message: ToPart): Promise<void> {
  switch (message.kind) {
    case "start":
      await init({ module_or_path: message.module });
      checking = new RowChecking(message.info, message.options, message.tokenizer, message.evaluation, message.reference);
      return;
    case "batch": {
      const { bytes, table, problems } = unpack(message);
      checking?.push(bytes, table, problems);
      const now = performance.now();
      const due = now - lastCountsMs > COUNTS_EVERY_MS;
      if (due) lastCountsMs = now;
      post({ kind: "taken", buffer: message.buffer, counts: due && checking ? checking.counts() : null }, [message.buffer]);
      return;
    }
    case "finish": {
      const partial = checking?.into_partial() ?? new Uint8Array();
      checking = null;
      post({ kind: "partial", partial }, [partial.buffer]);
      return;
    }
  }
}

self.onmessage = (event: MessageEvent<ToPart>) => {
  turn = turn.then(() => handle(event.data)).catch((thrown: unknown) => post({ kind: "failed", failure: toFailure(thrown) }));
};
