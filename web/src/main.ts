// The page: keeps what is being looked at, and puts the views together.

import type { Catalogue } from "./catalogue.js";
import { CheckClient, type ReportMessage } from "./check-client.js";
import { h, replace } from "./dom.js";
import { readFragment, writeFragment, type Shared } from "./fragment.js";
import { listenToKeys } from "./keyboard.js";
import { keepOffline } from "./offline.js";
import type { CheckOptions } from "./options.js";
import type { Failure } from "./protocol.js";
import type { Report } from "./report.js";
import { SAMPLES, sampleFile } from "./samples.js";
import { themeButton } from "./theme.js";
import { failureView } from "./views/failure.js";
import { helpDialog } from "./views/help.js";
import { optionsView } from "./views/options.js";
import { progressView, type ProgressView } from "./views/progress.js";
import { reportView, type ReportView } from "./views/report.js";
import { dropAnywhere, startView } from "./views/start.js";

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

const options = optionsView(() => {
  shared = withMaxTokens(shared, options.choices().maxTokens);
  rememberShared();
  if (file) begin(file);
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
  file = null;
  view = progress = waiting = null;
  mapping = undefined;
  shared = withMaxTokens({}, options.choices().maxTokens);
  rememberShared();
  options.setEvaluation(null);
  document.title = "Foretune";
  replace(main, startView({ onFiles: takeFiles, onSample: (name) => void takeSample(name) }), options.element);
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
  mapping = undefined;
  shared = withMaxTokens({}, options.choices().maxTokens);
  begin(first);
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
  file = chosen;
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
  view = reportView({ file, message, report, catalogue, optionsElement: options.element }, {
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
    reportHtml: (recipe, prices) => client.reportHtml(recipe, prices),
    clean: (fixes) => client.clean(fixes),
  });
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
  element("footer").append(h("p", { class: "note" }, "Files are read by this page and never sent. The page asks only its own address, and works offline once loaded."));
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
  const start = shared;
  if (start.maxTokens) options.setMaxTokens(start.maxTokens);
  showStart();
  if (start.sample && SAMPLES.some((sample) => sample.name === start.sample)) {
    void takeSample(start.sample).then(() => {
      if (start.finding) shared = { ...shared, finding: start.finding };
    });
  }
  keepOffline();
  performance.mark("usable");
}

setUp();
