import { expect, it } from 'vitest';
import { createStoreMeasures } from '../../../../src/application/storage/store-measures.ts';
import { TroupeError } from '../../../../src/domain/errors.ts';
import { realClock } from '../../../support/stores.ts';

it('every query of a store is timed, and a failed one is counted by its code', async () => {
  const seen: unknown[] = [];
  let nowMs = 0;
  const measures = createStoreMeasures(
    'cassandra',
    { ...realClock, monotonicMs: () => nowMs },
    {
      counter: ({ name }) => ({ add: (amount, labels) => seen.push([name, amount, labels]) }),
      gauge: () => ({ set: () => undefined, remove: () => undefined }),
      histogram: ({ name }) => ({ observe: (value, labels) => seen.push([name, value, labels]) }),
    },
  );
  const slow = async (): Promise<string> => {
    nowMs += 250;
    return 'done';
  };
  expect(await measures.query('commit', slow)).toBe('done');
  await expect(measures.query('commit', () => Promise.reject(new TroupeError('OUTCOME_UNKNOWN')))).rejects.toThrow();
  await expect(measures.query('ping', () => Promise.reject(new Error('foreign')))).rejects.toThrow('foreign');
  const [store, query] = ['cassandra', 'commit'];
  expect(seen).toEqual([
    ['troupe_store_query_duration_seconds', 0.25, { store, query }],
    ['troupe_store_query_duration_seconds', 0, { store, query }],
    ['troupe_store_errors_total', 1, { store, query, code: 'OUTCOME_UNKNOWN' }],
    ['troupe_store_query_duration_seconds', 0, { store, query: 'ping' }],
    ['troupe_store_errors_total', 1, { store, query: 'ping', code: 'INTERNAL_ERROR' }],
  ]);
});
