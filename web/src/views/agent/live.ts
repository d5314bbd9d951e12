// Screen 4: a probe as it runs. Events arrive many times a second; it is drawn once a frame at most, always in
// the same place.

import { secondsAStep, traceOf, type Course } from "../../agent/course.js";
import { liveLines, type LinesOptions, type PointXY } from "../../charts/lines.js";
import { h, replace, section } from "../../dom.js";
import { save as saveFile } from "../../downloads.js";
import type { ByStep, Ended } from "../../forecasting.js";
import { count, counted, measure, points, seconds } from "../../numbers.js";

export interface LiveHandlers {
  /** What is waited for before the first event. */
  waiting: string;
  onStop(): void;
  onCancel(): void;
}

export interface LiveView {
  element: HTMLElement;
  /** The course has changed. */
  draw(): void;
  setForecast(steps: ByStep[], threshold: number | null, ended: Ended | null): void;
  /** A quiet line, about the connection or what becomes of the readings. */
  setNote(words: string): void;
}

const MOST_DRAWN_STEPS = 1200;
const RESTS_A_DRAWING = 4;

export function liveView(title: string, course: Course, handlers: LiveHandlers): LiveView {
  let forecast: { steps: ByStep[]; threshold: number | null; ended: Ended | null } | null = null;
  let isDrawing = false;
  let restedAt = 0;
  const state = h("p", { id: "probe-state", class: "facts", role: "status" });
  const note = h("p", { class: "note", id: "probe-note" });
  const aside = h("p", { class: "note", id: "probe-aside", hidden: true });
  const worth = h("p", { id: "probe-worth" });
  const logarithmic = h("input", { type: "checkbox", id: "loss-log", onchange: () => draw() });
  const stop = h("button", { type: "button", class: "primary", id: "stop-probe", onclick: () => {
    stop.disabled = true;
    handlers.onStop();
  } }, "Stop here and keep what there is");
  const cancel = h("button", { type: "button", class: "quiet", id: "cancel-probe", onclick: () => handlers.onCancel() }, "Cancel");
  const save = h("button", { type: "button", id: "save-trace", onclick: () => saveFile(new Blob([traceOf(course)], { type: "application/jsonl" }), "probe.trace") }, "Save the trace");
  const log = h("ul", { class: "remarks note", id: "probe-log" });
  const result = h("div", { id: "probe-result" });
  const loss = liveLines(lossOptions());
  const norm = liveLines(small("Gradient norm", "before clipping", 3, "norm", (step) => step.gradient_norm));
  const consistency = liveLines(small("Gradient consistency", "cosine between the gradients of both halves of a batch", 4, "cosine", (step) => step.gradient_cosine));
  const score = liveLines(scoreOptions());
  const fan = liveLines(fanOptions());
  const fanPlace = h("div", { hidden: true }, fan.element);
  const scorePlace = h("div", { hidden: true }, score.element);

  function stepsOf(value: (step: Course["steps"][number]) => number | null): PointXY[] {
    const every = Math.ceil(course.steps.length / MOST_DRAWN_STEPS);
    return course.steps.filter((step, index) => value(step) !== null && (index % every === 0 || index === course.steps.length - 1)).map((step) => [step.step, value(step) as number]);
  }

  function readingsOf(name: string): PointXY[] {
    return course.readings.filter((reading) => typeof reading.features[name] === "number").map((reading) => [reading.step, reading.features[name] as number]);
  }

  function lossOptions(): LinesOptions {
    const [heldOut, clean] = [readingsOf("held_out_loss"), readingsOf("eval_loss")];
    const now = heldOut.at(-1);
    return {
      title: "Loss", summary: now ? `Rows held out of training: ${measure(now[1])} nats at step ${count(now[0])}` : "Loss of an answer token",
      x: { name: "step" }, y: { name: "loss (nats)", logarithmic: logarithmic.checked }, height: 240,
      lines: [{ name: "training", series: 1, points: stepsOf((step) => step.loss), label: true }, { name: "held out", series: 2, points: heldOut, dots: true, label: true }, { name: "clean rows", series: 3, points: clean, dots: true, label: true }].filter((line) => line.points.length),
    };
  }

  function small(title: string, summary: string, series: number, unit: string, value: (step: Course["steps"][number]) => number | null): LinesOptions {
    const drawn = stepsOf(value);
    return { title, summary: drawn.length ? `${measure(drawn.at(-1)?.[1])}, ${summary}` : summary, x: { name: "step" }, y: { name: unit, logarithmic: unit === "norm" }, height: 110, lines: [{ name: title, series, points: drawn }] };
  }

  function scoreOptions(): LinesOptions {
    const drawn = readingsOf("eval_score");
    return { title: "Score on the evaluation rows", summary: drawn.length ? `${points(drawn.at(-1)?.[1])} points at step ${count(drawn.at(-1)?.[0])}` : "", x: { name: "step" }, y: { name: "points" }, height: 150, lines: [{ name: "score now", series: 3, points: drawn, dots: true, label: true }] };
  }

  function fanOptions(): LinesOptions {
    const steps = (forecast?.steps ?? []).map((at) => ({ ...at, x: at.step ?? -5 }));
    const last = steps.at(-1);
    const ended = forecast?.ended;
    return {
      title: "Forecast of the final score, by step",
      summary: last ? `${ended ? `It ended at ${points(ended.score)}; the last forecast was` : "Now"} ${points(last.score)} points${last.interval ? `, between ${points(last.interval[0])} and ${points(last.interval[1])}` : ""}` : "",
      note: "left of step 0: before any probe", x: { name: "step of the probe" }, y: { name: "points" }, height: 180,
      bands: [{ series: 1, points: steps.flatMap((at) => (at.interval ? [[at.x, at.interval[0], at.interval[1]] as const] : [])) }],
      lines: [
        { name: "forecast", series: 1, points: steps.map((at): PointXY => [at.x, at.score]), dots: true, label: true },
        ...(ended ? [{ name: "how it ended", series: 3, dots: true, label: true, points: [[ended.step, ended.score]] as PointXY[] }] : []),
        ...(forecast?.threshold != null && steps.length ? [{ name: "threshold", series: 2, dashed: true, label: true, points: [[steps[0]?.x ?? 0, forecast.threshold], [ended?.step ?? last?.x ?? 0, forecast.threshold]] as PointXY[] }] : []),
      ],
    };
  }

  function words(): string[] {
    const { progress, end, attempts } = course;
    const steps = course.steps.at(-1)?.step ?? 0;
    const resumed = attempts > 1 ? `, taken up again after the agent was stopped (start ${attempts})` : "";
    if (end === "done") return [course.stoppedEarly ? `Stopped at step ${count(steps)}: this is what there is` : `Done after ${count(steps)} steps`];
    if (end === "failed") return [`It failed: ${course.failure ?? "no reason given"}`];
    if (end === "cancelled") return ["Cancelled"];
    if (!course.seq) return [handlers.waiting];
    const pace = secondsAStep(course);
    return [`Step ${count(steps)}${progress?.total ? ` of ${count(progress.total)}` : ""}${resumed}`, ...(pace === null ? [] : [pace < 1 ? `${measure(1 / pace)} steps a second` : `${measure(pace)} s a step`]), ...(pace !== null && progress?.total ? [`about ${seconds(pace * Math.max(0, progress.total - steps))} left`] : [])];
  }

  function worthWords(): string {
    const now = forecast?.steps.at(-1);
    if (!now || now.regime === null || course.end !== null) return "";
    return now.next_probe_steps === null ? "More steps are not expected to be worth their price" : `More steps are worth their price: the next reading that may change the forecast is at step ${count(now.next_probe_steps)}`;
  }

  /** Long courses take long to draw: four times as long is left to what arrives meanwhile. */
  function draw(): void {
    if (isDrawing) return;
    isDrawing = true;
    const rest = restedAt - performance.now();
    if (rest > 0) setTimeout(() => requestAnimationFrame(drawNow), rest);
    else requestAnimationFrame(drawNow);
  }

  function drawNow(): void {
    const began = performance.now();
    isDrawing = false;
    replace(state, words().map((word) => h("span", { class: course.end === "failed" ? "status bad" : course.end ? "status good" : null }, word)));
    loss.update(lossOptions());
    norm.update(small("Gradient norm", "before clipping", 3, "norm", (step) => step.gradient_norm));
    consistency.update(small("Gradient consistency", "cosine between the gradients of both halves of a batch", 4, "cosine", (step) => step.gradient_cosine));
    scorePlace.hidden = readingsOf("eval_score").length === 0;
    if (!scorePlace.hidden) score.update(scoreOptions());
    aside.textContent = asideWords(course);
    aside.hidden = aside.textContent === "";
    worth.textContent = worthWords();
    fanPlace.hidden = forecast === null;
    if (!fanPlace.hidden) fan.update(fanOptions());
    replace(log, course.log.filter((line) => line.level !== "info").slice(-5).map((line) => h("li", { class: line.level === "error" ? "bad" : null }, line.text)));
    stop.hidden = cancel.hidden = course.end !== null;
    save.hidden = course.end === null || course.readings.length === 0;
    if (course.end !== null) replace(result, resultView(course));
    restedAt = performance.now() + RESTS_A_DRAWING * (performance.now() - began);
  }

  draw();
  return {
    element: section("probe-live", title, null, state, note, aside, worth, h("p", { class: "actions no-print" }, stop, cancel, save, h("span", { class: "choose" }, logarithmic, h("label", { for: "loss-log" }, "logarithmic loss"))),
      loss.element, h("div", { class: "columns" }, norm.element, consistency.element, scorePlace, fanPlace), log, result),
    draw,
    setForecast(steps, threshold, ended) {
      forecast = { steps, threshold, ended };
      draw();
    },
    setNote(text) {
      note.textContent = text;
    },
  };
}

