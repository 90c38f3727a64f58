/** A figure with its curve of the last ten minutes, and a meter. */
import { useEffect, useState } from 'preact/hooks';
import { type Sample, sparkShape, withSample } from '../text/sparks.ts';

const windowMs = 600_000;
const size = { width: 200, height: 34 };

/** Curves outlive the page that shows them, so that coming back does not begin anew. */
const kept = new Map<string, readonly Sample[]>();
const keptCurves = 40;

function keep(key: string, sample: Sample): readonly Sample[] {
  const samples = withSample(kept.get(key) ?? [], sample, windowMs);
  kept.delete(key);
  kept.set(key, samples);
  const [oldest] = kept.keys();
  if (kept.size > keptCurves && oldest !== undefined) kept.delete(oldest);
  return samples;
}

export interface SparkProps {
  readonly name: string;
  readonly value: number;
  /** When it was heard. */
  readonly atMs: number | undefined;
  readonly isBad?: boolean;
}

export function Spark({ name, value, atMs, isBad = false }: SparkProps) {
  const [samples, setSamples] = useState<readonly Sample[]>(kept.get(name) ?? []);
  useEffect(() => {
    if (atMs !== undefined) setSamples(keep(name, { atMs, value }));
  }, [name, atMs]);
  const { line, area } = sparkShape(samples, size, windowMs);
  return (
    <svg
      class={isBad ? 'spark bad' : 'spark'}
      viewBox={`0 0 ${size.width} ${size.height}`}
      preserveAspectRatio="none"
      aria-hidden="true"
    >
      <path class="area" d={area} />
      <path d={line} />
    </svg>
  );
}

export function Meter({
  share,
  tone = 'run',
  label,
}: {
  readonly share: number;
  readonly tone?: string;
  readonly label: string;
}) {
  const width = Math.max(0, Math.min(1, share)) * 100;
  return (
    <div class={`meter ${tone}`} role="img" aria-label={label}>
      <svg viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
        <rect width={width} height="4" />
      </svg>
    </div>
  );
}
