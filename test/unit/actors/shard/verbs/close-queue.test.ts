// A queue that is being deleted, as its shards see it: what is counted, what is refused, and who may answer.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { abandonedMs } from '../../../../../src/application/queues/closed-queues.ts';
import type { SubmitItem } from '../../../../../src/application/ports/shard-protocol.ts';
import { defaultQueueSettings, type Queue, type QueueClosing } from '../../../../../src/domain/queue.ts';
import { testSpec } from '../../../../support/jobs.ts';
import { createShardHarness, harnessShard, type ShardHarness } from '../../../../support/shard-harness.ts';

describe('closing a queue', () => {
  let harness: ShardHarness;
  let queue: Queue;
  let closing: QueueClosing;

  beforeEach(async () => {
    harness = await createShardHarness();
    const input = { tenant: 'default', name: 'gone', settings: defaultQueueSettings, nowMs: 1 };
    ({ queue } = await harness.store.queues.createQueue(input));
    closing = { tenant: 'default', name: 'gone', queueNo: queue.queueNo, version: 1 };
    await harness.start();
  });
  afterEach(() => harness.close());

  const job = (spec: Partial<SubmitItem['spec']> = {}): SubmitItem => ({
    spec: testSpec({ queue: 'gone', queueNo: queue.queueNo, ...spec }),
  });
  const other = () => job({ queue: 'other', queueNo: queue.queueNo + 1 });
  const submit = (item: SubmitItem = job()) => harness.call('submit', item);
  const close = () => harness.call('closeQueue', closing);

  it('counts what is unfinished, of this queue alone, and refuses what comes after', async () => {
    await submit();
    await submit(job({ runAtMs: harness.kit.clock.nowMs() + 60_000 }));
    const { record } = await submit();
    await harness.call('cancel', { jobId: record.id, reason: 'ended' });
    await submit(other());
    expect(await close()).toEqual({ waiting: 1, later: 1, running: 0 });
    await expect(submit()).rejects.toMatchObject({ code: 'QUEUE_CLOSING', metadata: { queue: 'gone' } });
    await expect(submit(other())).resolves.toMatchObject({ duplicate: false });
    await harness.call('openQueue', closing);
    await expect(submit()).resolves.toMatchObject({ duplicate: false });
  });

  it('refuses a submit that waited for the store when the queue was closed', async () => {
    const keyed = harness.send('submit', { ...job(), keyHash: 'k', contentHash: 'c' });
    const refused = expect(keyed).rejects.toMatchObject({ code: 'QUEUE_CLOSING' });
    expect(await close()).toEqual({ waiting: 0, later: 0, running: 0 });
    expect(harness.keyQuestions).toHaveLength(1);
    await refused;
  });

  it('counts a job whose end is not durable yet', async () => {
    const { record } = await submit();
    harness.fates.push('unavailable', 'unavailable');
    const cancelled = harness.send('cancel', { jobId: record.id, reason: 'ended' });
    expect(await close()).toEqual({ waiting: 0, later: 0, running: 1 });
    await harness.kit.outcome(cancelled, 10_000);
    expect(await close()).toEqual({ waiting: 0, later: 0, running: 0 });
  });

  it('is not answered by an owner that was deposed', async () => {
    await harness.store.jobs.takeShard(harnessShard, 'successor');
    await expect(close()).rejects.toMatchObject({ code: 'SHARD_UNAVAILABLE' });
  });

  it('is known to who takes the shard over', async () => {
    await harness.store.queues.closeQueue(closing, harness.kit.clock.nowMs());
    await harness.start();
    await expect(submit()).rejects.toMatchObject({ code: 'QUEUE_CLOSING' });
  });

  it('ends by itself when whoever closed it is gone, and its removal is void', async () => {
    await harness.store.queues.closeQueue(closing, harness.kit.clock.nowMs());
    await close();
    await harness.kit.advance(10_000);
    await expect(submit()).rejects.toMatchObject({ code: 'QUEUE_CLOSING' });
    await harness.kit.settle();
    await expect(submit()).rejects.toMatchObject({ code: 'QUEUE_CLOSING' });
    await harness.kit.advance(abandonedMs);
    await expect(submit()).rejects.toMatchObject({ code: 'QUEUE_CLOSING' });
    await harness.kit.settle();
    await expect(submit()).resolves.toMatchObject({ duplicate: false });
    expect(await harness.store.queues.removeQueue(closing)).toBe('conflict');
    expect(await harness.store.queues.closedQueues(harness.kit.clock.nowMs())).toEqual([]);
  });

  it('is for ever once the queue is gone, whatever is made under its name', async () => {
    await close();
    expect(await harness.store.queues.removeQueue(closing)).toBe('removed');
    const input = { tenant: 'default', name: 'gone', settings: defaultQueueSettings, nowMs: 2 };
    const { queue: anew } = await harness.store.queues.createQueue(input);
    await harness.kit.advance(2 * abandonedMs);
    for (let n = 0; n < 3; n += 1) {
      await expect(submit()).rejects.toMatchObject({ code: 'QUEUE_CLOSING' });
      await harness.kit.advance(10_000);
    }
    await expect(submit(job({ queueNo: anew.queueNo }))).resolves.toMatchObject({ duplicate: false });
  });
});
