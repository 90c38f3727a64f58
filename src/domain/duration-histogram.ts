/**
 * A histogram of durations that forgets: an observation loses weight by a factor of e every `fadeMs`.
 * Buckets grow by a factor of 2^(1/4), so a quantile is off by less than a fifth at any scale. Histograms are merged by
 * adding their weights.
 *
 * Instead of reducing old weights, each new observation weighs more than the one before. That costs one addition per
 * observation and an occasional rescaling.
 */
const fadeMs = 300_000;
const perOctave = 4;
/** Bucket 0 holds durations below 1 ms. The last one starts at 35 days. */
const bucketCount = 128;
/** Far below the range of a double, so weights keep their precision until they are rescaled. */
const rescaleAt = 2 ** 40;
/** When the total weight, as of now, falls below this, the histogram counts as empty. */
const coldWeight = 0.01;

/** Weights by bucket. Buckets missing at the end weigh 0. */
export type DurationWeights = readonly number[];

/** Collects durations. Uses no memory until the first observation. */
export class DurationHistogram {
  #weights: Float64Array | undefined;
  #total = 0;
  /** The instant at which an observation weighs 1 in `#weights`. */
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

  /** The weights as of `nowMs`, so that those of several histograms can be added. */
  weights(nowMs: number): DurationWeights {
    if (this.#weights === undefined || this.isCold(nowMs)) return [];
    const scale = this.#scaleAt(nowMs);
    return rounded(this.#weights, scale);
  }

  /** Adds the weights as of `nowMs` to a sum that `noWeights` made. */
  addTo(sum: Float64Array, nowMs: number): void {
    if (this.#weights === undefined || this.isCold(nowMs)) return;
    const scale = this.#scaleAt(nowMs);
    const weights = this.#weights;
    for (let bucket = 0; bucket < bucketCount; bucket += 1)
      sum[bucket] = (sum[bucket] ?? 0) + (weights[bucket] ?? 0) / scale;
  }

  /** True if everything observed has faded. Also releases the memory. */
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

  /** The weight of an observation at `nowMs`. If the clock steps back, the weight stays: it never decreases. */
  #scaleAt(nowMs: number): number {
    this.#newestMs = Math.max(this.#newestMs, nowMs);
    return Math.exp((this.#newestMs - this.#originMs) / fadeMs);
  }
}

/** An empty sum for `addTo`. */
export function noWeights(): Float64Array {
  return new Float64Array(bucketCount);
}

/** What was summed by `addTo`. */
export function weightsOf(sum: Float64Array): DurationWeights {
  return rounded(sum, 1);
}

function rounded(sum: Float64Array, scale: number): DurationWeights {
  const weights = Array.from(sum, (weight) => Math.round((1_000 * weight) / scale) / 1_000);
  return weights.slice(0, weights.findLastIndex((weight) => weight > 0) + 1);
}

function bucketOf(durationMs: number): number {
  if (durationMs < 1) return 0;
  return Math.min(bucketCount - 1, Math.floor(Math.log2(durationMs) * perOctave) + 1);
}

/** The weights of both histograms together. Both must be as of the same time. */
export function addWeights(one: DurationWeights, other: DurationWeights): DurationWeights {
  const [longer, shorter] = one.length >= other.length ? [one, other] : [other, one];
  return longer.map((weight, bucket) => weight + (shorter[bucket] ?? 0));
}

export function totalOf(weights: DurationWeights): number {
  return weights.reduce((sum, weight) => sum + weight, 0);
}

/**
 * The duration below which `share` (0 to 1) of the weight lies. Undefined if there are no observations. The result
 * grows with `share` and lies in the bucket of the true quantile.
 */
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

/** The mean, with each bucket counted at its middle. Undefined if there are no observations. */
export function meanMs(weights: DurationWeights): number | undefined {
  const total = totalOf(weights);
  return total === 0
    ? undefined
    : weights.reduce((sum, weight, bucket) => sum + weight * within(bucket, 0.5), 0) / total;
}

// Buckets are logarithmic, so `part` interpolates in the exponent. Bucket 0 is linear from 0 to 1 ms.
function within(bucket: number, part: number): number {
  return bucket === 0 ? part : 2 ** ((bucket - 1 + part) / perOctave);
}
