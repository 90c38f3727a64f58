/** Points of a small curve, kept in the page while it is open. */

export interface SparkShape {
  readonly line: string;
  readonly area: string;
}

export interface Sample {
  readonly atMs: number;
  readonly value: number;
}

const longestGapMs = 15_000;

/** Adds a sample, and drops what is older than the window. A sample of the same moment replaces the former one. */
export function withSample(samples: readonly Sample[], sample: Sample, windowMs: number): readonly Sample[] {
  const kept = samples.filter(({ atMs }) => atMs > sample.atMs - windowMs && atMs < sample.atMs);
  return [...kept, sample];
}

/** A path in a box of the width of the window and the given height. Where nothing was heard for a while, there is no line. */
export function sparkShape(
  samples: readonly Sample[],
  size: { width: number; height: number },
  windowMs: number,
): SparkShape {
  const last = samples.at(-1);
  if (last === undefined) return { line: '', area: '' };
  const top = Math.max(...samples.map(({ value }) => value), 1e-9) * 1.1;
  const x = ({ atMs }: Sample): number => round(size.width * (1 - (last.atMs - atMs) / windowMs));
  const y = ({ value }: Sample): number => round(size.height - 1 - (size.height - 2) * (value / top));
  let line = '';
  let area = '';
  let before: Sample | undefined;
  for (const sample of samples) {
    const isNew = before === undefined || sample.atMs - before.atMs > longestGapMs;
    if (isNew && before !== undefined) area += `L${x(before)} ${size.height}Z`;
    if (isNew) area += `M${x(sample)} ${size.height}`;
    line += `${isNew ? 'M' : 'L'}${x(sample)} ${y(sample)}`;
    area += `L${x(sample)} ${y(sample)}`;
    before = sample;
  }
  return { line, area: `${area}L${x(last)} ${size.height}Z` };
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
