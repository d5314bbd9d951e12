// What is probed: base model, evaluation rows, recipe; then the probe itself, in the same place.

import { asFailure } from "../../caller.js";
import type { Connection } from "../../agent/connection.js";
import type { JobInfo } from "../../agent/wire.js";
import { h, replace, section } from "../../dom.js";
import { count, percent } from "../../numbers.js";

export interface ProbeContent {
  fileName: string;
  /** Rows as JSON Lines. */
  rows(): Promise<string>;
  evaluation(): File | null;
}

export interface ProbeView {
  element: HTMLElement;
  /** The connection is there, or gone. */
  setConnection(connection: Connection | null): void;
  showLive(element: HTMLElement): void;
}

const FIELDS: readonly (readonly [name: string, label: string, value: number])[] = [["learning_rate", "Learning rate", 2e-4], ["epochs", "Epochs of the full run", 3], ["batch_size", "Rows a step", 16], ["rank", "LoRA rank", 16], ["sequence_length", "Longest row, in tokens", 1024]];
const USUAL_STEPS = 100;

export function probeView(content: ProbeContent, onStarted: (job: JobInfo) => void): ProbeView {
  const body = h("div", {}, h("p", { class: "note" }, "Connect the agent above for a short probe of your base model on this data"));
  const live = h("div", {});
  const element = section("probe", "Probe", "a short standard training that tells how the full run would end", body, live);

  function form(connection: Connection): void {
    const welcome = connection.welcome;
    if (!welcome) return;
    const model = h("select", { id: "probe-model" }, welcome.models.map((known) => h("option", { value: known.name }, `${known.name}${known.parameters ? ` (${count(known.parameters)} weights)` : ""}`)));
    const other = h("input", { type: "text", id: "probe-other-model", placeholder: "or a folder or a name in the Hugging Face cache", "aria-label": "Another base model", autocomplete: "off", spellcheck: "false" });
    const steps = h("input", { type: "number", id: "probe-steps", min: 1, max: 10_000, step: 1, value: USUAL_STEPS });
    const inputs = FIELDS.map(([name, label, value]) => ({ name, label, input: h("input", { type: "number", id: `probe-${name}`, min: 0, step: "any", value }) }));
    const told = h("p", { class: "note", role: "status" });
    const evaluation = content.evaluation();
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
        const job = await connection.startJob(content.fileName, {
          kind: "probe", data, ...(clean ? { eval: clean } : {}), model: other.value.trim() || model.value, steps: Math.max(1, Math.round(Number(steps.value) || USUAL_STEPS)),
          recipe: Object.fromEntries(inputs.filter(({ input }) => Number(input.value) > 0).map(({ name, input }) => [name, Number(input.value)])),
        });
        told.textContent = "";
        onStarted(job);
      } catch (thrown) {
        const failure = asFailure(thrown);
        replace(told, h("span", { class: "bad" }, failure.what), failure.todo ? ` ${failure.todo}` : "");
      }
      start.disabled = false;
    }
    replace(body,
      h("div", { class: "recipe" }, h("div", {}, h("label", { for: "probe-model" }, "Base model"), model, other), h("div", {}, h("label", { for: "probe-steps" }, "At most so many steps"), steps), inputs.map(({ label, input }) => h("div", {}, h("label", { for: input.id }, label), input))),
      h("p", { class: "note" }, evaluation ? `Evaluation rows: ${evaluation.name}` : "Without an evaluation file (see the options) a probe tells little more than step 0 does: the forecast stays wide"),
      h("p", { class: "actions" }, start), told);
  }

  return {
    element,
    setConnection(connection) {
      if (connection?.welcome) form(connection);
      else replace(body, h("p", { class: "note" }, "Connect the agent above for a short probe of your base model on this data"));
    },
    showLive(view) {
      replace(live, view);
    },
  };
}
