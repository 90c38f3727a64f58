/**
 * A power cut of NATS and of the owner at once: what was not on the disk of NATS is known to the records alone. A job that
 * makes many events in that time remembers all of them, and waits once it holds as many as fit.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { JobEvent } from '../../../../../src/application/ports/bus.ts';
import type { ReportItem } from '../../../../../src/application/ports/shard-protocol.ts';
import { trailLongestMax, trailMax } from '../../../../../src/domain/job.ts';
import type { JobId } from '../../../../../src/domain/job-id.ts';
import { testSpec } from '../../../../support/jobs.ts';
import { type ShardHarness, startShardHarness } from '../../../../support/shard-harness.ts';

/** As `nats.syncIntervalMs` has it. */
const syncMs = 10_000;
const stepMs = 50;

let shard: ShardHarness;
/** When the broker took each event. */
let takenAtMs: Map<JobEvent, number>;

beforeEach(async () => {
  shard = await startShardHarness();
  takenAtMs = new Map();
});
afterEach(() => shard.close());

async function step(): Promise<void> {
  await shard.kit.advance(stepMs);
  const nowMs = shard.kit.clock.monotonicMs();
  for (const event of shard.events) if (!takenAtMs.has(event)) takenAtMs.set(event, nowMs);
}

async function jobThatMayRunOften(): Promise<JobId> {
  const retry = { maxAttempts: 1_000, initialMs: 1, coefficient: 1, maxMs: 1 };
  return (await shard.call('submit', { spec: testSpec({ retry }) })).record.id;
}

/** Each attempt ends so as soon as it has begun. Attempts that began in each second. */
async function runFor(durationMs: number, jobId: JobId, outcome: ReportItem['outcome']): Promise<number[]> {
  const began: number[] = [];
  for (let ms = 0; ms < durationMs; ms += stepMs) {
    const second = Math.floor(ms / 1_000);
    began[second] ??= 0;
    const { record } = await shard.call('get', { jobId });
    expect(record.trail.length).toBeLessThanOrEqual(trailLongestMax);
    if (record.state === 'QUEUED') {
      const grant = await shard.call('claim', { jobId, node: 'n1', epoch: 1 });
      if (grant.kind === 'granted') {
        began[second] += 1;
        await shard.call('report', { jobId, token: grant.token, outcome });
      } else expect(grant.kind).toBe('later');
    }
    await step();
  }
  return began;
}

/** What the broker took in its last interval is gone, and the owner with it: what the next one tells is told anew. */
async function losePowerOfBoth(): Promise<{ readonly lost: JobEvent[]; readonly told: JobEvent[] }> {
  const nowMs = shard.kit.clock.monotonicMs();
  const lost = shard.events.filter((event) => nowMs - (takenAtMs.get(event) ?? nowMs) < syncMs);
  const before = shard.events.length;
  await shard.start();
  for (let ms = 0; ms < 5_000; ms += stepMs) await step();
  return { lost, told: shard.events.slice(before) };
}

const seqsOf = (events: readonly JobEvent[]): number[] => [...new Set(events.map(({ seq }) => seq))];

const failure = { reason: 'HANDLER_FAILED', message: 'no' } as const;

describe.each<[string, ReportItem['outcome']]>([
  ['is put off by a second each time', { kind: 'snoozed', delayMs: 1_000 }],
  ['is put off by almost nothing', { kind: 'snoozed', delayMs: 1 }],
  ['fails and is retried at once', { kind: 'failed', failure, retryable: true }],
])('a job that %s', (_what, outcome) => {
  it('loses no event, whenever it comes', async () => {
    const jobId = await jobThatMayRunOften();
    let most = 0;
    for (const afterMs of [17_000, 3_000, 11_000, 5_000, 2_000, 20_000]) {
      await runFor(afterMs, jobId, outcome);
      const { lost, told } = await losePowerOfBoth();
      expect(seqsOf(told)).toEqual(expect.arrayContaining(seqsOf(lost)));
      most = Math.max(most, lost.length);
    }
    expect(most).toBeGreaterThan(trailMax - 4);
    const all = seqsOf(shard.events).sort((a, b) => a - b);
    expect(all).toEqual(all.map((_, index) => index + 1));
  });
});

it('a job that is put off by a second each time is not held back; a faster one to about two attempts a second', async () => {
  const jobId = await jobThatMayRunOften();
  const steady = await runFor(60_000, jobId, { kind: 'snoozed', delayMs: 1_000 });
  expect(steady.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(54);
  const other = await jobThatMayRunOften();
  const fast = await runFor(60_000, other, { kind: 'snoozed', delayMs: 1 });
  expect(fast[0]).toBeGreaterThan(8);
  const later = fast.slice(15).reduce((sum, count) => sum + count, 0);
  expect([later > 1.8 * 45, later < 3 * 45]).toEqual([true, true]);
});

it('a job remembers no more than readers see once its events are on the disk of NATS', async () => {
  const jobId = await jobThatMayRunOften();
  await runFor(20_000, jobId, { kind: 'snoozed', delayMs: 1 });
  await runFor(20_000, jobId, { kind: 'snoozed', delayMs: 30_000 });
  await runFor(40_000, jobId, { kind: 'snoozed', delayMs: 30_000 });
  expect((await shard.call('get', { jobId })).record.trail).toHaveLength(trailMax);
});

it('while NATS is away a job goes on until its record is full, and then waits', async () => {
  const jobId = await jobThatMayRunOften();
  shard.broker = 'down';
  await runFor(30_000, jobId, { kind: 'snoozed', delayMs: 1 });
  const { record } = await shard.call('get', { jobId });
  expect(record.trail[0]?.seq).toBe(1);
  expect(record.trail.length).toBeGreaterThan(trailLongestMax - 9);
  shard.broker = 'up';
  await step();
  const { told } = await losePowerOfBoth();
  expect(seqsOf(told).length).toBeGreaterThanOrEqual(record.seq);
});
