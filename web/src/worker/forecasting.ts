// Holds one predictor and answers for it.

<<<<<<< HEAD
import init, { features, Forecasting, qr_code, read_link, trace, usual_aside } from "foretune-forecast";
import { fetchBytes } from "./assets.js";
=======
import init from "foretune-forecast";
>>>>>>> 54cff22 (Bring the second engine to the page: a button beside the forecast fetches a package of 926 kB (brotli; budget 1,500), runs the held predictor by both engines on 10,000 drawn rows and says that they are the same to 1e-9 or how far apart, and a dropped network that the exact reader refuses is opened by it. The package is the forecasts' with the engine behind the same functions, so whatever a forecast shows works with either; it is kept offline once it was used. The cross-check of the command line takes a number of rows, because 10,000 of the shipped predictor cost a development build 17 s of processor time)
import { answerWith } from "./answering.js";
import { calls } from "./forecasting-calls.js";

<<<<<<< HEAD
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

answerWith("forecast", (module) => init({ module_or_path: module }), {
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
});
=======
answerWith("forecast", (module) => init({ module_or_path: module }), calls);
>>>>>>> 54cff22 (Bring the second engine to the page: a button beside the forecast fetches a package of 926 kB (brotli; budget 1,500), runs the held predictor by both engines on 10,000 drawn rows and says that they are the same to 1e-9 or how far apart, and a dropped network that the exact reader refuses is opened by it. The package is the forecasts' with the engine behind the same functions, so whatever a forecast shows works with either; it is kept offline once it was used. The cross-check of the command line takes a number of rows, because 10,000 of the shipped predictor cost a development build 17 s of processor time)
