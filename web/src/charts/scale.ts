// Values to pixels along one axis.

import { logTicks, rangeTicks } from "./ticks.js";

export interface Scale {
  low: number;
  high: number;
  at(value: number): number;
  ticks(wanted: number): number[];
}

/** Over the finite values with a little room at both ends; logarithmic axes take those above zero. */
export function scaleOf(values: (number | null | undefined)[], from: number, to: number, logarithmic = false): Scale {
  const usable = values.filter((value): value is number => typeof value === "number" && Number.isFinite(value) && (!logarithmic || value > 0));
  let low = usable.reduce((least, value) => Math.min(least, value), Infinity);
  let high = usable.reduce((most, value) => Math.max(most, value), -Infinity);
  if (low > high) [low, high] = [1, 2];
  if (logarithmic) {
    const room = high / low > 1 + 1e-9 ? (high / low) ** 0.03 : 1.5;
    [low, high] = [low / room, high * room];
  } else {
    const room = high - low > 1e-9 * Math.max(1e-9, Math.abs(high)) ? 0.04 * (high - low) : 0.5 * Math.max(1, Math.abs(high));
    [low, high] = [low - room, high + room];
  }
  const share = (value: number): number => (logarithmic ? Math.log(Math.max(value, 1e-300) / low) / Math.log(high / low) : (value - low) / (high - low));
  return {
    low,
    high,
    at: (value) => from + Math.min(1, Math.max(0, share(value))) * (to - from),
    // Within a few doublings round numbers of equal distance tell more than powers.
    ticks: (wanted) => (logarithmic && high / low > 8 ? thinned(logTicks(low, high), wanted) : rangeTicks(low, high, wanted)),
  };
}

function thinned(ticks: number[], wanted: number): number[] {
  const every = Math.ceil(ticks.length / Math.max(2, wanted + 1));
  return ticks.filter((_, index) => index % every === 0);
}
