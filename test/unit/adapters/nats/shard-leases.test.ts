/** A lease is the one of its holder, whatever revisions NATS has issued twice. */
import { beforeEach, describe, expect, it } from 'vitest';
import type { LeaseHold } from '../../../../src/application/ports/membership.ts';
import { NatsShardLeases } from '../../../../src/adapters/nats/shard-leases.ts';
import { createTestKit } from '../../../../src/kernel/testkit/index.ts';
import { type BucketView, MemoryBucket } from '../../../support/memory-bucket.ts';

const { clock } = createTestKit();
let bucket: MemoryBucket;
let views: readonly [BucketView, BucketView];
let leases: readonly [NatsShardLeases, NatsShardLeases];

beforeEach(() => {
  bucket = new MemoryBucket();
  views = [bucket.view(), bucket.view()];
  const [one, other] = views.map(
    (view) => new NatsShardLeases({ link: view.link, guard: view.guard, bucket: view, clock, ttlMs: 6_000 }),
  );
  if (one === undefined || other === undefined) throw new Error('two views');
  leases = [one, other];
});

async function acquired(index: 0 | 1, shard = 1): Promise<LeaseHold> {
  const hold = await leases[index].acquire(shard, `n${index}`, 1);
  if (hold === undefined) throw new Error(`shard ${shard} has a holder`);
  return hold;
}

const holder = (): unknown => JSON.parse(bucket.present('shard.1')?.value ?? 'null');

const notices: readonly (readonly [string, () => Promise<void>])[] = [
  ['a power cut, seen as a lost connection', async () => views[0].disconnect()],
  ['a power cut of another server, seen when the bucket is looked at', async () => views[0].doubt()],
  ['the loss of the bucket', async () => views[0].repair()],
];

describe.each(notices)('after %s', (_, notice) => {
  /** Both nodes have a lease of the same shard at the same revision, and only the second one is in the bucket. */
  async function twins(): Promise<{ readonly stale: LeaseHold; readonly present: LeaseHold }> {
    const stale = await acquired(0);
    bucket.loseBehind(0);
    await notice();
    const present = await acquired(1);
    expect(present.revision).toBe(stale.revision);
    return { stale, present };
  }

  it('a renewal does not take the lease of another node', async () => {
    const { stale } = await twins();
    expect(await leases[0].renew(stale)).toBeUndefined();
    expect(holder()).toEqual({ holder: 'n1', incarnation: 1 });
  });

  it('a release does not end the lease of another node', async () => {
    const { stale, present } = await twins();
    await leases[0].release(stale);
    expect(await leases[1].renew(present)).toMatchObject({ holder: 'n1' });
  });

  it('a lease that is still there is renewed, again and again, and released', async () => {
    const first = await acquired(0);
    await acquired(0, 2);
    bucket.loseBehind(first.revision);
    await notice();
    let hold: LeaseHold | undefined = first;
    for (let count = 0; count < 3; count += 1) {
      hold = hold && (await leases[0].renew(hold));
      expect(hold).toMatchObject({ shard: 1, holder: 'n0', revision: bucket.last });
    }
    if (hold !== undefined) await leases[0].release(hold);
    expect(holder()).toBeNull();
  });
});

it('a lease is renewed and released without a read while nothing was lost', async () => {
  let reads = 0;
  const { get } = views[0];
  views[0].get = (key) => {
    reads += 1;
    return get.call(views[0], key);
  };
  const first = await acquired(0);
  const second = await leases[0].renew(first);
  if (second !== undefined) await leases[0].release(second);
  expect([reads, holder()]).toEqual([0, null]);
});
