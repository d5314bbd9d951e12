// Writes the report as one HTML file; what it needs is a package of its own, fetched when somebody asks for it.

import init, { report_page } from "foretune-report";
import { answerWith } from "./answering.js";

answerWith("report", (module) => init({ module_or_path: module }), {
  html: (report: string, changes: string, madeAt: string) => report_page(report, changes, madeAt),
});
