/** Medians, spreads and percentiles of measurements. */

/** The result of several runs of the same operation. */
export interface Sample {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly runs: readonly number[];
}

export interface Percentiles {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
  readonly count: number;
}

function ascending(values: readonly number[]): number[] {
  return [...values].sort((a, b) => a - b);
}

export function median(values: readonly number[]): number {
  const sorted = ascending(values);
  const upper = sorted[sorted.length >> 1] ?? Number.NaN;
  const lower = sorted[(sorted.length - 1) >> 1] ?? Number.NaN;
  return (upper + lower) / 2;
}

export function sampleOf(runs: readonly number[]): Sample {
  return { median: median(runs), min: Math.min(...runs), max: Math.max(...runs), runs };
}

/** Percentiles by nearest rank. */
export function percentilesOf(values: readonly number[]): Percentiles {
  const sorted = ascending(values);
  const at = (share: number): number => sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1), count: sorted.length };
}

/** Operations per second in each of `runs` runs, after one warm-up run. */
export async function ratesOf(runs: number, operations: number, run: () => Promise<void>): Promise<Sample> {
  await run();
  const rates: number[] = [];
  for (let index = 0; index < runs; index += 1) {
    const startedMs = performance.now();
    await run();
    rates.push((operations * 1_000) / (performance.now() - startedMs));
  }
  return sampleOf(rates);
}

/** Makes `total` calls of `work`, `width` of them concurrently. */
export async function inFlight(total: number, width: number, work: (index: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < total) await work(next++);
  };
  await Promise.all(Array.from({ length: Math.min(width, total) }, lane));
}
