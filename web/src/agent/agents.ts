// The page's agent: its connection, its jobs, and the one probe that is being watched, an agent's or this page's
// own.

import { jobsView, type JobsView } from "../views/agent/jobs.js";
import { connectView, type ConnectView } from "../views/agent/connect.js";
import { liveView, type LiveView } from "../views/agent/live.js";
import { probeView, type ProbeContent, type ProbeView } from "../views/agent/probe.js";
import { BundledProbe, HERE } from "../bundled-probe.js";
import { asFailure } from "../caller.js";
import type { AfterReadings, Features, Reading } from "../forecasting.js";
import type { ProbeRequest } from "../worker/probing.js";
import { Connection, type ConnectionState } from "./connection.js";
import { apply, emptyCourse, type Course } from "./course.js";
import { isOnThisComputer, keepPairing, keptPairing, pairingOf, type Pairing } from "./pairing.js";
import type { JobEvent, JobInfo } from "./wire.js";

export interface AgentsHandlers {
  /** Where no dataset is looked at, a probe has the screen to itself. */
  showScreen(title: string, element: HTMLElement): void;
  /** The forecast after each reading, where there is a predictor and a dataset; `plan`: what the probe's own
   * start tells of recipe and model; `isBundled`: they are of the bundled model, whatever the candidate's is. */
  forecast(readings: Reading[], plan: Features | null, isBundled: boolean): Promise<AfterReadings | null>;
  say(text: string): void;
}

const WATCHED_KEY = "foretune-watched";
const HUES: Record<ConnectionState, "good" | "watch" | "bad" | "muted"> = { connecting: "muted", connected: "good", waiting: "watch", refused: "bad" };

export class Agents {
  readonly connect: ConnectView;
  readonly jobs: JobsView;
  private connection: Connection | null = null;
  private probe: ProbeView | null = null;
  private known: JobInfo[] = [];
  private watching: { course: Course; view: LiveView; readings: number; own: BundledProbe | null } | null = null;

  constructor(private readonly handlers: AgentsHandlers) {
    this.connect = connectView((pairing) => this.pair(pairing));
    this.jobs = jobsView({ onOpen: (job) => void this.open(job), onPin: (job) => void this.told(this.connection?.ask({ type: "pin", job })) });
  }

  /** By a pairing link's fragment, or as this browser last was; never asks for a permission by itself. */
  begin(address: string): void {
    const pairing = pairingOf(new URL(address));
    if (pairing) {
      // The secret leaves the address bar at once.
      history.replaceState(null, "", location.pathname + location.search);
      if (isOnThisComputer()) return this.pair(pairing);
      return this.connect.offer(`${pairing.address}/#pair=${pairing.token}`);
    }
    const kept = keptPairing();
    if (kept) void this.takeUp(kept);
  }

  private async takeUp(kept: Pairing): Promise<void> {
    if (!isOnThisComputer() && !(await mayReachLoopback())) return this.connect.setStatus("muted", `Known: ${kept.address}; connect to use it`);
    this.pair(kept);
  }

  /** The section of a report. */
  section(content: ProbeContent): HTMLElement {
    this.endOwn();
    this.probe = probeView(content, { onStarted: (job) => void this.open(job), onHere: (request) => this.probeHere(content.fileName, request) });
    this.probe.setConnection(this.connection);
    this.probe.setJobs(this.known);
    return this.probe.element;
  }

  /** Another predictor is held, or other readings are known. */
  forecastChanged(): void {
    this.probe?.refresh();
  }

  /** The report is gone; the watched job goes on by itself, a probe of this page does not. */
  leaveReport(): void {
    this.endOwn();
    this.probe = null;
  }

  private pair(pairing: Pairing): void {
    this.connection?.close();
    this.connection = new Connection(pairing, {
      onState: (state, words, isUnpaired) => this.stateChanged(state, words, isUnpaired ?? false),
      onJobs: (jobs, pinned) => {
        this.known = jobs;
        this.jobs.show(jobs, pinned);
        this.probe?.setJobs(jobs);
      },
      onEvent: (event) => this.receive(event),
    });
  }

