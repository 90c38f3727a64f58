/** The record wins over the stream of work: whatever has taken a message, its job is sent again, and nothing else is. */
import { beforeEach, describe, expect, it } from 'vitest';
import type { JobSpec } from '../../../../../src/domain/job.ts';
import type { JobId } from '../../../../../src/domain/job-id.ts';
import { DispatchWindows, type WindowLimits } from '../../../../../src/actors/shard/services/dispatch-windows.ts';
import { WorkLooks } from '../../../../../src/actors/shard/services/work-looks.ts';
import { testSpec } from '../../../../support/jobs.ts';
import { createShardHarness, type ShardHarness, startShardHarness } from '../../../../support/shard-harness.ts';

/** Windows for more messages than a test makes. */
const wide: WindowLimits = { floor: { most: 20_000, least: 2 }, outMax: 1_000_000, most: 20_000 };

/** A walk begins every 5 s, and looks at what has waited for 5 s. */
const foundWithinMs = 12_000;

let shard: ShardHarness;

beforeEach(async () => {
  shard = await startShardHarness();
  return () => shard.close();
});

async function submitMany(count: number, overrides: Partial<JobSpec> = {}): Promise<JobId[]> {
  const items = Array.from({ length: count }, () => ({ spec: testSpec(overrides) }));
  return (await shard.kit.outcome(shard.sendAll('submit', items))).map(({ record }) => record.id);
}

const sentSince = (length: number): JobId[] => shard.work.slice(length).map(({ jobId }) => jobId);
const idOf = ({ jobId, attempt, epoch, again = 0 }: ShardHarness['work'][number]): string =>
  `${jobId}.${attempt}.${epoch}+${again}`;

describe('a stream of work that has lost messages', () => {
  it('gets those of all jobs that wait, under ids that it does not know, when it was purged', async () => {
    const jobs = await submitMany(20);
    await shard.kit.advance(60_000);
    shard.lose(shard.work);
    await shard.kit.advance(foundWithinMs);
    expect(sentSince(20).sort()).toEqual([...jobs].sort());
    expect(new Set(shard.work.map(idOf)).size).toBe(40);
    await shard.kit.advance(60_000);
    expect(shard.work).toHaveLength(40);
  });

  it('gets those of jobs that a predecessor had dispatched', async () => {
    const jobs = await submitMany(3);
    await shard.kit.advance(60_000);
    await shard.start();
    expect(shard.work).toHaveLength(6);
    shard.lose(shard.work);
    await shard.kit.advance(foundWithinMs);
    expect(sentSince(6).sort()).toEqual([...jobs].sort());
  });

  it('gets those that its route has passed, while the route is never empty', async () => {
    const [lost] = await submitMany(1);
    await shard.kit.advance(foundWithinMs);
    shard.lose(shard.work);
    await submitMany(1);
    await shard.kit.advance(30_000);
    expect(sentSince(2)).toEqual([lost]);
  });

  it('gets those of a queue with limits, as many as were out', async () => {
    shard.setRule('default', { maxRunning: 2 });
    await submitMany(5);
    await shard.kit.advance(30_000);
    expect(shard.work).toHaveLength(2);
    const out = sentSince(0);
    shard.lose(shard.work);
    await shard.kit.advance(foundWithinMs);
    expect(sentSince(2).sort()).toEqual(out.sort());
  });

  it('gets none for a job whose message a node without its handler has moved, until that one is gone', async () => {
    const [jobId] = await submitMany(1);
    await shard.kit.advance(foundWithinMs);
    const [message] = shard.work;
    if (message === undefined) throw new Error('not sent');
    shard.work.push({ ...message, route: 'handler' });
    shard.lose([message]);
    await shard.kit.advance(60_000);
    expect(shard.work).toHaveLength(2);
    shard.lose(shard.work);
    await submitMany(1);
    await shard.kit.advance(foundWithinMs);
    expect(sentSince(3)).toEqual([jobId]);
  });

  it('gets them at a bounded rate', async () => {
    await shard.close();
    shard = await createShardHarness({ dispatchWindows: new DispatchWindows(wide) });
    await shard.start();
    await submitMany(250);
    await shard.kit.advance(30_000);
    shard.lose(shard.work);
    const before = shard.looks.length;
    await shard.kit.advance(30_000);
    expect(shard.work).toHaveLength(500);
    // One look a second at most, of one route and that of the need.
    expect(shard.looks.length - before).toBeLessThanOrEqual(30);
    expect(shard.looks.every((routes) => routes.length === 2)).toBe(true);
  });

  it('is not asked about jobs that run, are held, are due later, or have just come', async () => {
    shard.setRule('paused', { paused: true });
    await submitMany(2, { queue: 'paused' });
    await submitMany(2, { runAtMs: shard.kit.clock.nowMs() + 3_600_000 });
    const [running] = await submitMany(1);
    if (running === undefined) throw new Error('not accepted');
    await shard.call('claim', { jobId: running, node: 'n1', epoch: 1, ackTo: 'ack' });
    await shard.kit.advance(6_000);
    expect(shard.looks).toEqual([]);
  });

  it('is asked again when it did not answer', async () => {
    await submitMany(1);
    await shard.kit.advance(3_000);
    shard.broker = 'down';
    shard.lose(shard.work);
    await shard.kit.advance(20_000);
    expect(shard.looks.length).toBeGreaterThan(1);
    expect(shard.work).toHaveLength(1);
    shard.broker = 'up';
    await shard.kit.advance(foundWithinMs);
    expect(shard.work).toHaveLength(2);
  });
});

