/** How much one process takes on at a time; past it callers are sent away at once, with the time to come back. */
import type { Telemetry } from '../application/ports/runtime.ts';
import { TroupeError } from '../domain/errors.ts';

export interface AdmissionLimits {
  /** Jobs of submits that are not answered yet. */
  readonly maxJobs: number;
  /** Bytes of their inputs. */
  readonly maxBytes: number;
  /** Open watches. */
  readonly maxWatches: number;
}

export interface Admission {
  /** Runs `work` within the limits of submits. */
  submit<T>(load: { readonly jobs: number; readonly bytes: number }, work: () => Promise<T>): Promise<T>;
  /** Takes a place from when the first message is asked for to the end, and opens the source in it. Throws past the limit. */
  watch<Item, Message>(
    open: () => AsyncIterable<Item>,
    toMessage: (item: Item) => Message,
  ): AsyncGenerator<Message, void>;
  readonly jobs: () => number;
  readonly watches: () => number;
}

export function createAdmission(telemetry: Telemetry, limits: AdmissionLimits): Admission {
  let jobs = 0;
  let bytes = 0;
  let watches = 0;
  const jobsGauge = telemetry.gauge({
    name: 'troupe_gateway_jobs_in_flight',
    help: 'Jobs of submits that are not answered yet.',
  });
  const watchesGauge = telemetry.gauge({ name: 'troupe_gateway_watches_open', help: 'Open watches.' });
  watchesGauge.set(0);

  function full(what: string, max: number): TroupeError {
    return new TroupeError('MAILBOX_FULL', { message: `too many ${what} under way`, metadata: { limit: String(max) } });
  }

  return {
    async submit(load, work) {
      // One submit alone is always admitted: its own size is bounded by the message limit.
      if (jobs > 0 && jobs + load.jobs > limits.maxJobs) throw full('jobs', limits.maxJobs);
      if (bytes > 0 && bytes + load.bytes > limits.maxBytes) throw full('bytes', limits.maxBytes);
      jobs += load.jobs;
      bytes += load.bytes;
      jobsGauge.set(jobs);
      try {
        return await work();
      } finally {
        jobs -= load.jobs;
        bytes -= load.bytes;
        jobsGauge.set(jobs);
      }
    },
    async *watch(open, toMessage) {
      if (watches >= limits.maxWatches) throw full('watches', limits.maxWatches);
      watches += 1;
      watchesGauge.set(watches);
      try {
        for await (const item of open()) yield toMessage(item);
      } finally {
        watches -= 1;
        watchesGauge.set(watches);
      }
    },
    jobs: () => jobs,
    watches: () => watches,
  };
}
