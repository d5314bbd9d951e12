// The bundled samples: written by a generator in web/samples, flawed the way real files are.

export interface Sample {
  name: string;
  file: string;
  title: string;
  says: string;
}

export const SAMPLES: readonly Sample[] = [
  { name: "support-bot", file: "support-bot.jsonl", title: "Support bot", says: "chat messages with roles, tools and a few traps" },
  { name: "ticket-labels", file: "ticket-labels.csv", title: "Ticket labels", says: "a CSV of short texts and one of six labels" },
  { name: "product-copy", file: "product-copy.jsonl", title: "Product copy", says: "prompts and completions, almost clean" },
];

declare const SAMPLE_FILES: Readonly<Record<string, string>>;

/** Fetches a bundled sample as if it had been dropped. */
export async function sampleFile(name: string): Promise<File | null> {
  const sample = SAMPLES.find((candidate) => candidate.name === name);
  const address = sample && SAMPLE_FILES[sample.file];
  if (!sample || !address) return null;
  const response = await fetch(new URL(address, import.meta.url));
  if (!response.ok) throw new Error(`the sample ${sample.file} could not be loaded (HTTP ${response.status})`);
  return new File([await response.blob()], sample.file);
}
