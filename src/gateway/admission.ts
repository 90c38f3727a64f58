/**
 * Limits how much one process accepts at a time. Above a limit, callers are refused at once and get the time after
 * which to come back. Tenants share the room, so that none of them takes all of it.
 */
import type { Clock, Random, Telemetry } from '../application/ports/runtime.ts';
import { payloadPartBytes } from '../application/ports/payload-store.ts';
import { TroupeError } from '../domain/errors.ts';
import { SharedRoom } from '../domain/shared-room.ts';
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
    tenant: string,
    load: { readonly jobs: number; readonly bytes: number },
    work: (more: (bytes: number) => void) => Promise<T>,
  ): Promise<T>;
  /**
   * Takes a place from the first request for a message until the end of the stream, and opens the source within it.
   * Throws OVERLOADED above the limit.
   */
  watch<Item, Message>(
    tenant: string,
    open: () => AsyncIterable<Item>,
    toMessage: (item: Item) => Message,
  ): AsyncGenerator<Message, void>;
  /** Like `watch`. It also counts one payload part until the download ends, however much its client has read. */
  download<Item, Message>(
    tenant: string,
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

  const watch: Admission['watch'] = async function* (tenant, open, toMessage) {
    watches.check(tenant, 1);
    watches.take(tenant, 1);
    watchesGauge.set(watches.used);
    try {
      for await (const item of open()) yield toMessage(item);
    } finally {
      watches.release(tenant, 1);
      watchesGauge.set(watches.used);
    }
  };

  return {
    async submit(tenant, load, work) {
      // A single submit is always admitted, because the message limit bounds its size.
      if (jobs.used > 0) jobs.check(tenant, load.jobs);
      if (bytes.used > 0) bytes.check(tenant, load.bytes);
      jobs.take(tenant, load.jobs);
      bytes.take(tenant, load.bytes);
      jobsGauge.set(jobs.used);
      let heldBytes = load.bytes;
      const more = (moreBytes: number): void => {
        if (bytes.used > heldBytes) bytes.check(tenant, moreBytes);
        bytes.take(tenant, moreBytes);
        heldBytes += moreBytes;
      };
      try {
        return await work(more);
      } finally {
        jobs.release(tenant, load.jobs);
        bytes.release(tenant, heldBytes);
        jobsGauge.set(jobs.used);
      }
    },
    watch,
    async *download(tenant, open, toMessage) {
      budget.ensureRoom(tenant, downloadsShare);
      const release = budget.hold(tenant, payloadPartBytes);
      try {
        yield* watch(tenant, open, toMessage);
      } finally {
        release();
      }
    },
    jobs: () => jobs.used,
    watches: () => watches.used,
  };
}

/** A bound. The error to a refused caller says when there should be room, estimated from the rate of releases. */
class Quota {
  readonly #what: string;
  readonly #room: SharedRoom;
  readonly #runtime: Pick<AdmissionParts, 'clock' | 'random'>;
  readonly #back = new RateMeter();

  constructor(what: string, max: number, runtime: Pick<AdmissionParts, 'clock' | 'random'>) {
    this.#what = what;
    this.#room = new SharedRoom(max);
    this.#runtime = runtime;
  }

  get used(): number {
    return this.#room.used;
  }

  check(tenant: string, amount: number): void {
    const excess = this.#room.lacks(tenant, amount);
    if (excess === 0) return;
    const { clock, random } = this.#runtime;
    const perSecond = this.#back.perSecond(clock.monotonicMs());
    throw new TroupeError('OVERLOADED', {
      message: `too many ${this.#what} in progress`,
      metadata: { limit: String(this.#room.max) },
      retryAfterMs: retryAfterMs({ excess, perSecond, random: random() }),
    });
  }

  take(tenant: string, amount: number): void {
    this.#room.take(tenant, amount);
  }

  release(tenant: string, amount: number): void {
    this.#room.release(tenant, amount);
    this.#back.add(this.#runtime.clock.monotonicMs(), amount);
  }
}
