// One connection to an agent: hello, questions with answers, events of watched jobs from a number on. A broken
// connection is taken up again by itself, and every watched job goes on where it was.

import type { Failure } from "../protocol.js";
import { keepPairing, type Pairing } from "./pairing.js";
import { MIN_VERSION, PROTOCOL, type ClientMessage, type JobEvent, type JobInfo, type Refusal, type ServerMessage, type Welcome } from "./wire.js";

export type ConnectionState = "connecting" | "connected" | "waiting" | "refused";

export interface ConnectionHandlers {
  /** `isUnpaired`: the secret is worth nothing any more. */
  onState(state: ConnectionState, words: string, isUnpaired?: boolean): void;
  onJobs(jobs: JobInfo[], pinned: number | null): void;
  onEvent(event: JobEvent): void;
}

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 5000;
/** Below the agent's bound on a message, JSON's escapes included. */
const PART_CHARACTERS = 200_000;

interface Waiting {
  resolve(message: ServerMessage): void;
  reject(failure: Failure): void;
}

export class Connection {
  welcome: Welcome | null = null;
  private socket: WebSocket | null = null;
  private lastId = 0;
  private waitMs = FIRST_WAIT_MS;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private closed = false;
  private jobs: JobInfo[] = [];
  private pinned: number | null = null;
  private readonly waiting = new Map<number, Waiting>();
  /** Last number seen of each watched job. */
  private readonly watched = new Map<number, number>();

  constructor(private pairing: Pairing, private readonly handlers: ConnectionHandlers) {
    this.open();
  }

  get address(): string {
    return this.pairing.address;
  }

