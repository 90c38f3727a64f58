// News from outside that meet a shard at a bad moment: none is lost, and nothing overtakes what is to be told first.
import { afterEach, describe, expect, it } from 'vitest';
import { createShardHarness, type ShardHarness } from '../../../support/shard-harness.ts';
import { testSpec } from '../../../support/jobs.ts';

let shard: ShardHarness;
afterEach(() => shard.close());

describe('a rule of a queue that comes while the mailbox is full', () => {
  it.each([
    ['ends a pause', { maxRunning: 5 }, 2],
    ['takes every limit away', {}, 2],
  ])('%s all the same', async (_, rule, sent) => {
    shard = await createShardHarness();
    const spec = testSpec();
    shard.rules.set(spec.queue, { paused: true });
    await shard.start();
    const { record } = await shard.call('submit', { spec });
    await shard.kit.advance(2_000);
    expect(shard.work).toEqual([]);
    const flood = Array.from({ length: 5_000 }, () => shard.send('get', { jobId: record.id }));
    shard.setRule(spec.queue, rule);
    const answers = await shard.kit.outcome(Promise.allSettled(flood), 1_000);
    const refused = answers.filter(({ status }) => status === 'rejected');
    expect(refused.length, 'the mailbox was full').toBeGreaterThan(0);
    await shard.kit.advance(2_000);
    await shard.call('submit', { spec });
    await shard.kit.advance(2_000);
    expect(shard.work).toHaveLength(sent);
  });
});

describe('a doubt about more than is remembered', () => {
  it('lets nothing new go before what was lost: events stay in order', async () => {
    shard = await createShardHarness({ unsyncedMax: 20 });
    await shard.start();
    const { record } = await shard.call('submit', { spec: testSpec() });
    for (let count = 0; count < 60; count += 1) {
      await shard.call('submit', { spec: testSpec() });
      await shard.kit.advance(50);
    }
    const told = shard.events.length;
    shard.doubt();
    const grant = await shard.call('claim', { jobId: record.id, node: 'n', epoch: 1, ackTo: 'x' });
    expect(grant).toMatchObject({ kind: 'granted' });
    await shard.kit.advance(900);
    const ofJob = (): number[] =>
      shard.events.slice(told).flatMap((event) => (event.jobId === record.id ? [event.seq] : []));
    expect(ofJob(), 'before the shard is read again').toEqual([]);
    await shard.kit.advance(2_000);
    await shard.start();
    await shard.kit.advance(3_000);
    expect(ofJob()).toEqual([1, 2]);
  });
});

describe('a wipe of JetStream, of which the shard hears late because its mailbox is full', () => {
  it('lets a job have one message in the new stream, under the id of the first time', async () => {
    shard = await createShardHarness();
    await shard.start();
    const { record } = await shard.call('submit', { spec: testSpec() });
    await shard.kit.advance(500);
    expect(shard.work).toHaveLength(1);
    const flood = Array.from({ length: 5_000 }, () => shard.send('get', { jobId: record.id }));
    // As the bus says it: first what it may have lost is told again, then the shard looks at all jobs.
    shard.doubt();
    shard.replaceStreams();
    const answers = await shard.kit.outcome(Promise.allSettled(flood), 1_000);
    expect(
      answers.some(({ status }) => status === 'rejected'),
      'the mailbox was full',
    ).toBe(true);
    await shard.kit.advance(3_000);
    expect(shard.work.map(({ again = 0 }) => again)).toEqual([1, 1]);
  });

  it('sends what it had told long before, and nothing of what came after the wipe', async () => {
    shard = await createShardHarness();
    await shard.start();
    const { record: before } = await shard.call('submit', { spec: testSpec() });
    await shard.kit.advance(60_000);
    const submitted = shard.call('submit', { spec: testSpec() });
    const flood = Array.from({ length: 5_000 }, () => shard.send('get', { jobId: before.id }));
    shard.doubt();
    shard.replaceStreams();
    await shard.kit.outcome(Promise.allSettled(flood), 1_000);
    const { record: after } = await submitted;
    await shard.kit.advance(3_000);
    const sent = Map.groupBy(shard.work, ({ jobId }) => jobId);
    expect(sent.get(before.id)?.map(({ again = 0 }) => again)).toEqual([1, 3]);
    expect(sent.get(after.id)?.map(({ again = 0 }) => again)).toEqual([2]);
  });
});

describe('a wipe of JetStream while the store is slow to confirm', () => {
  it('sends no message for a wait that is over: the job gets one when its next wait is durable', async () => {
    shard = await createShardHarness();
    await shard.start();
    const { record } = await shard.call('submit', { spec: testSpec() });
    await shard.kit.advance(60_000);
    shard.fates.push(...Array.from({ length: 4 }, () => 'unavailable' as const));
    const grant = await shard.call('claim', { jobId: record.id, node: 'n', epoch: 1, ackTo: 'x' });
    if (grant.kind !== 'granted') throw new Error('not granted');
    const report = { jobId: record.id, token: grant.token, outcome: { kind: 'released' } } as const;
    void shard.send('report', report);
    await shard.kit.advance(100);
    shard.replaceStreams();
    await shard.kit.advance(100);
    expect(shard.work, 'while the store says nothing').toHaveLength(1);
    await shard.kit.advance(20_000);
    expect((await shard.call('get', { jobId: record.id })).record).toMatchObject({ state: 'QUEUED', seq: 3 });
    expect(shard.work).toHaveLength(2);
  });
});
