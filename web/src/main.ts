// The page: keeps what is being looked at, and puts the views together.

import { Agents } from "./agent/agents.js";
import { asFailure, Caller } from "./caller.js";
import type { Catalogue } from "./catalogue.js";
import { CheckClient, type Recognised, type ReportMessage } from "./check-client.js";
import type { Answer, Offer } from "./choosing.js";
import { h, replace } from "./dom.js";
import { type ImportedRun, Predictors, type Trace } from "./forecasting.js";
import { forecastLink, readFragment, writeFragment, type Shared } from "./fragment.js";
import { listenToKeys } from "./keyboard.js";
import { keepOffline } from "./offline.js";
import type { CheckOptions } from "./options.js";
import type { Failure } from "./protocol.js";
import { Redescriber } from "./redescriber.js";
import type { Report } from "./report.js";
import { SAMPLES, sampleFile } from "./samples.js";
import { themeButton } from "./theme.js";
import { chooseView } from "./views/choose/choose.js";
import { failureView } from "./views/failure.js";
import { linkView } from "./views/forecast/link.js";
import { helpDialog } from "./views/help.js";
import { importedView } from "./views/imported.js";
import { optionsView } from "./views/options.js";
import { progressView, type ProgressView } from "./views/progress.js";
import { reportView, type ReportView } from "./views/report.js";
import { dropAnywhere, startView } from "./views/start.js";

declare const CHOOSING_SCRIPT: string;
declare const REPORT_SCRIPT: string;

/** Formats whose reader is a package of its own. */
const COLUMNAR = new Set(["parquet", "arrow_file", "arrow_stream"]);

const main = element("main");
const toast = element("toast");
const help = helpDialog();

let catalogue: Catalogue | null = null;
let file: File | null = null;
let shared: Shared = readFragment(location.hash);
let mapping: CheckOptions["mapping"];
let progress: ProgressView | null = null;
let view: ReportView | null = null;
/** A report that came before the catalogue did. */
let waiting: ReportMessage | null = null;
/** Readings of a trace that came before its dataset did. */
let trace: { name: string; read: Trace } | null = null;
/** Of the file that is being looked at. */
let redescriber: Redescriber | null = null;
/** The link that is being looked at. */
let link: string | null = forecastLink(location.hash);
/** What was begun last: an answer to anything before it comes too late. */
let turn = 0;

const predictors = new Predictors();
const choosing = new Caller(CHOOSING_SCRIPT, "Rankings");
const reports = new Caller(REPORT_SCRIPT, "Reports as HTML");

const options = optionsView(() => {
  shared = withMaxTokens(shared, options.choices().maxTokens);
  rememberShared();
  if (file) begin(file);
});

const agents = new Agents({
  showScreen: (title, screen) => showOther(title, h("div", { class: "report" }, h("p", { class: "actions" }, h("button", { type: "button", id: "another", onclick: showStart }, "Check a file")), agents.connect.element, screen, agents.jobs.element)),
  forecast: async (list, plan, isBundled) => (view?.forecast ? view.forecast.withReadings(isBundled ? "the bundled model's probe" : "the probe", list, plan, isBundled) : null),
  say,
});

const client = new CheckClient({
  onCatalogue(known) {
    catalogue = known;
    if (waiting) showReport(waiting);
  },
  onProgress(state) {
    progress?.update(state, catalogue);
  },
  onReport(message) {
    if (catalogue) showReport(message);
    else waiting = message;
  },
  onAdvice: (json) => view?.showAdvice(json),
  onFailure: showFailure,
});

function element(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (!found) throw new Error(`index.html has no #${id}`);
  return found;
}

function withMaxTokens({ maxTokens: _, ...rest }: Shared, value: number | null): Shared {
  return value === null ? rest : { ...rest, maxTokens: value };
}

function rememberShared(): void {
  history.replaceState(null, "", location.pathname + location.search + writeFragment(shared));
}

function say(text: string): void {
  toast.textContent = text;
  toast.classList.add("shown");
  setTimeout(() => toast.classList.remove("shown"), 2500);
}

function showStart(): void {
  client.stop();
  redescriber?.stop();
  turn += 1;
  file = link = null;
  view = progress = waiting = null;
  mapping = undefined;
  shared = withMaxTokens({}, options.choices().maxTokens);
  rememberShared();
  options.setEvaluation(null);
  document.title = "Foretune";
  agents.leaveReport();
  replace(main, startView({ onFiles: takeFiles, onSample: (name) => void takeSample(name) }), options.element, agents.connect.element, agents.jobs.element);
  window.scrollTo(0, 0);
}

