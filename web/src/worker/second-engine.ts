// The same with a second engine, which runs what the exact reader refuses and compares the two.

import init, { cross_check } from "foretune-tract";
import { answerWith } from "./answering.js";
import { calls } from "./forecasting-calls.js";

answerWith("tract", (module) => init({ module_or_path: module }), {
  ...calls,
  crossCheck: (onnx: Uint8Array, rows: number) => cross_check(onnx, rows),
});
