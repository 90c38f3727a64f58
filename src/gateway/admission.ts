/**
 * Limits how much one process accepts at a time. Above a limit, callers are refused at once and get the time after
 * which to come back.
 */
import type { Clock, Random, Telemetry } from '../application/ports/runtime.ts';
import { payloadPartBytes } from '../application/ports/payload-store.ts';
import { TroupeError } from '../domain/errors.ts';
import { RateMeter } from '../domain/rate-meter.ts';
import { retryAfterMs } from '../domain/retry-after.ts';
import { gauges } from '../domain/measures.ts';
import type { SendBudget } from './send-budget.ts';

interface AdmissionLimits {
  /** Jobs in submits that have not been answered yet. */
  readonly maxJobs: number;
  /** Input bytes of these jobs. */
  readonly maxBytes: number;
  /** Open watches. */
  readonly maxWatches: number;
}

export interface Admission {
  /**
   * Runs `work` within the limits of submits. Throws OVERLOADED above them. The work may call `more` when it knows that it
   * holds so many bytes besides; that throws, too.
   */
  submit<T>(
    load: { readonly jobs: number; readonly bytes: number },
    work: (more: (bytes: number) => void) => Promise<T>,
  ): Promise<T>;
  /**
   * Takes a place from the first request for a message until the end of the stream, and opens the source within it.
   * Throws OVERLOADED above the limit.
   */
  watch<Item, Message>(
    open: () => AsyncIterable<Item>,
    toMessage: (item: Item) => Message,
  ): AsyncGenerator<Message, void>;
  /** Like `watch`. It also counts one payload part until the download ends, however much its client has read. */
  download<Item, Message>(
    open: () => AsyncIterable<Item>,
    toMessage: (item: Item) => Message,
  ): AsyncGenerator<Message, void>;
  readonly jobs: () => number;
  readonly watches: () => number;
}

/**
 * Downloads may use this share of the budget. The rest is kept for the chunks they send and for all other answers, so
 * that slow readers of downloads do not block these.
 */
const downloadsShare = 0.6;

export interface AdmissionParts {
  readonly telemetry: Telemetry;
  readonly clock: Clock;
  readonly random: Random;
  readonly limits: AdmissionLimits;
  readonly budget: SendBudget;
}

export function createAdmission({ telemetry, limits, budget, ...runtime }: AdmissionParts): Admission {
  const jobs = new Quota('jobs', limits.maxJobs, runtime);
  const bytes = new Quota('bytes', limits.maxBytes, runtime);
  const watches = new Quota('watches', limits.maxWatches, runtime);
  const jobsGauge = telemetry.gauge({
    ...gauges.gatewayJobsInFlight,
    help: 'Jobs in submits that have not been answered yet.',
  });
  const watchesGauge = telemetry.gauge({ ...gauges.gatewayWatchesOpen, help: 'Open watches.' });
  watchesGauge.set(0);

  const watch: Admission['watch'] = async function* (open, toMessage) {
    watches.check(1);
    watches.take(1);
    watchesGauge.set(watches.used);
    try {
      for await (const item of open()) yield toMessage(item);
    } finally {
      watches.release(1);
      watchesGauge.set(watches.used);
    }
  };

  return {
    async submit(load, work) {
      // A single submit is always admitted, because the message limit bounds its size.
      if (jobs.used > 0) jobs.check(load.jobs);
      if (bytes.used > 0) bytes.check(load.bytes);
      jobs.take(load.jobs);
      bytes.take(load.bytes);
      jobsGauge.set(jobs.used);
      let heldBytes = load.bytes;
      const more = (moreBytes: number): void => {
        if (bytes.used > heldBytes) bytes.check(moreBytes);
        bytes.take(moreBytes);
        heldBytes += moreBytes;
      };
      try {
        return await work(more);
      } finally {
        jobs.release(load.jobs);
        bytes.release(heldBytes);
        jobsGauge.set(jobs.used);
      }
    },
    watch,
    async *download(open, toMessage) {
      budget.ensureRoom(downloadsShare);
      const release = budget.hold(payloadPartBytes);
      try {
        yield* watch(open, toMessage);
      } finally {
        release();
      }
    },
    jobs: () => jobs.used,
    watches: () => watches.used,
  };
}

/** A quota. The error to a refused caller says when there should be room, estimated from the rate of releases. */
class Quota {
  readonly #what: string;
  readonly #max: number;
  readonly #runtime: Pick<AdmissionParts, 'clock' | 'random'>;
  readonly #back = new RateMeter();
  #used = 0;

  constructor(what: string, max: number, runtime: Pick<AdmissionParts, 'clock' | 'random'>) {
    this.#what = what;
    this.#max = max;
    this.#runtime = runtime;
  }

  get used(): number {
    return this.#used;
  }

  check(amount: number): void {
    const excess = this.#used + amount - this.#max;
    if (excess <= 0) return;
    const { clock, random } = this.#runtime;
    const perSecond = this.#back.perSecond(clock.monotonicMs());
    throw new TroupeError('OVERLOADED', {
      message: `too many ${this.#what} in progress`,
      metadata: { limit: String(this.#max) },
      retryAfterMs: retryAfterMs({ excess, perSecond, random: random() }),
    });
  }

  take(amount: number): void {
    this.#used += amount;
  }

  release(amount: number): void {
    this.#used -= amount;
    this.#back.add(this.#runtime.clock.monotonicMs(), amount);
  }
}
