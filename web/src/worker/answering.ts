// A worker that answers questions one after another: the lazily loaded packages are asked through it.

import { fetchModule } from "./assets.js";
import { toFailure } from "./failure.js";
import type { Failure } from "../protocol.js";

export interface Question {
  request: number;
  call: string;
  input: unknown[];
}

export type Reply = { request: number; output: unknown } | { request: number; failure: Failure };

type Calls = Record<string, (...input: never[]) => unknown>;

/** `start` takes the compiled package of this name. */
export function answerWith(packageName: string, start: (module: WebAssembly.Module) => Promise<unknown>, calls: Calls): void {
  let turn: Promise<unknown> = fetchModule(packageName).then(start);
  // Who asks first is told what went wrong.
  turn.catch(() => undefined);
  const post = (reply: Reply): void => (self as unknown as DedicatedWorkerGlobalScope).postMessage(reply);
  self.onmessage = (event: MessageEvent<Question>) => {
    const { request, call, input } = event.data;
    const answered = turn.then(() => calls[call]?.(...(input as never[])));
    turn = answered.then(() => undefined, () => undefined);
    answered.then((output) => post({ request, output }), (thrown: unknown) => post({ request, failure: toFailure(thrown) }));
  };
}
