/** What holds jobs back in a shard: pause, limits, rates, keys; and that nothing that is held is ever lost or forgotten. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ClaimResult } from '../../../../../src/application/ports/shard-protocol.ts';
import type { FlowRule } from '../../../../../src/domain/flow-rule.ts';
import { priorityAgeingMs } from '../../../../../src/domain/priority.ts';
import type { JobSpec } from '../../../../../src/domain/job.ts';
import type { JobId } from '../../../../../src/domain/job-id.ts';
import { testSpec } from '../../../../support/jobs.ts';
import { createShardHarness, type ShardHarness } from '../../../../support/shard-harness.ts';

let shard: ShardHarness;
let epoch: number;

async function begin(rule: FlowRule = {}): Promise<void> {
  shard.rules.set('default', rule);
  epoch += 1;
  await shard.start();
  await shard.kit.advance(100);
}

beforeEach(async () => {
  shard = await createShardHarness();
  epoch = 0;
});
afterEach(async () => {
  await shard.close();
});

async function submit(overrides: Partial<JobSpec> = {}): Promise<JobId> {
  const { record } = await shard.call('submit', { spec: testSpec(overrides) });
  return record.id;
}

async function submitMany(count: number, overrides: Partial<JobSpec> = {}): Promise<JobId[]> {
  const all = Array.from({ length: count }, () => shard.send('submit', { spec: testSpec(overrides) }));
  return (await shard.kit.outcome(Promise.all(all), 1_000)).map(({ record }) => record.id);
}

function here<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('not there');
  return value;
}

const claim = (jobId: JobId, ackTo = `ack-${jobId}`): Promise<ClaimResult> =>
  shard.call('claim', { jobId, node: 'n1', epoch, ackTo });

async function start(jobId: JobId): Promise<string> {
  const result = await claim(jobId);
  if (result.kind !== 'granted') throw new Error(`claim of ${jobId}: ${result.kind}`);
  return result.token;
}

async function end(jobId: JobId, token: string): Promise<void> {
  await shard.call('report', { jobId, token, outcome: { kind: 'succeeded' } });
}

/** Takes what was sent since the last call. */
function sent(): JobId[] {
  return shard.work.splice(0).map(({ jobId }) => jobId);
}

/** As a node with many threads: starts what is sent, ends it, until nothing comes any more. Answers the order and the most at once. */
async function drain(runMs: number, forMs: number): Promise<{ readonly order: JobId[]; readonly most: number }> {
  const order: JobId[] = [];
  const running: { readonly jobId: JobId; readonly token: string; readonly endMs: number }[] = [];
  const { clock } = shard.kit;
  const untilMs = clock.monotonicMs() + forMs;
  let most = 0;
  while (clock.monotonicMs() < untilMs) {
    for (const jobId of sent()) {
      const result = await claim(jobId);
      if (result.kind !== 'granted') continue;
      order.push(jobId);
      running.push({ jobId, token: result.token, endMs: clock.monotonicMs() + runMs });
    }
    most = Math.max(most, running.length);
    await shard.kit.advance(20);
    for (const run of running.splice(0)) {
      if (run.endMs > clock.monotonicMs()) running.push(run);
      else await end(run.jobId, run.token);
    }
  }
  return { order, most };
}

