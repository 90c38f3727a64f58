/** What a home may have granted is not forgotten before the home knows that nothing is used. */
import { expect, it } from 'vitest';
import { LocalQuota } from '../../../../../src/actors/shard/flow/local-quota.ts';
import type { QuotaResult } from '../../../../../src/application/ports/shard-protocol.ts';

it('a limit is not idle after a lost answer, until the home has heard that nothing is used', () => {
  const demand = { using: 0, waiting: 1 };
  const asked: ((answer: QuotaResult | undefined) => void)[] = [];
  const quota = new LocalQuota({
    limit: { tenant: 't', queue: 'q', key: 'k' },
    demand: () => demand,
    ask: (_question, answered) => asked.push(answered),
    changed: () => undefined,
  });
  quota.askIfDue(0);
  // The home has granted one and its answer is lost. Then the only job that waits is cancelled.
  asked.shift()?.(undefined);
  demand.waiting = 0;
  expect(quota.isIdle).toBe(false);
  quota.askIfDue(1_000);
  asked.shift()?.({ epoch: 1, lease: { running: 0, againMs: 250 } });
  expect(quota.isIdle).toBe(true);
});
