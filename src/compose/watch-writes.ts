/**
 * A store that reports whether its writes succeed. It watches the writes for which a shard waits and which it repeats.
 */
import type { JobStore } from '../application/ports/job-store.ts';
import type { Store } from '../application/ports/store.ts';
import type { VitalSigns } from '../application/cluster/vital-signs.ts';
import { TroupeError } from '../domain/errors.ts';

export function watchWrites(store: Store, vitals: VitalSigns): Store {
  const watched = async <T>(write: Promise<T>): Promise<T> => {
    try {
      const done = await write;
      vitals.ok('store');
      return done;
    } catch (error) {
      // A refusal for the caller's own fault says nothing about the store.
      if (error instanceof TroupeError && away.has(error.code)) vitals.failed('store', error.message);
      throw error;
    }
  };
  const jobs: JobStore = {
    ...store.jobs,
    takeShard: (shard, owner) => watched(store.jobs.takeShard(shard, owner)),
    openBucket: (partition, epoch) => watched(store.jobs.openBucket(partition, epoch)),
    commit: (group) => watched(store.jobs.commit(group)),
  };
  return { ...store, jobs };
}

const away: ReadonlySet<string> = new Set(['STORE_UNAVAILABLE', 'OUTCOME_UNKNOWN']);