describe('a queue that is paused', () => {
  it('sends nothing; what it has sent is not started, and is used up; all of it goes when it is resumed', async () => {
    await begin();
    const before = await submit();
    expect(sent()).toEqual([before]);
    shard.setRule('default', { paused: true });
    const after = await submit();
    expect(await claim(before)).toEqual({ kind: 'drop' });
    await shard.kit.advance(2_100);
    expect(sent()).toEqual([]);
    shard.setRule('default', {});
    await shard.kit.advance(100);
    expect(shard.work.map(({ jobId, again }) => [jobId, again])).toEqual([
      // Under the id of its first message it would be taken for that one.
      [before, 2],
      [after, 3],
    ]);
    await start(before);
    await start(after);
  });

  it('keeps its jobs over a recovery, also one that comes after a message was used up', async () => {
    await begin({ paused: true });
    const [held] = await submitMany(3);
    await begin({ paused: true });
    expect(await claim(here(held))).toEqual({ kind: 'drop' });
    sent();
    // Its rule has gone meanwhile: nothing says any more that its jobs were held.
    await begin({});
    expect(sent()).toHaveLength(3);
  });

  it('still cancels and expires what waits', async () => {
    await begin({ paused: true });
    const late = await submit({ queueTimeoutMs: 1_000 });
    const gone = await submit();
    await shard.call('cancel', { jobId: gone, reason: 'no' });
    await shard.kit.advance(2_000);
    expect((await shard.call('get', { jobId: late })).record.state).toBe('EXPIRED');
    shard.setRule('default', {});
    await shard.kit.advance(100);
    expect(sent()).toEqual([]);
  });
});

describe('a limit that comes while a job moves', () => {
  it('sends a message for the record that is to come, and none for the one before it', async () => {
    await begin();
    const jobId = await submit();
    expect(sent()).toEqual([jobId]);
    // The attempt starts and is lost before the store knows of it: the job waits again, for a store that still says it waits.
    shard.fates.push(...Array.from({ length: 30 }, () => 'unavailable' as const));
    const token = await start(jobId);
    const outcome = { kind: 'lost', blame: 'suspect' } as const;
    const recorded = shard.send('report', { jobId, token, outcome });
    await shard.kit.settle();
    shard.setRule('default', { maxRunning: 5 });
    await shard.kit.advance(500);
    expect(shard.fates).not.toEqual([]);
    expect(sent()).toEqual([]);
    await shard.kit.outcome(recorded, 60_000);
    await shard.kit.advance(5_000);
    expect(shard.work).toMatchObject([{ jobId, attempt: 1 }]);
    await end(jobId, await start(jobId));
  });
});

describe('a limit that comes when jobs were sent freely', () => {
  it('sends no second message for them, and starts them in their turn', async () => {
    await begin();
    const free = await submitMany(5);
    const keyed = await submitMany(2, { concurrencyKey: 'k' });
    await shard.kit.advance(1_000);
    expect(shard.work.map(({ jobId }) => jobId)).toEqual([...free, keyed[0]]);
    const { order } = await drain(100, 8_000);
    expect(new Set(order)).toEqual(new Set([...free, ...keyed]));
  });

  it('with a limit sends no second message either, but for those that were used up in vain', async () => {
    await begin();
    const free = await submitMany(6);
    shard.setRule('default', { maxRunning: 2 });
    await shard.kit.advance(1_000);
    expect(shard.work.map(({ jobId }) => jobId)).toEqual(free);
    const { order, most } = await drain(100, 8_000);
    expect(new Set(order)).toEqual(new Set(free));
    expect(most).toBe(2);
  });

  it('sends one for a job that was given back to the queue and had one before', async () => {
    await begin();
    const jobId = await submit();
    const token = await start(jobId);
    sent();
    // Nobody has told the shard yet.
    shard.rules.set('default', { maxRunning: 5 });
    await shard.call('report', { jobId, token, outcome: { kind: 'released' } });
    await shard.kit.advance(1_000);
    expect(shard.work).toMatchObject([{ jobId, again: 2 }]);
    await start(jobId);
  });
});

