// An agent as the page meets it, played by the test: the same messages, under its control.

export const WELCOME = {
  type: "welcome", protocol: 1, min_version: 1, spoken: 1, agent: "0.1.0", boot: "first", token: "kept-secret",
  device: { kind: "cpu", name: "a processor of the test", cores: 2, memory_bytes: null, instructions: "none" },
  models: [{ name: "tiny", parameters: 1_000_000, bundled: true }], kinds: ["probe"], may_name_paths: false,
  max_message_bytes: 1 << 20, max_upload_bytes: 64 << 20,
};

export class AgentDouble {
  /** Everything that clients said, in order. */
  heard = [];
  jobs = [];
  events = [];
  sockets = new Set();
  secrets = new Set(["one-time-code", "kept-secret"]);
  received = new Map();

  /** Answers for the address in this context; `reachable: false` is a browser that refuses. */
  async attach(context, { reachable = true } = {}) {
    await context.route("http://127.0.0.1:7878/**", (route) => (reachable ? route.fulfill({ json: { foretune: "0.1.0", protocol: 1, min_version: 1 }, headers: { "access-control-allow-origin": "*" } }) : route.abort()));
    await context.routeWebSocket("ws://127.0.0.1:7878/v1/socket", (socket) => {
      const client = { socket, watches: new Set() };
      this.sockets.add(client);
      socket.onMessage((text) => this.hear(client, JSON.parse(text)));
      socket.onClose(() => this.sockets.delete(client));
    });
  }

  hear(client, message) {
    this.heard.push(message);
    const answer = (content) => client.socket.send(JSON.stringify({ re: message.id, ...content }));
    switch (message.type) {
      case "hello":
        if (!this.secrets.has(message.token)) return answer({ type: "refused", rule: "token", message: "The secret is missing, wrong, or has been replaced", fix: "open the pairing link anew" });
        answer(WELCOME);
        return client.socket.send(JSON.stringify({ type: "jobs", jobs: this.jobs, pinned: null, more: false }));
      case "upload": {
        const text = (this.received.get(message.upload) ?? "") + message.text;
        this.received.set(message.upload, text);
        return answer({ type: "uploaded", upload: message.upload, received: Buffer.byteLength(text), ...(message.last ? { data: `kept-${this.received.size}` } : {}) });
      }
      case "start": {
        const job = { job: this.jobs.length + 1, title: message.title, spec: message.job, state: "running", attempts: 1, created_ms: 1, started_ms: 2, ended_ms: null, last_seq: 0, done: 0, total: 100, score: null, error: null };
        this.jobs = [job, ...this.jobs];
        return answer({ type: "job", job });
      }
      case "subscribe":
        client.watches.add(message.job);
        answer({ type: "subscribed", job: message.job, from: message.from, last_seq: this.events.length });
        for (const event of this.events.filter(({ seq }) => seq >= message.from)) client.socket.send(JSON.stringify(event));
        return;
      case "pin":
        return answer({ type: "pinned", job: message.job });
      default:
        return answer({ type: "job", job: this.jobs[0] });
    }
  }

  tell(kind, payload) {
    const event = { type: "event", job: this.jobs[0]?.job ?? 1, seq: this.events.length + 1, time_ms: this.events.length, kind, payload };
    this.events.push(event);
    for (const client of this.sockets) if (client.watches.has(event.job)) client.socket.send(JSON.stringify(event));
  }

  step(step) {
    this.tell("step", { step, loss: 3 / Math.sqrt(step), learning_rate: 1e-4, gradient_norm: 1 + 1 / step, gradient_cosine: 0.3, half_norm_squared: 1, gradient_sparsity: 0, activation_sparsity: 0, update_ratio: 0.01 });
  }

  /** Breaks every connection. */
  drop() {
    for (const client of this.sockets) client.socket.close({ code: 1012, reason: "restart" });
    this.sockets.clear();
  }

  said(type) {
    return this.heard.filter((message) => message.type === type);
  }
}
