/** What the outbox still has to send when its job does not wait for it any more. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Outbox } from '../../../../../src/actors/shard/dispatch/outbox.ts';
import type { Publisher, WorkMessage } from '../../../../../src/application/ports/bus.ts';
import { TroupeError } from '../../../../../src/domain/errors.ts';
import { composeJobId, type JobId } from '../../../../../src/domain/job-id.ts';
import { createTestKit } from '../../../../../src/kernel/testkit/index.ts';
import { testSpec } from '../../../../support/jobs.ts';
import { type ShardHarness, startShardHarness } from '../../../../support/shard-harness.ts';

describe('a WORK message that its job does not wait for any more', () => {
  let shard: ShardHarness;
  beforeEach(async () => {
    shard = await startShardHarness();
  });
  afterEach(() => shard.close());

  it('is not sent a second time, though its confirmation was lost: the job waits for a later one', async () => {
    shard.broker = 'down';
    const { record } = await shard.call('submit', { spec: testSpec() });
    await shard.kit.advance(1_000);
    // The message has arrived; only its confirmation has not.
    const granted = await shard.call('claim', { jobId: record.id, node: 'n1', epoch: 1, ackTo: 'first' });
    if (granted.kind !== 'granted') throw new Error(granted.kind);
    await shard.call('report', { jobId: record.id, token: granted.token, outcome: { kind: 'released' } });
    await shard.kit.advance(1_000);
    shard.broker = 'up';
    await shard.kit.advance(5_000);
    const { record: waiting } = await shard.call('get', { jobId: record.id });
    expect(waiting.state).toBe('QUEUED');
    expect(shard.work.map(({ attempt, again = 0 }) => ({ attempt, again }))).toEqual([
      { attempt: waiting.attempt, again: 2 },
    ]);
  });

  it('is not sent at all once the job has ended', async () => {
    shard.broker = 'down';
    const { record } = await shard.call('submit', { spec: testSpec() });
    await shard.call('cancel', { jobId: record.id, reason: 'test' });
    await shard.kit.advance(1_000);
    shard.broker = 'up';
    await shard.kit.advance(5_000);
    expect(shard.work).toEqual([]);
    expect(shard.events.map(({ type }) => type)).toEqual(['queued', 'cancelled']);
  });
});

describe('an outbox', () => {
  const jobId: JobId = composeJobId({ createdAtMs: 1, shard: 1, queueNo: 1 }, 1n);
  const need = { handler: 'sim.work' };
  const place = { tenant: 'default', queue: 'default' };
  const messageOf = (attempt: number, again: number): WorkMessage => ({
    ...place,
    jobId,
    attempt,
    epoch: 1,
    again,
    need,
    route: 'shared',
  });

  it('forgets a message that is not wanted: it holds back neither a watermark nor a bucket', async () => {
    const kit = createTestKit();
    const [sent, idle]: [number[], number[]] = [[], []];
    let wanted = 0;
    const publisher: Pick<Publisher, 'publishWork' | 'soundAtMs'> = {
      publishWork: ({ again = 0 }) => {
        sent.push(again);
        return again === 0 ? Promise.reject(new TroupeError('BROKER_UNAVAILABLE')) : Promise.resolve();
      },
      soundAtMs: () => undefined,
    };
    const outbox = new Outbox({
      clock: kit.clock,
      windowMax: 4,
      random: () => 1,
      syncMs: 0,
      unsyncedMax: 10,
      publisher: publisher as Publisher,
      isWanted: ({ again }) => again === wanted,
      onPublished: () => undefined,
      onIdleBucket: (bucket) => idle.push(bucket),
    });
    outbox.addWork(messageOf(0, 0), 10, 7);
    outbox.pump();
    await kit.advance(50);
    wanted = 1;
    outbox.addWork(messageOf(1, 1), 20, 8);
    expect([outbox.size, outbox.oldestAtMs('work'), outbox.holds(7)]).toEqual([2, 10, true]);
    await kit.advance(300);
    expect(sent).toEqual([0, 1]);
    expect(idle).toEqual([7, 8]);
    expect([outbox.size, outbox.oldestAtMs('work'), outbox.holds(7), outbox.isToSend(jobId)]).toEqual([
      0,
      Infinity,
      false,
      false,
    ]);
  });
});
