/** Reads the flags of a queue day by day. Days without jobs cost nothing. */
import { types } from 'cassandra-driver';
import { flagPageRows, flagPages, type EndedSource, type JobFlag } from '../../application/storage/ended-listing.ts';
import type { FailureReason } from '../../domain/job.ts';
import { bucketOf, type JobId } from '../../domain/job-id.ts';
import type { CqlClient } from './cql-client.ts';
import { dayOf } from './queue-register.ts';
import { readNewestFlags, readOldestFlags, type FlagRow } from './tables/job-flags.ts';
import { readQueueDays } from './tables/queue-buckets.ts';

function toFlag({ id, state, reason }: FlagRow): JobFlag {
  return {
    id: id.toString() as JobId,
    state: state as JobFlag['state'],
    reason: reason === '' ? null : (reason as FailureReason),
  };
}

export function createFlagReads(client: CqlClient, queueNo: number): EndedSource['flags'] {
  return async function* flags(range, order) {
    const statement = order === 'newest' ? readNewestFlags : readOldestFlags;
    const [first, last] = [dayOf(bucketOf(range.above)), dayOf(bucketOf(range.below))];
    const days = await client.rows(readQueueDays, [queueNo, first, last]);
    for (const { day } of order === 'newest' ? days : days.toReversed()) {
      yield* flagPages(range, order, async ({ above, below }) => {
        const bounds = [types.Uuid.fromString(above), types.Uuid.fromString(below)];
        return (await client.rows(statement, [queueNo, day, ...bounds, flagPageRows])).map(toFlag);
      });
    }
  };
}