describe('a queue with a most of running jobs', () => {
  it('never runs more, and all of them in the end', async () => {
    await begin({ maxRunning: 3 });
    await submitMany(40);
    const { order, most } = await drain(100, 8_000);
    expect(new Set(order).size).toBe(40);
    expect(most).toBe(3);
  });

  it('counts what ran before a recovery', async () => {
    await begin({ maxRunning: 2 });
    const [one, two, three] = await submitMany(3);
    await shard.kit.advance(500);
    const tokens = [await start(here(one)), await start(here(two))];
    sent();
    await shard.kit.advance(200);
    await begin({ maxRunning: 2 });
    const beats = {
      node: 'n1',
      runs: [one, two].map((jobId, n) => ({ jobId: here(jobId), token: here(tokens[n]) })),
    };
    for (let n = 0; n < 5; n += 1) {
      await shard.call('heartbeat', beats);
      await shard.kit.advance(1_000);
    }
    expect(sent()).toEqual([]);
    expect(await claim(here(three))).toEqual({ kind: 'drop' });
    await end(here(one), here(tokens[0]));
    await shard.kit.advance(1_000);
    expect(sent()).toEqual([three]);
  });

  it('raised lets more go, lowered lets fewer start, and ends nothing', async () => {
    await begin({ maxRunning: 4 });
    await submitMany(20);
    await shard.kit.advance(500);
    const first = sent();
    expect(first).toHaveLength(4);
    const tokens = await Promise.all(first.map((jobId) => start(jobId)));
    shard.setRule('default', { maxRunning: 1 });
    for (const [n, jobId] of first.entries()) if (n < 3) await end(jobId, here(tokens[n]));
    await shard.kit.advance(1_000);
    expect(sent()).toEqual([]);
    shard.setRule('default', { maxRunning: 6 });
    await shard.kit.advance(1_000);
    expect(sent()).toHaveLength(5);
  });
});

describe('a queue with a rate', () => {
  it('starts its burst at once, then as the rate allows, and never more', async () => {
    await begin({ rate: { perSecond: 10, burst: 5 } });
    await shard.kit.advance(2_000);
    await submitMany(60);
    const { order } = await drain(10, 2_000);
    expect(order.length).toBeGreaterThanOrEqual(20);
    expect(order.length).toBeLessThanOrEqual(25);
  });
});

describe('jobs with a concurrency key', () => {
  it('run one at a time, in their order, and hold back no others', async () => {
    await begin();
    const same = await submitMany(4, { concurrencyKey: 'user-1' });
    const others = await submitMany(4, { concurrencyKey: 'user-2' });
    const [free] = await submitMany(1);
    await shard.kit.advance(500);
    expect(new Set(sent())).toEqual(new Set([same[0], others[0], free]));
    const token = await start(here(same[0]));
    await shard.kit.advance(1_000);
    expect(sent()).toEqual([]);
    await end(here(same[0]), token);
    await shard.kit.advance(1_000);
    expect(sent()).toEqual([same[1]]);
  });

  it('run as many at a time as the queue says, and all in the end', async () => {
    await begin({ maxRunningPerKey: 2 });
    await submitMany(10, { concurrencyKey: 'a' });
    const { order, most } = await drain(100, 8_000);
    expect(new Set(order).size).toBe(10);
    expect(most).toBe(2);
  });

  it('whose holder is cancelled before it starts: the next one goes', async () => {
    await begin();
    const [first, second] = await submitMany(2, { concurrencyKey: 'a' });
    await shard.kit.advance(500);
    expect(sent()).toEqual([first]);
    await shard.call('cancel', { jobId: here(first), reason: 'no' });
    await shard.kit.advance(1_000);
    expect(sent()).toEqual([second]);
  });
});

