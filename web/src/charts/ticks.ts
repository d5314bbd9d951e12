// Round numbers for an axis from zero.

/** Zero and steps of 1, 2 or 5 times a power of ten, about `wanted` of them, none beyond `top`. */
export function niceTicks(top: number, wanted: number): number[] {
  if (!(top > 0) || !Number.isFinite(top)) return [0];
  const rough = top / Math.max(1, wanted);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max(1, ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10) * power);
  const ticks: number[] = [];
  for (let tick = 0; tick <= top * (1 + 1e-9); tick += step) ticks.push(tick);
  return ticks;
}
