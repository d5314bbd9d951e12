// A real daemon in a folder of its own: started, killed as `kill -9` does, and started again at the same port.

import { spawn } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { binary, foretune } from "./places.mjs";

const PATIENCE_MS = 120_000;

export class Daemon {
  port = 0;

  constructor(folder) {
    this.folder = folder;
  }

  /** Returns once it answers. */
  async start(more = []) {
    const log = openSync(join(this.folder, "log-of-the-test"), "a");
    this.process = spawn(binary(), ["serve", "--port", String(this.port), "--state", this.folder, ...more], { stdio: ["ignore", "ignore", log] });
    closeSync(log);
    this.ended = new Promise((resolve) => this.process.once("exit", resolve));
    const place = join(this.folder, "daemon.json");
    const read = () => {
      try {
        return JSON.parse(readFileSync(place, "utf8"));
      } catch {
        return {};
      }
    };
    await until(() => {
      if (this.process.exitCode !== null) throw new Error(`the daemon ended: ${readFileSync(join(this.folder, "log-of-the-test"), "utf8")}`);
      return existsSync(place) && read().process === this.process.pid;
    });
    this.port = read().port;
    await until(async () => fetch(`${this.address}/health`).then((response) => response.ok, () => false));
  }

  get address() {
    return `http://127.0.0.1:${this.port}`;
  }

  /** The pairing link of its own page. */
  link() {
    return foretune(["serve", "--link", "--state", this.folder]).trim().split("\n")[0];
  }

  async kill(signal = "SIGKILL") {
    if (this.process && this.process.exitCode === null && this.process.signalCode === null) this.process.kill(signal);
    await this.ended;
  }
}

export async function until(condition) {
  const deadline = Date.now() + PATIENCE_MS;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`waited in vain for ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
