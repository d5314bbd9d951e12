// Holds one predictor and answers for it.

import init from "foretune-forecast";
import { answerWith } from "./answering.js";
import { calls } from "./forecasting-calls.js";

answerWith("forecast", (module) => init({ module_or_path: module }), calls);
