// Turns whatever was thrown in a worker into an error that a person can act on.

import type { Failure } from "../protocol.js";

let lastPanic = "";

/** The package calls this when it panics, just before it stops for good. */
(globalThis as Record<string, unknown>)["foretunePanicked"] = (message: string): void => {
  lastPanic = message;
};

function isFailure(value: unknown): value is Failure {
  return typeof value === "object" && value !== null && "what" in value && "todo" in value;
}

/** `work`: what was being done, by the name of its command. */
export function toFailure(thrown: unknown, work: "check" | "probe" = "check"): Failure {
  if (isFailure(thrown)) return thrown;
  if (typeof thrown === "string") {
    // Errors of the package are the JSON of a Failure.
    try {
      const parsed: unknown = JSON.parse(thrown);
      if (isFailure(parsed)) return parsed;
    } catch {
      // not JSON: an unexpected text, shown below
    }
  }
  const text = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown);
  if (lastPanic || (thrown instanceof Error && thrown.name === "RuntimeError")) {
    const isMemory = /memory|allocation/i.test(lastPanic + text);
    return {
      what: isMemory ? `The browser's memory for this ${work} is used up` : `The ${work} stopped because of a fault of its own`,
      where: "",
      todo: isMemory ? `Do it with the command line: foretune ${work} FILE` : `The page is ready for another file; the command line may get further: foretune ${work} FILE`,
      details: lastPanic || text,
    };
  }
  return { what: `The ${work} could not be finished`, where: "", todo: "Try again; if it stays so, reload the page", details: text };
}