  /** Rejects with a `Failure`, also where the agent refuses. */
  ask(message: ClientMessage): Promise<ServerMessage> {
    const { socket } = this;
    if (!socket || socket.readyState !== WebSocket.OPEN) return Promise.reject(lost());
    this.lastId += 1;
    const id = this.lastId;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      socket.send(JSON.stringify({ id, ...message }));
    });
  }

  async startJob(title: string, job: Extract<ClientMessage, { type: "start" }>["job"]): Promise<JobInfo> {
    const answer = await this.ask({ type: "start", title, job });
    if (answer.type !== "job") throw lost();
    return answer.job;
  }

  /** Events from `seen + 1` on, now and after every reconnection. */
  async watch(job: number, seen: number): Promise<void> {
    this.watched.set(job, seen);
    await this.ask({ type: "subscribe", job, from: seen + 1 });
  }

  unwatch(job: number): void {
    if (this.watched.delete(job)) this.ask({ type: "unsubscribe", job }).catch(() => undefined);
  }

  /** Hands rows over, JSON Lines, in parts; what a job calls them comes back. */
  async upload(text: string, onShare: (share: number) => void): Promise<string> {
    const upload = `page-${crypto.randomUUID()}`;
    const encoder = new TextEncoder();
    let offset = 0;
    let from = 0;
    for (;;) {
      let to = Math.min(text.length, from + PART_CHARACTERS);
      // Never between the halves of one character.
      if (to < text.length && /[\ud800-\udbff]/.test(text[to - 1] ?? "")) to -= 1;
      const part = text.slice(from, to);
      const last = to >= text.length;
      const answer = await this.ask({ type: "upload", upload, offset, text: part, last });
      if (answer.type !== "uploaded") throw lost();
      offset += encoder.encode(part).length;
      from = to;
      onShare(text.length ? to / text.length : 1);
      if (last) return answer.data ?? upload;
    }
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
    this.socket?.close();
  }

  private open(): void {
    this.handlers.onState("connecting", `connecting to ${this.address}`);
    const socket = new WebSocket(`${this.address.replace(/^http/, "ws")}/v1/socket`);
    this.socket = socket;
    socket.onopen = () => this.hello();
    socket.onmessage = (event: MessageEvent<string>) => this.receive(JSON.parse(event.data) as ServerMessage);
    socket.onclose = () => this.dropped(socket);
  }

  private async hello(): Promise<void> {
    try {
      const welcome = await this.ask({ type: "hello", protocol: PROTOCOL, min_version: MIN_VERSION, token: this.pairing.token, client: "page" });
      if (welcome.type !== "welcome") throw lost();
      const unfit = unspoken(welcome);
      if (unfit) throw { what: `it speaks protocol ${welcome.min_version} to ${welcome.protocol}, this page ${MIN_VERSION} to ${PROTOCOL}`, where: "", todo: "", details: unfit } satisfies Failure;
      this.welcome = welcome;
      // A one-time code becomes a secret that lasts.
      if (welcome.token) this.pairing = { ...this.pairing, token: welcome.token };
      keepPairing(this.pairing);
      this.waitMs = FIRST_WAIT_MS;
      this.handlers.onState("connected", `connected to ${this.address}: ${welcome.device.name}`);
      for (const [job, seen] of this.watched) this.ask({ type: "subscribe", job, from: seen + 1 }).catch(() => undefined);
    } catch (thrown) {
      const failure = thrown as Failure;
      if (failure.details === "lost") return;
      this.refused(failure);
    }
  }

  private refused({ what, todo, details: rule }: Failure): void {
    this.close();
    const told = rule === "client_too_old" || rule === "agent_too_old" ? this.versionWords(rule, what) : { what, todo };
    this.handlers.onState("refused", [told.what, told.todo].filter(Boolean).map(sentence).join(". "), rule === "token");
  }

  /** In the page's words: a refusal is written for any client. */
  private versionWords(rule: "client_too_old" | "agent_too_old", facts: string): { what: string; todo: string } {
    return rule === "client_too_old"
      ? { what: `This page is older than the agent at ${this.address} (${facts})`, todo: `Reload the page to get its newest version, or open the one that the agent carries at ${this.address}` }
      : { what: `The agent at ${this.address} is older than this page (${facts})`, todo: `Update foretune on this computer and start foretune serve again, or open the page that this agent carries at ${this.address}` };
  }

  private dropped(socket: WebSocket): void {
    if (socket !== this.socket) return;
    for (const waiting of this.waiting.values()) waiting.reject(lost());
    this.waiting.clear();
    if (this.closed) return;
    // A socket that never was greeted tells nothing of why; the agent's diagnosis does.
    if (!this.welcome) void this.diagnose();
    this.handlers.onState("waiting", `the connection to ${this.address} is lost; the agent goes on with its jobs, and the page takes up where it was`);
    this.timer = setTimeout(() => this.open(), this.waitMs);
    this.waitMs = Math.min(LONGEST_WAIT_MS, 2 * this.waitMs);
  }

  private async diagnose(): Promise<void> {
    try {
      const response = await fetch(`${this.address}/v1/diagnose?protocol=${PROTOCOL}&min_version=${MIN_VERSION}`);
      const diagnosis = (await response.json()) as Record<string, { ok?: boolean; refusal?: Refusal } | undefined>;
      const refusal = ["host", "origin", "version", "clients"].map((what) => diagnosis[what]).find((finding) => finding?.ok === false)?.refusal;
      if (!refusal || this.welcome) return;
      this.refused({ what: refusal.message, where: "", todo: refusal.fix ?? "", details: refusal.rule });
    } catch {
      // Nobody is there: the page goes on trying.
    }
  }

  private receive(message: ServerMessage): void {
    const waiting = message.re === undefined ? undefined : this.waiting.get(message.re);
    if (message.re !== undefined) this.waiting.delete(message.re);
    if (message.type === "refused") {
      waiting?.reject({ what: message.message, where: "", todo: message.fix ?? "", details: message.rule });
      return;
    }
    if (message.type === "event") {
      const seen = this.watched.get(message.job);
      if (seen !== undefined) this.watched.set(message.job, Math.max(seen, message.seq));
      this.handlers.onEvent(message);
    } else if (message.type === "jobs") {
      [this.jobs, this.pinned] = [message.jobs, message.pinned];
      this.handlers.onJobs(this.jobs, this.pinned);
    } else if (message.type === "job") {
      const { job } = message;
      this.jobs = [job, ...this.jobs.filter((known) => known.job !== job.job)].sort((a, b) => b.job - a.job);
      this.handlers.onJobs(this.jobs, this.pinned);
    } else if (message.type === "pinned") {
      this.pinned = message.job;
      this.handlers.onJobs(this.jobs, this.pinned);
    }
    waiting?.resolve(message);
  }
}

/** An agent that did not compare versions itself: which side has to be brought up to date. */
function unspoken({ protocol, min_version: least, spoken }: Welcome): "client_too_old" | "agent_too_old" | null {
  if (!(protocol >= MIN_VERSION) || spoken < MIN_VERSION) return "agent_too_old";
  return least > PROTOCOL || spoken > PROTOCOL ? "client_too_old" : null;
}

const sentence = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

function lost(): Failure {
  return { what: "The connection to the agent is lost", where: "", todo: "It is taken up again by itself; then try once more", details: "lost" };
}

/** Whether there is an agent at the address, asked by a plain request first: browsers ask the person for
 * permission to reach this computer then, and only for a click. */
export async function agentAt(address: string): Promise<{ foretune: string } | null> {
  try {
    // Not in the typings yet; where it is not known it is not looked at.
    const options = { targetAddressSpace: "loopback" } as RequestInit;
    const response = await fetch(`${address}/health`, options);
    return response.ok ? ((await response.json()) as { foretune: string }) : null;
  } catch {
    return null;
  }
}
