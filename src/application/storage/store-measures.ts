/** Metrics of every store: one histogram of durations and one counter of errors, labelled by store and query. */
import { TroupeError } from '../../domain/errors.ts';
import type { Clock, Telemetry } from '../ports/runtime.ts';
import { counters, histograms } from '../../domain/measures.ts';

/** Runs one query of the store, measures its duration and counts its error. */
export interface StoreMeasures {
  query<T>(name: string, work: () => Promise<T>): Promise<T>;
}

/** In seconds, from a read out of memory to a request timeout. */
const durationBuckets = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

export function createStoreMeasures(store: string, clock: Clock, telemetry: Telemetry): StoreMeasures {
  const durations = telemetry.histogram({
    ...histograms.storeQueryDuration,
    help: 'Duration of a query of the store, as its caller sees it.',
    buckets: durationBuckets,
  });
  const errors = telemetry.counter({
    ...counters.storeErrors,
    help: 'Queries of the store that failed, by error code.',
  });
  const labels = new Map<string, { readonly store: string; readonly query: string }>();
  const labelsOf = (query: string): { readonly store: string; readonly query: string } => {
    let known = labels.get(query);
    if (known === undefined) labels.set(query, (known = { store, query }));
    return known;
  };
  const settle = (query: string, startedAtMs: number, failure?: { readonly error: unknown }): void => {
    durations.observe((clock.monotonicMs() - startedAtMs) / 1_000, labelsOf(query));
    if (failure !== undefined) errors.add(1, { store, query, code: TroupeError.from(failure.error).code });
  };
  return {
    async query(name, work) {
      const startedAtMs = clock.monotonicMs();
      try {
        const result = await work();
        settle(name, startedAtMs);
        return result;
      } catch (error) {
        settle(name, startedAtMs, { error });
        throw error;
      }
    },
  };
}
