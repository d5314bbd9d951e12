// What the page and an agent say to each other; core's `wire` defines it, these are the types of its JSON.

export const PROTOCOL = 1;
export const MIN_VERSION = 1;

export interface Refusal {
  rule: string;
  message: string;
  fix?: string;
}

export interface DeviceInfo {
  kind: string;
  name: string;
  cores: number;
  memory_bytes: number | null;
}

export interface Welcome {
  type: "welcome";
  protocol: number;
  min_version: number;
  /** The version that is spoken from here on. */
  spoken: number;
  agent: string;
  boot: string;
  token?: string;
  device: DeviceInfo;
  models: { name: string; parameters: number | null; bundled: boolean }[];
  kinds: string[];
  max_message_bytes: number;
  max_upload_bytes: number;
}

export type JobState = "queued" | "running" | "stopping" | "done" | "failed" | "cancelled";

export interface ProbeSpec {
  kind: "probe";
  data: { upload: string };
  eval?: { upload: string };
  set_aside?: { rows: number; seed: number };
  model: string;
  steps?: number;
  device?: "auto" | "cpu" | "cuda";
  recipe: Record<string, number | string>;
}

export type JobSpec = ProbeSpec | { kind: string; model?: string; recipe?: Record<string, unknown> };

export interface JobInfo {
  job: number;
  title: string;
  spec: JobSpec;
  state: JobState;
  attempts: number;
  created_ms: number;
  started_ms: number | null;
  ended_ms: number | null;
  last_seq: number;
  done: number;
  total: number | null;
  score: number | null;
  /** Of a job that has told its result; older agents tell nothing. */
  measured?: { tokens_per_second: number; peak_memory_bytes: number | null };
  error: string | null;
}

export interface StepRecord {
  step: number;
  loss: number | null;
  learning_rate: number;
  gradient_norm: number | null;
  gradient_cosine: number | null;
}

export interface ReadingRecord {
  step: number;
  features: Record<string, number | null>;
}

export type EventBody =
  | { kind: "attempt"; payload: { attempt: number } }
  | { kind: "progress"; payload: { done: number; total: number | null; unit: string } }
  | { kind: "start"; payload: Record<string, unknown> }
  | { kind: "step"; payload: StepRecord }
  | { kind: "reading"; payload: ReadingRecord }
  | { kind: "log"; payload: { level: "info" | "warning" | "error"; text: string } }
  | { kind: "result"; payload: Record<string, unknown> }
  | { kind: "done"; payload: { answer: "yes" | "no"; stopped_early: boolean } }
  | { kind: "failed"; payload: { message: string } }
  | { kind: "cancelled"; payload: Record<string, never> };

export type JobEvent = { job: number; seq: number; time_ms: number } & EventBody;

export type ServerMessage = { re?: number } & (
  | Welcome
  | ({ type: "refused" } & Refusal)
  | { type: "jobs"; jobs: JobInfo[]; pinned: number | null; more: boolean }
  | { type: "job"; job: JobInfo }
  | { type: "subscribed"; job: number; from: number; last_seq: number }
  | { type: "unsubscribed"; job: number }
  | ({ type: "event" } & JobEvent)
  | { type: "uploaded"; upload: string; received: number; data?: string }
  | { type: "pinned"; job: number | null }
  | { type: "pong" }
  | { type: "bye" }
);

export type ClientMessage =
  | { type: "hello"; protocol: number; min_version: number; token: string; client: string }
  | { type: "list_jobs"; before?: number }
  | { type: "start"; title: string; job: JobSpec }
  | { type: "subscribe"; job: number; from: number }
  | { type: "unsubscribe"; job: number }
  | { type: "cancel" | "stop_early"; job: number }
  | { type: "pin"; job: number | null }
  | { type: "upload"; upload: string; offset: number; text: string; last: boolean };
