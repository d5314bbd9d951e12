// Which rows survive, per trainer.

import type { Catalogue } from "../catalogue.js";
import { h, section } from "../dom.js";
import { count, counted } from "../numbers.js";
import type { Report, TrainerVerdict } from "../report.js";

export function trainersView(report: Report, catalogue: Catalogue): HTMLElement {
  return section("trainers", "What each trainer would do", `of ${counted(report.rows, "row")}`,
    h("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "Trainers" },
      h("table", { class: "trainers" },
        h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Trainer"), h("th", { scope: "col" }, "The file"), h("th", { scope: "col", class: "number" }, "Rows kept"), h("th", { scope: "col", class: "number" }, "Lost"), h("th", { scope: "col" }, "Why"))),
        h("tbody", {}, catalogue.trainers.map((trainer) => {
          const verdict = report.trainers[trainer.name];
          return verdict ? line(trainer.title, verdict) : null;
        })),
      ),
    ),
  );
}

function line(title: string, verdict: TrainerVerdict): HTMLElement {
  const [word, hue] = verdict.file_refused ? ["refused", "bad"] : verdict.rejects > 0 ? ["taken in part", "watch"] : ["taken", "good"];
  const why = [
    ...verdict.refused_because,
    ...verdict.reasons.slice(0, 3).map((reason) => `${reason.title}: ${counted(reason.rows, "row")}`),
    verdict.truncated ? `${counted(verdict.truncated, "row")} cut short` : "",
    verdict.needs_mapping ? `${counted(verdict.needs_mapping, "row")} need a column mapping` : "",
  ].filter(Boolean);
  return h("tr", {},
    h("th", { scope: "row" }, title),
    h("td", { class: `status ${hue}` }, word),
    h("td", { class: "number" }, count(verdict.survives)),
    h("td", { class: "number" }, count(verdict.rejects)),
    h("td", {}, why.length ? h("ul", {}, why.map((reason) => h("li", {}, reason))) : "–"),
  );
}
