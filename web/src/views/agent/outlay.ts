// What a probe takes of an agent: by what the newest job of the same model took there.

import type { JobInfo } from "../../agent/wire.js";
import { count, counted, seconds } from "../../numbers.js";
import type { Bar } from "../../report.js";

export interface Planned {
  model: string;
  steps: number;
  rowsAStep: number;
  longestRow: number;
}

/** `tokens`: of the file's rows. */
export function outlayWords(jobs: JobInfo[], planned: Planned, tokens: Bar[]): string {
  const like = jobs.filter((job) => job.spec.model === planned.model && job.measured !== undefined).sort((a, b) => b.job - a.job)[0];
  const measured = like?.measured;
  if (!like || !measured) return "How long it takes and how much memory is known once a job of this model has run here; a probe tells after its first steps";
  const rowTokens = meanTokens(tokens, planned.longestRow);
  const time = rowTokens === null ? "" : `About ${seconds((planned.steps * planned.rowsAStep * rowTokens) / measured.tokens_per_second)} for ${counted(planned.steps, "step")}, readings left out: `;
  const memory = measured.peak_memory_bytes === null ? "" : `, and it took ${(measured.peak_memory_bytes / 2 ** 30).toFixed(1)} GiB at most${rowsOf(like)}`;
  return `${time}job ${like.job} of this model trained on ${count(measured.tokens_per_second)} tokens a second here${memory}`;
}

function rowsOf({ spec }: JobInfo): string {
  const rows = spec.recipe?.["batch_size"];
  return typeof rows === "number" ? ` with ${counted(rows, "row")} a step` : "";
}

/** Of a row as it is trained on: cut at the longest. */
function meanTokens(bars: Bar[], longestRow: number): number | null {
  const rows = bars.reduce((sum, bar) => sum + bar.count, 0);
  return rows ? bars.reduce((sum, bar) => sum + bar.count * Math.min((bar.from + bar.to) / 2, longestRow), 0) / rows : null;
}