/** Of two files dropped together the larger is the training file. */
function takeFiles(files: File[], target: EventTarget | null = null): void {
  const [first, second] = [...files].sort((a, b) => b.size - a.size);
  if (!first) return;
  if (file && !second && target instanceof Element && target.closest("#evaluation-file-drop")) {
    options.setEvaluation(first);
    return begin(file);
  }
  if (second) options.setEvaluation(second);
  void takeFile(first);
}

/** A dataset is checked; every other kind of file has a screen of its own. */
async function takeFile(chosen: File): Promise<void> {
  turn += 1;
  const own = turn;
  // A check under way would keep the question waiting.
  if (progress) client.stop();
  const recognised = await client.recognise(chosen);
  if (own !== turn) return;
  if (recognised.fileKind === "dataset") return takeDataset(chosen);
  try {
    const show = await otherFile(chosen, recognised);
    if (own === turn) show();
  } catch (thrown) {
    if (own === turn) showFailure({ ...asFailure(thrown), where: `${chosen.name}, ${recognised.words}` });
  }
}

function takeDataset(chosen: File): void {
  mapping = undefined;
  shared = withMaxTokens({}, options.choices().maxTokens);
  begin(chosen);
}

/** What is to be shown once the file is read. */
async function otherFile(chosen: File, { fileKind, words }: Recognised): Promise<() => void> {
  switch (fileKind) {
    case "dataset":
      return () => takeDataset(chosen);
    case "predictor":
      await predictors.load(chosen.name, new Uint8Array(await chosen.arrayBuffer()));
      return predictorArrived;
    case "curves":
    case "checkpoints":
    case "scores": {
      const text = await chosen.text();
      const offer = JSON.parse(await choosing.call<string>("offer", fileKind, text)) as Offer;
      return () => showOther(chosen.name, chooseView(chosen.name, words, offer, {
        choose: async (wish) => JSON.parse(await choosing.call<string>("choose", text, JSON.stringify(wish))) as Answer,
        onAnother: showStart,
        onDataset: () => takeDataset(chosen),
      }));
    }
    case "trace": {
      const read = await predictors.trace(await chosen.text());
      return () => traceArrived(chosen.name, read);
    }
    default: {
      const runs = JSON.parse(await choosing.call<string>("imported", chosen.name, new Uint8Array(await chosen.arrayBuffer()))) as ImportedRun[];
      return () => showOther(chosen.name, importedView(chosen.name, runs, { onAnother: showStart, onUse: (run) => traceArrived(run.name, { readings: run.readings, aside: {} }) }));
    }
  }
}

function predictorArrived(): void {
  if (link) return void showLink(link);
  if (view) return view.forecast?.predictorChanged();
  showStart();
  say(`${predictors.held?.name ?? "The predictor"} is at hand: drop the dataset it is to judge`);
}

function traceArrived(name: string, read: Trace): void {
  trace = { name, read };
  if (view?.forecast) return view.forecast.setTrace(name, read);
  showStart();
  say(`${name} is kept: drop the dataset it belongs to`);
}

/** A screen that is about no dataset. */
function showOther(name: string, screen: HTMLElement): void {
  client.stop();
  agents.leaveReport();
  file = null;
  view = progress = waiting = null;
  document.title = `${name} · Foretune`;
  replace(main, screen);
  window.scrollTo(0, 0);
  main.querySelector<HTMLElement>("h1[tabindex]")?.focus({ preventScroll: true });
}

async function showLink(text: string): Promise<void> {
  turn += 1;
  const own = turn;
  try {
    await predictors.loadShipped();
    const screen = await linkView(text, predictors, { onPredictor: (chosen) => void takeFile(chosen), onOwnFile: showStart });
    if (own !== turn) return;
    link = text;
    showOther("A forecast", screen);
  } catch (thrown) {
    if (own === turn) showFailure(asFailure(thrown));
  }
}

async function takeSample(name: string): Promise<void> {
  try {
    const sample = await sampleFile(name);
    if (!sample) return;
    shared = withMaxTokens({ sample: name }, options.choices().maxTokens);
    mapping = undefined;
    begin(sample);
  } catch (error) {
    showFailure({ what: "The sample could not be loaded", where: name, todo: "Reload the page, or drop a file of your own", details: String(error) });
  }
}

function checkOptions(): CheckOptions {
  const { maxTokens } = options.choices();
  return { ...(maxTokens ? { max_tokens: maxTokens } : {}), ...(mapping ? { mapping } : {}) };
}