/** Which rows the probe is read on, where they are of the file itself. */
function asideWords({ start }: Course): string {
  const record = start?.["set_aside"] as { rows: number; seed: number; fingerprint: string } | null | undefined;
  if (!record) return "";
  const copies = Number(start?.["copies_left_out"]) || 0;
  return `Evaluation rows: ${counted(record.rows, "clean row")} of the file, set aside by the seed ${record.seed} (fingerprint ${record.fingerprint})${copies ? `; ${counted(copies, "copy of them", "copies of them")} left out` : ""}`;
}

function resultView(course: Course): HTMLElement | null {
  const { result } = course;
  if (!result) return null;
  const number = (name: string): number | null => (typeof result[name] === "number" ? result[name] : null);
  const facts = [
    number("tokens_per_second") === null ? null : `${count(number("tokens_per_second"))} tokens a second`,
    number("peak_memory_bytes") === null ? null : `${((number("peak_memory_bytes") as number) / 2 ** 30).toFixed(1)} GiB at most`,
    typeof result["stopped_because"] === "string" ? `ended because: ${result["stopped_because"].replaceAll("_", " ")}` : null,
    number("score") === null ? null : `score ${points(number("score"))} points`,
  ];
  return h("p", { class: "facts" }, facts.map((fact) => (fact ? h("span", {}, fact) : null)));
}

