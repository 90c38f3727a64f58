/**
 * How durations are spread, in buckets that grow by a factor of 2^(1/4), so that a quantile is wrong by less than a fifth
 * whatever the scale. What was seen `fadeMs` ago counts 1/e. Weights of several histograms are merged by adding them.
 *
 * New observations are given more weight rather than old ones less: one addition each, and a rescaling now and then.
 */
const fadeMs = 300_000;
const perOctave = 4;
/** Bucket 0 is below 1 ms; the last one begins at 35 days. */
const bucketCount = 128;
const rescaleAt = 2 ** 40;
const coldWeight = 0.01;

/** Weights by bucket; what is missing at the end is 0. */
export type DurationWeights = readonly number[];

export class DurationHistogram {
  #weights: Float64Array | undefined;
  #total = 0;
  /** An observation at this instant weighs 1 in `#weights`. */
  #originMs = 0;
  #newestMs = 0;

  observe(durationMs: number, nowMs: number): void {
    this.#weights ??= this.#empty(nowMs);
    let weight = this.#scaleAt(nowMs);
    if (weight > rescaleAt) {
      this.#weights = this.#weights.map((old) => old / weight);
      this.#total /= weight;
      this.#originMs = this.#newestMs;
      weight = 1;
    }
    const bucket = bucketOf(durationMs);
    this.#weights[bucket] = (this.#weights[bucket] ?? 0) + weight;
    this.#total += weight;
  }

  /** As of now, so that the weights of two histograms can be added. */
  weights(nowMs: number): DurationWeights {
    if (this.#weights === undefined || this.isCold(nowMs)) return [];
    const scale = this.#scaleAt(nowMs);
    const weights = Array.from(this.#weights, (weight) => Math.round((1_000 * weight) / scale) / 1_000);
    return weights.slice(0, weights.findLastIndex((weight) => weight > 0) + 1);
  }

  /** All that was observed has faded. */
  isCold(nowMs: number): boolean {
    if (this.#total / this.#scaleAt(nowMs) < coldWeight) this.#weights = undefined;
    return this.#weights === undefined;
  }

  #empty(nowMs: number): Float64Array {
    this.#total = 0;
    this.#originMs = nowMs;
    this.#newestMs = nowMs;
    return new Float64Array(bucketCount);
  }

  /** The clock may step back; observations do not get lighter then. */
  #scaleAt(nowMs: number): number {
    this.#newestMs = Math.max(this.#newestMs, nowMs);
    return Math.exp((this.#newestMs - this.#originMs) / fadeMs);
  }
}

function bucketOf(durationMs: number): number {
  if (durationMs < 1) return 0;
  return Math.min(bucketCount - 1, Math.floor(Math.log2(durationMs) * perOctave) + 1);
}

export function addWeights(one: DurationWeights, other: DurationWeights): DurationWeights {
  const [longer, shorter] = one.length >= other.length ? [one, other] : [other, one];
  return longer.map((weight, bucket) => weight + (shorter[bucket] ?? 0));
}

export function totalOf(weights: DurationWeights): number {
  return weights.reduce((sum, weight) => sum + weight, 0);
}

/** `share` in 0..1; undefined when nothing was observed. Grows with `share`, and lies in the bucket of the true quantile. */
export function quantileMs(weights: DurationWeights, share: number): number | undefined {
  const total = totalOf(weights);
  if (total === 0) return undefined;
  let left = share * total;
  for (const [bucket, weight] of weights.entries()) {
    if (weight > 0 && left <= weight) return within(bucket, left / weight);
    left -= weight;
  }
  return within(weights.length - 1, 1);
}

/** Undefined when nothing was observed. Each bucket counts by its middle. */
export function meanMs(weights: DurationWeights): number | undefined {
  const total = totalOf(weights);
  return total === 0
    ? undefined
    : weights.reduce((sum, weight, bucket) => sum + weight * within(bucket, 0.5), 0) / total;
}

function within(bucket: number, part: number): number {
  return bucket === 0 ? part : 2 ** ((bucket - 1 + part) / perOctave);
}