describe('fairness', () => {
  it('takes turns between keys, by weight, however many of one came first', async () => {
    await begin({ maxRunning: 1, fairnessWeights: { big: 3 } });
    const big = new Set(await submitMany(60, { fairnessKey: 'big' }));
    await submitMany(20, { fairnessKey: 'small' });
    const { order } = await drain(10, 6_000);
    expect(order.length).toBe(80);
    const early = order.slice(1, 41).filter((jobId) => big.has(jobId)).length;
    expect(early).toBeGreaterThanOrEqual(28);
    expect(early).toBeLessThanOrEqual(32);
  });

  it('starts a level that was passed over for an hour before all others', async () => {
    const spec = { totalTimeoutMs: 3 * priorityAgeingMs, retentionMs: 3 * priorityAgeingMs };
    await begin({ maxRunning: 1 });
    const lowest = await submitMany(2, { ...spec, priority: 0 });
    const highest = await submitMany(40, { ...spec, priority: 4 });
    const early = await drain(10, 200);
    expect(early.order.filter((jobId) => lowest.includes(jobId))).toHaveLength(1);
    shard.setRule('default', { paused: true });
    await shard.kit.advance(priorityAgeingMs);
    shard.setRule('default', { maxRunning: 1 });
    const late = await drain(10, 4_000);
    const place = late.order.findIndex((jobId) => lowest.includes(jobId));
    expect(place).toBeGreaterThanOrEqual(0);
    expect(place).toBeLessThanOrEqual(2);
    expect(early.order.length + late.order.length).toBeGreaterThanOrEqual(lowest.length + highest.length);
  });

  it('starts the higher level first within a limit, and the lowest now and then', async () => {
    await begin({ maxRunning: 1 });
    const low = new Set(await submitMany(10, { priority: 0 }));
    await submitMany(40, { priority: 4 });
    const { order } = await drain(10, 4_000);
    const places = order.flatMap((jobId, place) => (low.has(jobId) ? [place] : []));
    expect(places[1]).toBeGreaterThanOrEqual(16);
    expect(places[1]).toBeLessThanOrEqual(19);
  });
});

describe('a limiter', () => {
  it.each([
    ['pause', { paused: true }, {}],
    ['running', { maxRunning: 1 }, {}],
    ['rate', { rate: { perSecond: 0.01, burst: 1 } }, {}],
    ['key', {}, { concurrencyKey: 'a' }],
  ] as const)('says what holds a job back: %s', async (heldBy, rule, spec) => {
    await begin(rule);
    await submitMany(2, spec);
    const last = await submit(spec);
    await shard.kit.advance(1_000);
    expect(await shard.call('place', { jobId: last })).toEqual({ before: 2, waiting: 3, heldBy });
  });

  it('does not wait for a job that no node can run', async () => {
    await begin({ maxRunning: 1 });
    shard.missing.add('no.such');
    const lost = await submit({ handler: 'no.such' });
    const well = await submit();
    await shard.kit.advance(500);
    expect(sent()).toEqual([lost, well]);
    const token = await start(well);
    // A node with the handler has come, and brings the message.
    shard.missing.clear();
    expect(await claim(lost)).toEqual({ kind: 'drop' });
    await end(well, token);
    await shard.kit.advance(2_000);
    expect(shard.work.at(-1)).toMatchObject({ jobId: lost, again: 3 });
    await start(lost);
  });

  it('sends again what JetStream has lost, and no more than that', async () => {
    await begin({ maxRunning: 2 });
    await submitMany(5);
    await shard.kit.advance(500);
    const lost = sent();
    expect(lost).toHaveLength(2);
    shard.replaceStreams();
    await shard.kit.settle();
    expect(new Set(sent())).toEqual(new Set(lost));
  });

  it.each([
    ['was confirmed', async () => undefined],
    [
      'was not confirmed',
      async () => {
        shard.broker = 'down';
      },
    ],
  ])(
    'sends one message for a job whose last one %s and was used up, though JetStream may have lost it',
    async (_, before) => {
      await begin();
      await before();
      const jobId = await submit();
      await shard.kit.advance(200);
      sent();
      shard.setRule('default', { paused: true });
      await shard.kit.settle();
      expect(await claim(jobId)).toEqual({ kind: 'drop' });
      shard.broker = 'up';
      shard.doubt();
      await shard.kit.advance(2_000);
      expect(sent()).toEqual([]);
      shard.setRule('default', {});
      await shard.kit.advance(2_000);
      expect(sent()).toEqual([jobId]);
      await start(jobId);
    },
  );

  it('runs again what its node gave back', async () => {
    await begin({ maxRunning: 1 });
    const jobId = await submit();
    await shard.kit.advance(500);
    sent();
    const token = await start(jobId);
    await shard.call('report', { jobId, token, outcome: { kind: 'released' } });
    await shard.kit.advance(1_000);
    expect(sent()).toEqual([jobId]);
    await start(jobId);
  });
});
