// What is known of a job from its events. Events carry numbers: one that was seen already changes nothing, so
// a replay after a broken connection is harmless.

import type { JobEvent, ReadingRecord, StepRecord } from "./wire.js";

export interface Course {
  job: number;
  seq: number;
  start: Record<string, unknown> | null;
  steps: StepRecord[];
  readings: ReadingRecord[];
  progress: { done: number; total: number | null; unit: string } | null;
  log: { level: string; text: string }[];
  attempts: number;
  /** When the last few steps of this start ended. */
  ended: (readonly [step: number, timeMs: number])[];
  result: Record<string, unknown> | null;
  end: "done" | "failed" | "cancelled" | null;
  stoppedEarly: boolean;
  failure: string | null;
}

const KEPT_LOG_LINES = 50;
const STEPS_OF_PACE = 20;

export function emptyCourse(job: number): Course {
  return { job, seq: 0, start: null, steps: [], readings: [], progress: null, log: [], attempts: 1, ended: [], result: null, end: null, stoppedEarly: false, failure: null };
}

/** False where the event was known already. */
export function apply(course: Course, event: JobEvent): boolean {
  if (event.job !== course.job || event.seq <= course.seq) return false;
  course.seq = event.seq;
  switch (event.kind) {
    case "attempt":
      course.attempts = event.payload.attempt;
      course.ended = [];
      break;
    case "progress":
      course.progress = event.payload;
      break;
    case "start":
      course.start = event.payload;
      break;
    case "step":
      put(course.steps, event.payload);
      course.ended = [...course.ended.slice(1 - STEPS_OF_PACE), [event.payload.step, event.time_ms]];
      break;
    case "reading":
      put(course.readings, event.payload);
      break;
    case "log":
      course.log = [...course.log.slice(1 - KEPT_LOG_LINES), event.payload];
      break;
    case "result":
      course.result = event.payload;
      break;
    case "done":
      course.end = "done";
      course.stoppedEarly = event.payload.stopped_early;
      break;
    case "failed":
      course.end = "failed";
      course.failure = event.payload.message;
      break;
    case "cancelled":
      course.end = "cancelled";
      break;
  }
  return true;
}

/** Over the last few steps; null while it cannot be told. */
export function secondsAStep({ ended }: Course): number | null {
  const [first, last] = [ended[0], ended.at(-1)];
  return first && last && last[0] > first[0] ? (last[1] - first[1]) / 1000 / (last[0] - first[0]) : null;
}

/** As `foretune probe --out` writes it, without the end of a run that was stopped. */
export function traceOf(course: Course): string {
  const readings = [...course.readings];
  const lines: object[] = [{ type: "start", ...course.start }];
  const readUpTo = (step: number): void => {
    while (readings[0] && readings[0].step <= step) lines.push({ ...readings.shift(), type: "reading" });
  };
  readUpTo(0);
  for (const step of course.steps) {
    lines.push({ ...step, type: "step" });
    readUpTo(step.step);
  }
  readUpTo(Infinity);
  return lines.map((line) => `${JSON.stringify(line)}\n`).join("");
}

/** In the order of steps; a step that is trained again after a resume takes the place of the old one. */
function put<T extends { step: number }>(list: T[], item: T): void {
  const last = list.at(-1);
  if (!last || last.step < item.step) {
    list.push(item);
    return;
  }
  const at = list.findIndex((known) => known.step >= item.step);
  list.splice(at, list[at]?.step === item.step ? 1 : 0, item);
}
