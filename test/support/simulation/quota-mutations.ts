/** Seeded bugs in the quotas of unfinished jobs and stored bytes. */
import type { TenantStats } from '../../../src/domain/tenant-stats.ts';
import { type Change, type Mutation, onHandler, onStore, onSubmits } from './mutation.ts';

export const quotaMutations: Readonly<Record<string, Mutation>> = {
  'a shard tells gateways of no unfinished jobs of a tenant': {
    breaks: [10],
    within: 5,
    load: 'quotas',
    change: tells((stats) => ({ ...stats, unfinished: 0 })),
  },
  'a shard accepts jobs with a key of a tenant that is full': {
    breaks: [10],
    within: 5,
    load: 'quotas',
    change: onSubmits(({ noneNew: _noneNew, ...item }) => item),
  },
  'a shard forgets what its ended jobs keep': {
    breaks: [10],
    within: 5,
    load: 'quotas',
    change: onStore(() => ({ findKept: () => Promise.resolve([]), saveKept: () => Promise.resolve() })),
    scenario: 'long',
  },
  'what ended jobs keep counts twice for the next owner': {
    breaks: [10],
    within: 20,
    load: 'quotas',
    scenario: 'long',
    change: onStore(({ findKept }) => ({
      findKept: async (of) => (await findKept(of)).map(([atMs, bytes]) => [atMs, 2 * bytes] as const),
    })),
  },
};

function tells(change: (stats: TenantStats) => TenantStats): Change {
  return onHandler((handler) => async (verb, items) => {
    const results = await handler(verb, items);
    if (verb !== 'tenantStats') return results;
    return results.map((result) => ('ok' in result ? { ok: change(result.ok as TenantStats) } : result));
  });
}
