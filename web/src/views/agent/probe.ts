// What is probed: base model, evaluation rows, recipe; then the probe itself, in the same place.

import { asFailure } from "../../caller.js";
import { usualRecipe, type RecipeNumbers, type UsualRecipes } from "../../catalogue.js";
import type { Connection } from "../../agent/connection.js";
import type { JobInfo } from "../../agent/wire.js";
import { h, replace, section } from "../../dom.js";
import type { Certainty } from "../../forecasting.js";
import { count, percent } from "../../numbers.js";
import type { Bar } from "../../report.js";
import type { ProbeRequest } from "../../worker/probing.js";
import { evaluationChoice } from "./evaluation.js";
import { beginningsOf, probeFields, type Beginnings } from "./fields.js";
import { hereView } from "./here.js";
import { outlayWords } from "./outlay.js";

export interface ProbeContent {
  fileName: string;
  /** Rows as JSON Lines. */
  rows(): Promise<string>;
  /** The file itself, or its rows where it is one of columns. */
  file(): Promise<Blob>;
  evaluation(): File | null;
  mapping(): string | undefined;
  /** Rows without errors. */
  rowsValid: number;
  /** Tokens of its rows. */
  tokens: Bar[];
  usualRecipes: UsualRecipes;
  /** How many of them are usually set aside. */
  usualAside(): Promise<number>;
  /** What evaluation rows are worth; null where the predictor does not tell, undefined where there is none. */
  certainty(): Promise<Certainty | null | undefined>;
}

export interface ProbeView {
  element: HTMLElement;
  /** The connection is there, or gone. */
  setConnection(connection: Connection | null): void;
  /** What the agent has done so far. */
  setJobs(jobs: JobInfo[]): void;
  showLive(element: HTMLElement): void;
  /** Another predictor is held, or other readings are known. */
  refresh(): void;
}

export interface ProbeHandlers {
  onStarted(job: JobInfo): void;
  /** The bundled model, in this page. */
  onHere(request: ProbeRequest): void;
}

export function probeView(content: ProbeContent, handlers: ProbeHandlers): ProbeView {
  const body = h("div", {});
  const live = h("div", {});
  let refresh: () => void = () => undefined;
  let sayOutlay: () => void = () => undefined;
  let jobs: JobInfo[] = [];
  const element = section("probe", "Probe", "a short standard training that tells how the full run would end", body, live);

  function form(connection: Connection): void {
    const welcome = connection.welcome;
    if (!welcome) return;
    const model = h("select", { id: "probe-model" }, welcome.models.map((known) => h("option", { value: known.name }, `${known.name}${known.parameters ? ` (${count(known.parameters)} weights)` : ""}`)));
    const other = h("input", { type: "text", id: "probe-other-model", placeholder: "or a folder or a name in the Hugging Face cache", "aria-label": "Another base model", autocomplete: "off", spellcheck: "false" });
    const usual = (): RecipeNumbers => usualRecipe(content.usualRecipes, welcome.models.find((known) => known.name === (other.value.trim() || model.value))?.parameters ?? null);
    // How long a row may be is the agent's to say: it knows how many tokens the model takes.
    const beginnings = (): Beginnings => ({ ...beginningsOf(usual()), sequence_length: `at most ${count(usual().sequence_length)}` });
    const fields = probeFields(beginnings());
    const evaluation = evaluationChoice("agent-probe", content);
    refresh = evaluation.refresh;
    const outlay = h("p", { class: "note", id: "probe-outlay" });
    sayOutlay = () => {
      const { batch_size: rowsAStep = 1, sequence_length: longestRow = usual().sequence_length } = fields.recipe();
      outlay.textContent = outlayWords(jobs, { model: other.value.trim() || model.value, steps: fields.steps(), rowsAStep, longestRow }, content.tokens);
    };
    for (const input of [model, other]) input.addEventListener("change", () => fields.begin(beginnings()));
    for (const input of [model, other, ...fields.elements]) input.addEventListener("change", sayOutlay);
    sayOutlay();
    const told = h("p", { class: "note", role: "status" });
    const start = h("button", { type: "button", class: "primary", id: "start-probe", onclick: () => void begin() }, `Start the probe on ${welcome.device.name}`);
    async function begin(): Promise<void> {
      start.disabled = true;
      try {
        told.textContent = "Handing the rows to the agent";
        const hand = async (text: string, what: string): Promise<{ upload: string }> => {
          if (text.length > (welcome?.max_upload_bytes ?? Infinity)) throw { what: `${what} is larger than the agent takes (${count(welcome?.max_upload_bytes)} bytes)`, where: "", todo: "Probe it on the command line: foretune probe FILE", details: "" };
          return { upload: await connection.upload(text, (share) => {
            told.textContent = `${what}: ${percent(share)} handed over`;
          }) };
        };
        const data = await hand(await content.rows(), "The training file");
        const file = content.evaluation();
        const clean = file ? await hand(await file.text(), "The evaluation file") : null;
        const setAside = evaluation.setAside();
        const job = await connection.startJob(content.fileName, {
          kind: "probe", data, ...(clean ? { eval: clean } : {}), ...(setAside ? { set_aside: setAside } : {}), model: other.value.trim() || model.value, steps: fields.steps(), recipe: fields.recipe(),
        });
        told.textContent = "";
        handlers.onStarted(job);
      } catch (thrown) {
        const failure = asFailure(thrown);
        if (failure.details === "malformed" && evaluation.setAside()) failure.todo = "An agent that does not know how to set rows aside is older than this page: update foretune on this computer, or choose an evaluation file";
        replace(told, h("span", { class: "bad" }, failure.what), failure.todo ? ` ${failure.todo}` : "");
      }
      start.disabled = false;
    }
    replace(body,
      h("div", { class: "recipe" }, h("div", {}, h("label", { for: "probe-model" }, "Base model"), model, other), fields.elements),
      evaluation.element,
      outlay,
      h("p", { class: "actions" }, start), told);
  }

  const without = (): void => {
    const here = hereView(content, handlers.onHere);
    refresh = here?.refresh ?? (() => undefined);
    replace(body, h("p", { class: "note" }, "Connect the agent above for a short probe of your base model on this data"), here?.element);
  };
  without();
  return {
    element,
    setConnection(connection) {
      if (connection?.welcome) form(connection);
      else without();
    },
    setJobs(known) {
      jobs = known;
      sayOutlay();
    },
    showLive(view) {
      replace(live, view);
    },
    refresh: () => refresh(),
  };
}
