// What a worker with a predictor answers: forecast, links, traces. The same of both packages that hold one.

import { features, Forecasting, is_for_second_engine, qr_code, read_link, trace, usual_aside } from "foretune-forecast";
import { fetchBytes } from "./assets.js";

let held: Forecasting | null = null;
/** The predictor's file as it was loaded. */
let original = new Uint8Array();

function load(bytes: Uint8Array<ArrayBuffer>): string {
  const card = hold(bytes);
  original = bytes;
  return card;
}

function hold(bytes: Uint8Array): string {
  const fresh = new Forecasting(bytes);
  held?.free();
  held = fresh;
  return fresh.card();
}

function predictor(): Forecasting {
  if (!held) throw { what: "There is no predictor yet", where: "", todo: "Drop one made by foretune fit", details: "" };
  return held;
}

export const calls = {
  features: () => features(),
  load: (bytes: Uint8Array<ArrayBuffer>) => load(bytes),
  loadShipped: async (name: string) => load(await fetchBytes(name)),
  /** Another file in its place, made from it. */
  replace: (bytes: Uint8Array) => hold(bytes),
  original: () => original,
  forecast: (request: string) => predictor().forecast(request),
  byStep: (request: string) => predictor().by_step(request),
  phase: (request: string) => predictor().phase(request),
  usualAside: (rows: number) => usual_aside(rows),
  certainty: (request: string) => predictor().certainty(request),
  card: (request: string, about: string, page: string) => predictor().card_of(request, about, page),
  cardOfLink: (text: string, page: string) => predictor().card_of_link(text, page),
  makeLink: (request: string, about: string) => predictor().make_link(request, about),
  openLink: (text: string) => (held ? held.open_link(text) : read_link(text)),
  qrCode: (text: string) => qr_code(text),
  trace: (text: string) => trace(text),
  isForSecondEngine: (bytes: Uint8Array) => is_for_second_engine(bytes),
};
