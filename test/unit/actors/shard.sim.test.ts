/**
 * Random lives of a shard: submits, claims, outcomes and cancels while the store and NATS misbehave and owners crash.
 * Whatever the seed: what was acknowledged is there, ends exactly once, and its events are numbered without a gap.
 */
import { describe, expect, it } from 'vitest';
import type { AttemptOutcome } from '../../../src/application/shard-protocol.ts';
import type { JobId } from '../../../src/domain/job-id.ts';
import type { JobRecord } from '../../../src/domain/job.ts';
import { isTerminal } from '../../../src/domain/job.ts';
import { createSeededRandom } from '../../../src/actors/testkit/index.ts';
import { testSpec } from '../../support/jobs.ts';
import type { CommitFate, ShardHarness } from '../../support/shard-harness.ts';
import { createShardHarness } from '../../support/shard-harness.ts';

const seeds = 40;
const stepsPerSeed = 120;
const fates: readonly CommitFate[] = ['ok', 'ok', 'done-but-unknown', 'lost-and-unknown', 'unavailable'];

interface World {
  readonly shard: ShardHarness;
  readonly random: () => number;
  /** Acknowledged to a client, by key when it had one. */
  readonly accepted: Set<JobId>;
  readonly byKey: Map<string, JobId>;
  readonly held: Map<JobId, string>;
  /** The first terminal state that anybody saw. */
  readonly ended: Map<JobId, JobRecord['state']>;
  readonly waiting: Promise<unknown>[];
}

function pick<T>(random: () => number, of: readonly T[]): T | undefined {
  return of[Math.floor(random() * of.length)];
}

function sawRecord(world: World, record: JobRecord): void {
  if (!isTerminal(record.state)) return;
  const before = world.ended.get(record.id);
  expect(before ?? record.state).toBe(record.state);
  world.ended.set(record.id, record.state);
}

/** Answers may never come, or say that nothing is known: both are allowed. */
function inBackground(world: World, answer: Promise<unknown>): void {
  world.waiting.push(answer.catch(() => undefined));
}

function submit(world: World): void {
  const { shard, random } = world;
  const key = random() < 0.3 ? `key-${String(Math.floor(random() * 5))}` : undefined;
  const retry = { maxAttempts: 2, initialMs: 100, coefficient: 1, maxMs: 100 };
  const item = { spec: testSpec({ retry }), ...(key !== undefined && { keyHash: key, contentHash: 'same' }) };
  const answer = shard.send('submit', item).then(({ record }) => {
    world.accepted.add(record.id);
    if (key !== undefined) {
      expect(world.byKey.get(key) ?? record.id).toBe(record.id);
      world.byKey.set(key, record.id);
    }
    sawRecord(world, record);
  });
  inBackground(world, answer);
}

function claim(world: World): void {
  const { shard, random } = world;
  const jobId = pick(random, shard.work)?.jobId;
  if (jobId === undefined) return;
  const answer = shard.send('claim', { jobId, node: 'n1', ackTo: jobId }).then((grant) => {
    if (grant.kind === 'granted') world.held.set(jobId, grant.token);
  });
  inBackground(world, answer);
}

function complete(world: World): void {
  const { shard, random, held } = world;
  const run = pick(random, [...held]);
  if (run === undefined) return;
  const [jobId, token] = run;
  const failure = { reason: 'HANDLER_FAILED', message: 'no' } as const;
  const outcomes: readonly AttemptOutcome[] = [
    { kind: 'succeeded' },
    { kind: 'failed', failure, retryable: true },
    { kind: 'stopped' },
    { kind: 'lost', convicted: random() < 0.3 },
  ];
  const outcome = pick(random, outcomes) ?? { kind: 'stopped' };
  inBackground(world, shard.send('complete', { jobId, token, outcome }));
  if (random() < 0.7) held.delete(jobId);
}

async function step(world: World): Promise<void> {
  const { shard, random } = world;
  const dice = random();
  if (dice < 0.35) submit(world);
  else if (dice < 0.55) claim(world);
  else if (dice < 0.7) complete(world);
  else if (dice < 0.75) {
    const jobId = pick(random, [...world.accepted]);
    if (jobId === undefined) return;
    const cancelled = shard.send('cancel', { jobId, reason: 'sim' }).then(({ record }) => {
      sawRecord(world, record);
    });
    inBackground(world, cancelled);
  } else if (dice < 0.82) shard.fates.push(pick(random, fates) ?? 'ok');
  else if (dice < 0.86) shard.broker = shard.broker === 'up' ? 'down' : 'up';
  else if (dice < 0.9) await shard.start();
  else if (dice < 0.92) shard.replaceStreams();
  else await shard.kit.advance(Math.floor(random() * 4_000));
}

/** Everything heals; a diligent node runs what is left. */
async function drain(world: World): Promise<void> {
  const { shard } = world;
  shard.broker = 'up';
  shard.fates.length = 0;
  await shard.start();
  for (let round = 0; round < 60; round += 1) {
    await shard.kit.advance(3_000);
    const records = await Promise.all([...world.accepted].map((id) => shard.store.jobs.findJob(id)));
    if (records.every((record) => record !== undefined && isTerminal(record.state))) break;
    for (const { jobId } of shard.work.splice(0)) {
      const grant = await shard.call('claim', { jobId, node: 'n2' });
      if (grant.kind !== 'granted') continue;
      await shard.call('complete', { jobId, token: grant.token, outcome: { kind: 'succeeded' } });
    }
  }
  await shard.kit.advance(3_000);
}

async function check(world: World): Promise<void> {
  const { shard } = world;
  for (const id of world.accepted) {
    const record = await shard.store.jobs.findJob(id);
    expect(record, `acknowledged job ${id}`).toBeDefined();
    if (record === undefined) continue;
    expect(isTerminal(record.state), `${id} ended`).toBe(true);
    sawRecord(world, record);
    const seqs = new Set(shard.events.filter((event) => event.jobId === id).map((event) => event.seq));
    const firstKept = record.trail[0]?.seq ?? 1;
    for (let seq = firstKept; seq <= record.seq; seq += 1) {
      expect(seqs.has(seq), `event ${String(seq)} of ${id}`).toBe(true);
    }
  }
}

describe('any life of a shard', () => {
  it(`keeps its promises (seeds 1 to ${String(seeds)})`, { timeout: 120_000 }, async () => {
    for (let seed = 1; seed <= seeds; seed += 1) {
      const shard = await createShardHarness({ seed });
      const random = createSeededRandom(seed * 7_919);
      const world: World = {
        ...{ shard, random, accepted: new Set(), byKey: new Map(), held: new Map(), ended: new Map(), waiting: [] },
      };
      try {
        await shard.start();
        for (let i = 0; i < stepsPerSeed; i += 1) await step(world);
        await drain(world);
        await Promise.all(world.waiting);
        await check(world);
      } catch (error) {
        throw new Error(`seed ${String(seed)}: ${error instanceof Error ? error.message : String(error)}`, {
          cause: error,
        });
      } finally {
        await shard.close();
      }
    }
  });
});