  private stateChanged(state: ConnectionState, words: string, isUnpaired: boolean): void {
    this.connect.setStatus(HUES[state], words);
    if (this.watching && !this.watching.own) this.watching.view.setNote(state === "connected" ? "" : words);
    if (state === "refused") {
      // Whatever else was refused may be mended, and then the secret holds again.
      if (isUnpaired) keepPairing(null);
      this.connection = null;
      this.probe?.setConnection(null);
    }
    if (state !== "connected") return;
    this.probe?.setConnection(this.connection);
    const remembered = Number(sessionStorage.getItem(WATCHED_KEY));
    if (!this.watching && remembered > 0) void this.watch(remembered, "Probe");
  }

  private async open(job: JobInfo): Promise<void> {
    await this.watch(job.job, job.title || job.spec.kind);
  }

  private async watch(job: number, title: string): Promise<void> {
    const { connection } = this;
    if (!connection) return;
    this.endOwn();
    if (this.watching) connection.unwatch(this.watching.course.job);
    const course = emptyCourse(job);
    const view = liveView(`Probe of ${title}`, course, {
      waiting: "Waiting for the agent to begin",
      onStop: () => void this.told(connection.ask({ type: "stop_early", job })),
      onCancel: () => void this.told(connection.ask({ type: "cancel", job })),
    });
    this.watching = { course, view, readings: 0, own: null };
    sessionStorage.setItem(WATCHED_KEY, String(job));
    if (this.probe) this.probe.showLive(view.element);
    else this.handlers.showScreen(title, view.element);
    await this.told(connection.watch(job, 0));
  }

  private probeHere(title: string, request: ProbeRequest): void {
    this.endOwn();
    if (this.watching) this.connection?.unwatch(this.watching.course.job);
    const course = emptyCourse(HERE);
    const own = new BundledProbe(request, (event) => this.receive(event));
    const view = liveView(`Probe of the bundled model on ${title}`, course, { waiting: "Loading the model and reading the rows", onStop: () => own.stop(), onCancel: () => own.cancel() });
    this.watching = { course, view, readings: 0, own };
    this.probe?.showLive(view.element);
  }

  private endOwn(): void {
    if (!this.watching?.own) return;
    this.watching.own.cancel();
    this.watching = null;
  }

  private receive(event: JobEvent): void {
    const { watching } = this;
    if (!watching || !apply(watching.course, event)) return;
    watching.view.draw();
    if (watching.course.readings.length !== watching.readings) {
      watching.readings = watching.course.readings.length;
      void this.forecast(watching);
    }
  }

  private async forecast(watching: NonNullable<typeof this.watching>): Promise<void> {
    const { course, view } = watching;
    try {
      const found = await this.handlers.forecast(course.readings.map(({ step, features }) => ({ step, features })), (course.start?.["features"] as Features | undefined) ?? null, watching.own !== null);
      if (!found || this.watching !== watching) return;
      if ("note" in found) view.setNote(found.note);
      else view.setForecast(found.steps, found.threshold, found.ended);
    } catch {
      // The forecast's own section says why there is none.
    }
  }

  private async told(asked: Promise<unknown> | undefined): Promise<void> {
    try {
      await asked;
    } catch (thrown) {
      const failure = asFailure(thrown);
      if (failure.details !== "lost") this.handlers.say(`${failure.what}. ${failure.todo}`);
    }
  }
}

/** Asked without a click the browser would only refuse; where it does not know the question it does not ask. */
async function mayReachLoopback(): Promise<boolean> {
  for (const name of ["loopback-network", "local-network-access"]) {
    try {
      const { state } = await navigator.permissions.query({ name: name as PermissionName });
      return state === "granted";
    } catch {
      // not known here
    }
  }
  return true;
}
