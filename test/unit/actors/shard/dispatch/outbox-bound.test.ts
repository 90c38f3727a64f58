/** What waits for JetStream is bounded although jobs end while it is away: their facts stay behind. */
import { beforeEach, describe, expect, it } from 'vitest';
import { TroupeError } from '../../../../../src/domain/errors.ts';
import { testSpec } from '../../../../support/jobs.ts';
import { harnessOutboxMax, type ShardHarness, startShardHarness } from '../../../../support/shard-harness.ts';

/** Facts of a job that nobody took: its first event and its end. Its message is wanted no more. */
const factsOfExpired = 2;
const submitsAtOnce = 250;

describe('while JetStream is away', () => {
  let shard: ShardHarness;

  beforeEach(async () => {
    shard = await startShardHarness();
    return () => shard.close();
  });

  async function submits(count: number): Promise<{ readonly accepted: number; readonly refusals: TroupeError[] }> {
    const item = { spec: testSpec({ queueTimeoutMs: 1_000 }) };
    const sent = Promise.allSettled(Array.from({ length: count }, () => shard.send('submit', item)));
    const outcomes = await shard.kit.outcome(sent, 1_000);
    const refusals = outcomes.flatMap((one) => (one.status === 'rejected' ? [TroupeError.from(one.reason)] : []));
    return { accepted: outcomes.length - refusals.length, refusals };
  }

  it('submits are refused once too much waits for it, though no job is unfinished; and taken when it is back', async () => {
    shard.broker = 'down';
    let accepted = 0;
    let refusals: readonly TroupeError[] = [];
    for (let round = 0; round < 10; round += 1) {
      const answers = await submits(submitsAtOnce);
      accepted += answers.accepted;
      refusals = answers.refusals;
      await shard.kit.advance(3_000);
    }
    expect(accepted * factsOfExpired).toBeGreaterThan(harnessOutboxMax);
    // The last of them came while there was still room.
    expect(accepted).toBeLessThanOrEqual(harnessOutboxMax / factsOfExpired + submitsAtOnce);
    expect(refusals).toHaveLength(submitsAtOnce);
    expect(refusals[0]).toMatchObject({
      code: 'BACKLOG_FULL',
      retryable: true,
      metadata: { outboxMax: String(harnessOutboxMax) },
    });
    expect(refusals[0]?.retryAfterMs).toBeGreaterThan(0);
    shard.broker = 'up';
    await shard.kit.advance(5_000);
    expect(shard.events).toHaveLength(2 * accepted);
    expect(await submits(submitsAtOnce)).toMatchObject({ accepted: submitsAtOnce });
  });
});