describe('a look at the stream of work', () => {
  it('finds the job of another tenant as soon as any, whatever was lost in front of it', async () => {
    const big = await createShardHarness({ backlogMax: 20_000, dispatchWindows: new DispatchWindows(wide) });
    await shard.close();
    shard = big;
    await big.start();
    for (let n = 0; n < 40; n += 1) await submitMany(300);
    const [small] = await submitMany(1, { tenant: 'other' });
    await big.kit.advance(30_000);
    expect(big.work).toHaveLength(12_001);
    big.lose(big.work);
    await big.kit.advance(foundWithinMs);
    const sent = sentSince(12_001);
    expect(sent).toContain(small);
    expect(sent.length).toBeGreaterThanOrEqual(500);
    // 500 a second, and none twice.
    await big.kit.advance(30_000);
    expect(sentSince(12_001).length).toBe(12_001);
    expect(new Set(big.work.map(idOf)).size).toBe(24_002);
  });

  it('gives queues of a tenant, and tenants, equal shares of what it sends', async () => {
    const big = await createShardHarness({ backlogMax: 20_000, dispatchWindows: new DispatchWindows(wide) });
    await shard.close();
    shard = big;
    await big.start();
    for (let n = 0; n < 4; n += 1) {
      for (const queue of ['a', 'b', 'c']) await submitMany(300, { queue });
      await submitMany(300, { tenant: 'other' });
    }
    await big.kit.advance(30_000);
    big.lose(big.work);
    const before = big.work.length;
    while (big.work.length === before) await big.kit.advance(100);
    const shares = new Map<string, number>();
    for (const { tenant, queue } of big.work.slice(before)) {
      shares.set(`${tenant}/${queue}`, (shares.get(`${tenant}/${queue}`) ?? 0) + 1);
    }
    expect(shares.get('other/default')).toBe(250);
    for (const queue of ['a', 'b', 'c']) expect([83, 84]).toContain(shares.get(`default/${queue}`));
  });

  it('asks about no more than 64 routes, and of each queue about 8; the next one goes on', async () => {
    for (let n = 0; n < 40; n += 1) await submitMany(6, { queue: `q${n % 20}`, handler: `h${n}` });
    await shard.kit.advance(30_000);
    shard.lose(shard.work);
    const [before, looks] = [shard.work.length, shard.looks.length];
    await shard.kit.advance(foundWithinMs);
    expect(new Set(sentSince(before)).size).toBe(before);
    for (const routes of shard.looks.slice(looks)) {
      expect(routes.length).toBeLessThanOrEqual(64);
      const ofQueue = Map.groupBy(routes, ({ queue }) => queue);
      for (const ofOne of ofQueue.values()) expect(ofOne.length).toBeLessThanOrEqual(8);
    }
  });

  it('is made by one shard of a process at a time, in the order in which they asked', () => {
    const looks = new WorkLooks();
    const began: string[] = [];
    const turnOf = (name: string) => ({ begin: () => began.push(name) });
    const [one, two, three] = [turnOf('one'), turnOf('two'), turnOf('three')];
    for (const turn of [one, two, three]) looks.ask(turn);
    expect(began).toEqual(['one']);
    // It has ended before its turn came.
    looks.end(two);
    expect(began).toEqual(['one']);
    looks.end(one);
    looks.end(one);
    expect(began).toEqual(['one', 'three']);
    looks.end(three);
    looks.ask(two);
    expect(began).toEqual(['one', 'three', 'two']);
  });

  it('waits for that of another shard, and is not forgotten when its own is started again meanwhile', async () => {
    const other = { begin: () => undefined };
    shard.workLooks.ask(other);
    const [lost] = await submitMany(1);
    await shard.kit.advance(30_000);
    expect(shard.looks).toEqual([]);
    shard.lose(shard.work);
    await shard.start();
    await shard.kit.advance(30_000);
    expect(shard.looks).toEqual([]);
    shard.workLooks.end(other);
    await shard.kit.advance(1_000);
    expect(shard.looks.length).toBeGreaterThan(0);
    expect(shard.work.at(-1)?.jobId).toBe(lost);
    // Its turn is over: another shard has one.
    let hasBegun = false;
    shard.workLooks.ask({ begin: () => (hasBegun = true) });
    expect(hasBegun).toBe(true);
  });
});

