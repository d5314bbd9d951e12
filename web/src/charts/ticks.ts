// Round numbers for an axis, linear or logarithmic.

/** Zero and steps of 1, 2 or 5 times a power of ten, about `wanted` of them, none beyond `top`. */
export function niceTicks(top: number, wanted: number): number[] {
  if (!(top > 0) || !Number.isFinite(top)) return [0];
  return between(0, top, Math.max(1, stepFor(top, wanted)));
}

/** Round numbers from `low` to `high`, about `wanted` of them. */
export function rangeTicks(low: number, high: number, wanted: number): number[] {
  if (!(high > low) || !Number.isFinite(high - low)) return [low];
  const step = stepFor(high - low, wanted);
  return between(Math.ceil(low / step - 1e-9) * step, high, step);
}

/** Powers of ten, and 2 and 5 times them where few powers fit. */
export function logTicks(low: number, high: number): number[] {
  const factors = Math.log10(high / low) <= 2 ? [1, 2, 5] : [1];
  const ticks: number[] = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power += 1) {
    for (const factor of factors) {
      const tick = factor * 10 ** power;
      if (tick >= low * (1 - 1e-9) && tick <= high * (1 + 1e-9)) ticks.push(tick);
    }
  }
  return ticks;
}

function stepFor(span: number, wanted: number): number {
  const rough = span / Math.max(1, wanted);
  const power = 10 ** Math.floor(Math.log10(rough));
  return ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10) * power;
}

function between(from: number, to: number, step: number): number[] {
  const ticks: number[] = [];
  for (let index = 0; from + index * step <= to + step * 1e-9; index += 1) ticks.push(from + index * step);
  return ticks;
}
