// Every descriptor with its value, unit and what it measures, searchable, as one table.

import type { Catalogue, Feature } from "../catalogue.js";
import { h, section } from "../dom.js";
import { measure } from "../numbers.js";
import type { Report } from "../report.js";

const BETTER: Record<Feature["better"], string> = { higher: "higher is better", lower: "lower is better", unknown: "" };

export function descriptorsView(report: Report, catalogue: Catalogue): HTMLElement {
  const known = new Map(catalogue.features.map((feature) => [feature.name, feature]));
  const names = Object.keys(report.features);
  const missing = names.filter((name) => report.features[name] === null).length;
  return section("descriptors", "Descriptors", `${names.length} measured by the same code as the command line${missing ? `, ${missing} of them missing here` : ""}`,
    h("div", { class: "scroll tall", tabindex: 0, role: "group", "aria-label": "All descriptors" },
      h("table", { class: "descriptors" },
        h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Name"), h("th", { scope: "col", class: "number" }, "Value"), h("th", { scope: "col" }, "Unit"), h("th", { scope: "col" }, "What it measures"))),
        h("tbody", {}, names.map((name) => {
          const feature = known.get(name);
          const better = feature ? BETTER[feature.better] : "";
          return h("tr", {},
            h("th", { scope: "row" }, h("code", {}, name)),
            h("td", { class: "number" }, measure(report.features[name])),
            h("td", {}, feature?.unit ?? ""),
            h("td", {}, feature?.measures ?? "", better ? h("span", { class: "note" }, ` · ${better}`) : null),
          );
        })),
      ),
    ),
  );
}
