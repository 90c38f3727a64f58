import { describe, expect, it } from 'vitest';
import { createShardChoice } from '../../../../src/application/protocol/shard-choice.ts';
import { createVirtualClock } from '../../../../src/kernel/testkit/index.ts';

function choice(local: readonly number[] = []) {
  const clock = createVirtualClock();
  const options = { shardCount: 4, localShards: () => local, clock, random: () => 0, spillJobs: 3, stickyMs: 1_000 };
  return { clock, shards: createShardChoice(options) };
}

describe('the shard of a new job', () => {
  it('stays the same while it keeps up, then changes with time', () => {
    const { clock, shards } = choice();
    const first = shards.begin(0);
    shards.ended(first);
    expect(shards.begin(0)).toBe(first);
    clock.step(clock.monotonicMs() + 1_000);
    expect([0, 1, 2, 3]).toContain(shards.begin(0));
  });

  it('spreads once more jobs are under way than one group should hold', () => {
    const { shards } = choice();
    const taken = Array.from({ length: 12 }, () => shards.begin(0));
    expect(new Set(taken).size).toBe(4);
    const [first = 0] = taken;
    for (const shard of taken) shards.ended(shard);
    expect(shards.begin(0)).toBe(first);
  });

  it('is one of this process while it owns any, and leaves it when those turn out to be away', () => {
    const { shards } = choice([2]);
    expect(shards.begin(0)).toBe(2);
    expect(new Set([1, 2, 3].map((attempt) => shards.begin(attempt))).size).toBeGreaterThan(1);
  });

  it('is always the same for a key', () => {
    const { shards } = choice([1]);
    expect(shards.ofKey('c29tZS1rZXk')).toBe(shards.ofKey('c29tZS1rZXk'));
  });
});
