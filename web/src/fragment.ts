// The part of the page's state that is worth sharing, in the URL fragment: it is never sent to a server,
// and it never holds data from a file.

export interface Shared {
  sample?: string;
  maxTokens?: number;
  /** Code of the finding that is open. */
  finding?: string;
}

const NAME = /^[a-z0-9_-]{1,40}$/;

/** The link to a forecast that the fragment is, if it is one; core reads what stands in it. */
export function forecastLink(fragment: string): string | null {
  return /^#f\d{1,6}\./.test(fragment) ? fragment : null;
}

export function readFragment(fragment: string): Shared {
  const shared: Shared = {};
  const values = new URLSearchParams(fragment.replace(/^#/, ""));
  const sample = values.get("sample");
  if (sample && NAME.test(sample)) shared.sample = sample;
  const maxTokens = Number(values.get("max"));
  if (Number.isInteger(maxTokens) && maxTokens > 0 && maxTokens <= 10_000_000) shared.maxTokens = maxTokens;
  const finding = values.get("finding");
  if (finding && NAME.test(finding)) shared.finding = finding;
  return shared;
}

export function writeFragment(shared: Shared): string {
  const values = new URLSearchParams();
  if (shared.sample) values.set("sample", shared.sample);
  if (shared.maxTokens) values.set("max", String(shared.maxTokens));
  if (shared.finding) values.set("finding", shared.finding);
  const text = values.toString();
  return text ? `#${text}` : "";
}
