// Makes records of own runs, and a predictor that is adjusted by them.

import init, { own_run, Recalibrating } from "foretune-recalibrate";
import { answerWith } from "./answering.js";

function recalibrate(onnx: Uint8Array, runs: string): { told: string; onnx: Uint8Array } {
  const adjusted = new Recalibrating(onnx, runs);
  const told = adjusted.told();
  return { told, onnx: adjusted.into_onnx() };
}

answerWith("recalibrate", (module) => init({ module_or_path: module }), {
  ownRun: (told: string) => own_run(told),
  recalibrate: (onnx: Uint8Array, runs: string) => recalibrate(onnx, runs),
});
