/** What was taken away from a bucket of NATS does not come back, whatever the bucket has lost and whoever puts things back. */
import { beforeEach, describe, expect, it } from 'vitest';
import { NatsQueueMarks } from '../../../../src/adapters/nats/queue-marks.ts';
import { NatsSharedConfig } from '../../../../src/adapters/nats/shared-config.ts';
import { rememberedMax, TakenAway } from '../../../../src/adapters/nats/taken-away.ts';
import { type BucketView, MemoryBucket } from '../../../support/memory-bucket.ts';

let bucket: MemoryBucket;
let views: readonly [BucketView, BucketView];

beforeEach(() => {
  bucket = new MemoryBucket();
  views = [bucket.view(), bucket.view()];
});

async function losesPower(revision: number): Promise<void> {
  bucket.loseBehind(revision);
  for (const view of views) await view.doubt();
}

describe('a quarantine', () => {
  const mark = { tenant: 'acme', queue: 'mail', reason: 'bad data', sinceMs: 42 };
  let marks: readonly [NatsQueueMarks, NatsQueueMarks];
  const queues = (): readonly number[] => marks.map((one) => one.of('acme', 'mail').length);

  beforeEach(() => {
    const [one, other] = views;
    marks = [new NatsQueueMarks(one, one.guard), new NatsQueueMarks(other, other.guard)];
  });

  it('that was taken away stays so when the bucket has lost that', async () => {
    await marks[0].put(mark);
    const before = bucket.last;
    await marks[0].clear('acme', 'mail');
    await losesPower(before);
    expect(queues()).toEqual([0, 0]);
    expect(bucket.present('quarantine.acme.mail')?.value).toBeUndefined();
    await losesPower(bucket.last);
    expect(queues()).toEqual([0, 0]);
  });

  it.each([
    ['first', [1, 0]],
    ['last', [0, 1]],
  ] as const)('stays so when the bucket was lost, and who has not heard of it puts it back %s', async (_, order) => {
    await marks[0].put(mark);
    views[1].isConnected = false;
    await marks[0].clear('acme', 'mail');
    expect(queues()).toEqual([0, 1]);
    bucket.loseBehind(0);
    for (const index of order) await views[index].repair();
    expect(queues()).toEqual([0, 0]);
  });

  it('that is put up anew stays, whatever revision it has', async () => {
    await marks[0].put(mark);
    await marks[0].put({ ...mark, queue: 'other' });
    const before = bucket.last;
    await marks[0].clear('acme', 'mail');
    bucket.loseBehind(before - 2);
    for (const view of views) await view.doubt();
    await marks[1].put({ ...mark, sinceMs: 43 });
    expect(queues()).toEqual([1, 1]);
    await losesPower(bucket.last);
    expect(queues()).toEqual([1, 1]);
    await marks[0].clear('acme', 'mail');
    expect(queues()).toEqual([0, 0]);
  });

  it('that the bucket has lost is put back', async () => {
    await marks[0].put({ ...mark, queue: 'other' });
    const before = bucket.last;
    await marks[0].put(mark);
    await losesPower(before);
    expect(bucket.present('quarantine.acme.mail')?.value).toBeDefined();
    expect(queues()).toEqual([1, 1]);
  });
});

describe('a queue', () => {
  let configs: readonly [NatsSharedConfig, NatsSharedConfig];
  const stamps = (): readonly unknown[] => configs.map((one) => one.queues().get('acme/mail'));

  beforeEach(() => {
    const [one, other] = views;
    configs = [new NatsSharedConfig(one, one.guard), new NatsSharedConfig(other, other.guard)];
  });

  it('that was removed stays so when the bucket has lost that, an older version of it too', async () => {
    await configs[0].touchQueue('acme', 'mail', 7);
    const before = bucket.last;
    await configs[1].touchQueue('acme', 'mail', 8);
    await configs[1].removeQueue('acme', 'mail');
    expect(stamps()).toEqual([undefined, undefined]);
    await losesPower(before);
    expect(stamps()).toEqual([undefined, undefined]);
    expect(bucket.present('queue.acme.mail')?.value).toBeUndefined();
  });

  it('stays so when the bucket was lost, and who has not heard of it puts it back', async () => {
    await configs[1].touchQueue('acme', 'mail', 7);
    views[1].isConnected = false;
    await configs[0].removeQueue('acme', 'mail');
    bucket.loseBehind(0);
    for (const view of views) await view.repair();
    expect(stamps()).toEqual([undefined, undefined]);
  });

  it('of the same name that is created anew is there', async () => {
    await configs[0].touchQueue('acme', 'mail', 7);
    await configs[0].removeQueue('acme', 'mail');
    await configs[1].touchQueue('acme', 'mail', 9);
    expect(stamps()).toEqual([9, 9]);
    await losesPower(bucket.last);
    expect(stamps()).toEqual([9, 9]);
  });
});

it('as many are remembered as have room, the newest', () => {
  const takenAway = new TakenAway<number>();
  for (let n = 0; n <= rememberedMax; n += 1) takenAway.remember(String(n), n);
  expect([takenAway.get('0'), takenAway.get('1'), takenAway.get(String(rememberedMax))]).toEqual([
    undefined,
    1,
    rememberedMax,
  ]);
});