function begin(chosen: File): void {
  client.stop();
  redescriber?.stop();
  turn += 1;
  file = chosen;
  link = null;
  view = waiting = null;
  rememberShared();
  document.title = `${chosen.name} · Foretune`;
  progress = progressView(chosen.name, chosen.size, () => {
    showStart();
    say("Cancelled");
  });
  replace(main, progress.element);
  window.scrollTo(0, 0);
  const { evaluation, tokenizer } = options.choices();
  client.check({ file: chosen, evaluation, tokenizer, options: checkOptions() });
}

function showReport(message: ReportMessage): void {
  waiting = null;
  if (!catalogue || !file) return;
  progress = null;
  const report = JSON.parse(message.json) as Report;
  const checked = file;
  const probe = report.layout ? agents.section({
    fileName: checked.name,
    rows: async () => (await client.clean({})).blob.text(),
    file: async () => (COLUMNAR.has(report.format ?? "") ? (await client.clean({})).blob : checked),
    evaluation: () => options.choices().evaluation,
    mapping: () => mapping,
    rowsValid: report.rows_valid,
    tokens: report.description.histograms.tokens_total,
    usualRecipes: catalogue.usual_recipes,
    usualAside: () => predictors.usualAside(report.rows_valid),
    certainty: async () => view?.forecast?.certainty(),
  }) : null;
  redescriber?.stop();
  redescriber = new Redescriber(() => {
    const { evaluation, tokenizer } = options.choices();
    return { file: checked, evaluation, tokenizer, options: checkOptions() };
  }, (fixes) => client.clean(fixes));
  view = reportView({ file, message, report, catalogue, optionsElement: options.element, probe: probe && [agents.connect.element, probe, agents.jobs.element] }, {
    rows: (wanted) => client.rows(wanted),
    onOpenFinding(code) {
      const { finding: _, ...rest } = shared;
      shared = code ? { ...rest, finding: code } : rest;
      rememberShared();
    },
    onAnother: showStart,
    onMapping(chosen) {
      mapping = chosen;
      if (file) begin(file);
    },
    advise: (recipe, prices) => client.advise(recipe, prices),
    reportHtml: (json, changes) => reports.call<string>("html", json, changes, new Date().toISOString()),
    clean: (fixes) => client.clean(fixes),
    predictors,
    onPredictor: (chosen) => void takeFile(chosen),
    onForecast: () => agents.forecastChanged(),
    redescriber,
  });
  if (trace) view.forecast?.setTrace(trace.name, trace.read);
  replace(main, view.element);
  document.getElementById("verdict-line")?.focus({ preventScroll: true });
  if (shared.finding) view.findings.open(shared.finding);
  document.body.dataset["state"] = "done";
}

function showFailure(failure: Failure): void {
  progress = view = waiting = null;
  replace(main, failureView(failure, showStart));
}

function setUp(): void {
  const openHelp = h("button", { type: "button", class: "quiet", "aria-keyshortcuts": "?", onclick: () => help.showModal() }, "Keys");
  element("header").append(h("a", { class: "brand", href: "#", onclick: (event: Event) => {
    event.preventDefault();
    showStart();
  } }, "Foretune"), h("span", { class: "spacer" }), openHelp, themeButton());
  element("footer").append(h("p", { class: "note" }, "Files are read by this page and leave it only for an agent on this computer that you connect. It works offline once loaded."));
  document.body.append(help);
  dropAnywhere(takeFiles);
  // The checking package is fetched when somebody is about to use it, not with the page.
  for (const kind of ["pointerdown", "dragenter", "keydown"]) addEventListener(kind, () => client.warmUp(), { once: true, passive: true });
  listenToKeys({
    search: () => view?.findings.search(),
    move: (step) => view?.findings.move(step),
    open: () => view?.findings.openCurrent(),
    close: () => {
      if (!help.open) view?.findings.close();
    },
    copyLink: () => void navigator.clipboard.writeText(location.href).then(() => say("Link copied: settings only, no data"), () => say("The browser refused to copy")),
    help: () => (help.open ? help.close() : help.showModal()),
  });
  addEventListener("hashchange", () => {
    const arrived = forecastLink(location.hash);
    if (arrived) void showLink(arrived);
  });
  const start = shared;
  const arrived = link;
  agents.begin(location.href);
  if (start.maxTokens) options.setMaxTokens(start.maxTokens);
  if (arrived) void showLink(arrived);
  else showStart();
  if (!arrived && start.sample && SAMPLES.some((sample) => sample.name === start.sample)) {
    void takeSample(start.sample).then(() => {
      if (start.finding) shared = { ...shared, finding: start.finding };
    });
  }
  keepOffline();
  performance.mark("usable");
}

setUp();
