// How numbers look: grouped digits, few decimals, units. Missing is a dash, never a zero.

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
export const MISSING = "–";

export function count(value: number | null | undefined): string {
  return value === null || value === undefined || !Number.isFinite(value) ? MISSING : whole.format(value);
}

/** "1 row", "2 rows". */
export function counted(value: number, singular: string, plural = `${singular}s`): string {
  return `${count(value)} ${value === 1 ? singular : plural}`;
}

/** About three significant digits, without an exponent between a millionth and a trillion. */
export function measure(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return MISSING;
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size >= 100) return new Intl.NumberFormat("en", { maximumFractionDigits: size >= 1000 ? 0 : 1 }).format(value);
  if (size < 1e-4) return value.toExponential(1);
  return new Intl.NumberFormat("en", { maximumSignificantDigits: 3 }).format(value);
}

/** As ticks have it: 1.6M, 200k, 0.35. */
export function compact(value: number): string {
  const size = Math.abs(value);
  const short = (scaled: number, unit: string): string => `${Number(scaled.toPrecision(3))}${unit}`;
  if (size >= 1e9) return short(value / 1e9, "G");
  if (size >= 1e6) return short(value / 1e6, "M");
  if (size >= 1e4) return short(value / 1e3, "k");
  if (size > 0 && size < 1e-3) return value.toExponential(0);
  return String(Number(value.toPrecision(4)));
}

/** A score or a part of one: "61.4". */
export function points(value: number | null | undefined): string {
  return value === null || value === undefined || !Number.isFinite(value) ? MISSING : value.toFixed(1);
}

/** With its sign: "+3.2". */
export function signed(value: number): string {
  return `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(Math.abs(value) < 0.095 ? 2 : 1)}`;
}

export function percent(share: number | null | undefined): string {
  if (share === null || share === undefined || !Number.isFinite(share)) return MISSING;
  const points = share * 100;
  if (points > 0 && points < 0.1) return "< 0.1 %";
  if (points < 100 && points > 99.9) return "> 99.9 %";
  return `${new Intl.NumberFormat("en", { maximumFractionDigits: points < 10 ? 1 : 0 }).format(points)} %`;
}

export function bytes(value: number): string {
  const units = ["bytes", "kB", "MB", "GB"];
  let size = value;
  let unit = 0;
  while (size >= 1000 && unit < units.length - 1) {
    size /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? whole.format(size) : size.toFixed(size < 10 ? 1 : 0)} ${units[unit]}`;
}

export function seconds(value: number): string {
  if (!Number.isFinite(value)) return MISSING;
  if (value < 0.95) return "under a second";
  if (value < 90) return `${Math.round(value)} s`;
  if (value < 5400) return `${Math.round(value / 60)} min`;
  return `${(value / 3600).toFixed(1)} h`;
}

export function elapsed(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

export function money(amount: number | null | undefined, currency = "USD"): string {
  if (amount === null || amount === undefined || !Number.isFinite(amount)) return MISSING;
  return new Intl.NumberFormat("en", { style: "currency", currency, maximumFractionDigits: 2 }).format(amount);
}

/** "a, b and c". */
export function listed(names: string[]): string {
  if (names.length < 2) return names.join("");
  return `${names.slice(0, -1).join(", ")} and ${names[names.length - 1]}`;
}