describe('a server that may have lost what it confirmed last', () => {
  it('is told that again, in order and under the same ids; of work, what still waits', async () => {
    const [first, second] = await submitMany(2);
    if (first === undefined || second === undefined) throw new Error('not accepted');
    await shard.kit.advance(1_000);
    await shard.call('claim', { jobId: first, node: 'n1', epoch: 1, ackTo: 'ack' });
    await shard.kit.advance(1_000);
    const [work, events] = [shard.work.length, shard.events.length];
    const ids = shard.work.map(idOf);
    shard.doubt();
    await shard.kit.settle();
    expect(sentSince(work)).toEqual([second]);
    expect(ids).toContain(idOf(shard.work[work] as ShardHarness['work'][number]));
    expect(shard.events.slice(events).map(({ jobId, seq }) => [jobId, seq])).toEqual([
      [first, 1],
      [second, 1],
      [first, 2],
    ]);
  });

  it('is told of a job that was sent again only its last message', async () => {
    await submitMany(1);
    await shard.kit.advance(6_000);
    shard.lose(shard.work);
    while (shard.work.length === 1) await shard.kit.advance(100);
    shard.doubt();
    await shard.kit.settle();
    expect(shard.work.slice(2).map(({ again }) => again)).toEqual([2]);
  });

  it('has the message that it was told again, wherever that is: no other is sent', async () => {
    await submitMany(1);
    while (shard.looks.length === 0) await shard.kit.advance(100);
    shard.lose(shard.work);
    shard.doubt();
    await shard.kit.advance(60_000);
    expect(shard.work.map(({ again }) => again)).toEqual([1, 1]);
  });

  it('has it also when a look at the stream of before is answered late', async () => {
    await submitMany(1);
    let lost = 0;
    shard.onLook = async () => {
      shard.onLook = undefined;
      lost = shard.work.length;
      shard.lose(shard.work);
      shard.doubt();
      await Promise.resolve();
      await Promise.resolve();
      expect(shard.work).toHaveLength(2);
    };
    await shard.kit.advance(60_000);
    expect([lost, shard.work.length]).toEqual([1, 2]);
  });

  it('is not told what it has surely written', async () => {
    await submitMany(3);
    await shard.kit.advance(20_000);
    shard.doubt();
    await shard.kit.settle();
    expect([shard.work.length, shard.events.length]).toEqual([3, 3]);
  });

  it('is told all that it confirmed before it fell silent, however long that lasts', async () => {
    await submitMany(3);
    await shard.kit.advance(2_000);
    shard.broker = 'down';
    await shard.kit.advance(300_000);
    shard.broker = 'up';
    shard.doubt();
    await shard.kit.settle();
    expect([shard.work.length, shard.events.length]).toEqual([6, 6]);
  });

  it('gets all of it from the successor of an owner that died with it', async () => {
    const jobs = await submitMany(3);
    await shard.kit.advance(9_000);
    shard.lose(shard.work);
    await shard.start();
    expect(sentSince(3).sort()).toEqual([...jobs].sort());
    expect(shard.events).toHaveLength(6);
  });
});
