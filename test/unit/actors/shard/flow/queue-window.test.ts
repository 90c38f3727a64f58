/** Every queue has a window: a backlog waits in its shard, and not in the stream of work in front of others. */
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { DispatchWindows } from '../../../../../src/actors/shard/services/dispatch-windows.ts';
import type { JobSpec } from '../../../../../src/domain/job.ts';
import type { JobId } from '../../../../../src/domain/job-id.ts';
import { type Priority, priorities } from '../../../../../src/domain/priority.ts';
import { testSpec } from '../../../../support/jobs.ts';
import { createShardHarness, type ShardHarness } from '../../../../support/shard-harness.ts';

const window = 8;
const windowsOf = (size: number): DispatchWindows =>
  new DispatchWindows({ floor: { most: size, least: size }, outMax: 1_000_000, most: size });

let shard: ShardHarness;

async function begin(size = window): Promise<void> {
  shard = await createShardHarness({ dispatchWindows: windowsOf(size) });
  await shard.start();
}

async function submitMany(count: number, overrides: Partial<JobSpec> = {}): Promise<JobId[]> {
  const items = Array.from({ length: count }, () => ({ spec: testSpec(overrides) }));
  return (await shard.kit.outcome(shard.sendAll('submit', items), 1_000)).map(({ record }) => record.id);
}

const ofMessage = ({ jobId, epoch, again = 0 }: ShardHarness['work'][number]) => ({ jobId, epoch, again, node: 'n1' });

/** A node takes the message at this place, and ends the run that it begins. */
async function run(place: number): Promise<string> {
  const message = shard.work[place];
  if (message === undefined) throw new Error(`no message ${place}`);
  const claimed = await shard.call('claim', { ...ofMessage(message), ackTo: `ack-${place}` });
  if (claimed.kind !== 'granted') return claimed.kind;
  const report = { jobId: message.jobId, token: claimed.token, outcome: { kind: 'succeeded' } } as const;
  await shard.call('report', report);
  return claimed.kind;
}

const sent = (): JobId[] => shard.work.map(({ jobId }) => jobId);

describe('a queue without limits', () => {
  beforeEach(async () => {
    await begin();
    return () => shard.close();
  });

  it('has no more jobs out than its window, and the next ones go when half of them have started', async () => {
    const jobs = await submitMany(50);
    await shard.kit.advance(30_000);
    expect(sent()).toEqual(jobs.slice(0, window));
    for (let place = 0; place < 50; place += 1) {
      expect(await run(place)).toBe('granted');
      const started = place + 1;
      expect(sent()).toEqual(jobs.slice(0, window + started - (started % (window / 2))));
    }
  });

  it('sends a job at once while its window has room and no other job waits', async () => {
    await submitMany(window + 2);
    for (let place = 0; place < 5; place += 1) await run(place);
    expect(sent()).toHaveLength(window + 2);
    const [last] = await submitMany(1);
    expect(sent().slice(window + 2)).toEqual([last]);
  });

  it('keeps no other queue, and no other level, waiting', async () => {
    await submitMany(50);
    const other = await submitMany(2, { queue: 'other' });
    const high = await submitMany(50, { priority: 4 });
    expect(sent().slice(window)).toEqual([...other, ...high.slice(0, window)]);
  });

  it('starts no job of a message that this owner did not send: the job has its own turn', async () => {
    const jobs = await submitMany(20);
    const [last] = jobs.slice(-1);
    const claim = { jobId: last as JobId, node: 'n1', epoch: 0, again: 3, ackTo: 'ack' };
    expect(await shard.call('claim', claim)).toEqual({ kind: 'drop' });
    for (let place = 0; place < 20; place += 1) expect(await run(place)).toBe('granted');
    expect(sent()).toEqual(jobs);
  });

  it('has its windows sent by the next owner, whatever the stream still has, and each job starts once', async () => {
    const jobs = await submitMany(20);
    await shard.kit.advance(60_000);
    await shard.start();
    expect(sent()).toEqual([...jobs.slice(0, window), ...jobs.slice(0, window)]);
    const answers: string[] = [];
    for (let place = 0; place < shard.work.length; place += 1) answers.push(await run(place));
    expect(answers.filter((kind) => kind === 'granted')).toHaveLength(20);
    expect(answers.filter((kind) => kind === 'drop')).toHaveLength(window);
  });

  it('gives no two messages of an owner the same number', async () => {
    await submitMany(20);
    for (let place = 0; place < 20; place += 1) {
      const message = shard.work[place];
      if (message === undefined) throw new Error('not sent');
      const claimed = await shard.call('claim', { ...ofMessage(message), ackTo: `ack-${place}` });
      if (claimed.kind !== 'granted') throw new Error(claimed.kind);
      const report = { jobId: message.jobId, token: claimed.token, outcome: { kind: 'released' } } as const;
      await shard.call('report', report);
    }
    await shard.kit.advance(1_000);
    expect(new Set(shard.work.map(({ again }) => again)).size).toBe(shard.work.length);
  });
});

describe('a paused queue with waiting jobs', () => {
  it('costs no write once nothing happens', async () => {
    await begin();
    shard.rules.set('default', { paused: true });
    await submitMany(50);
    await shard.kit.advance(30_000);
    let writes = 0;
    shard.onWatermark = async () => {
      writes += 1;
    };
    await shard.kit.advance(60_000);
    expect([writes, shard.work.length]).toEqual([0, 0]);
    await shard.close();
  });
});

describe('the order of starts', () => {
  const job = fc.record({
    priority: fc.constantFrom<Priority>(...priorities),
    fairnessKey: fc.constantFrom('a', 'b', 'c'),
  });

  /** Starts of each level, in order, when all jobs wait before the first one starts. */
  async function startsOf(jobs: readonly Partial<JobSpec>[], size: number): Promise<ReadonlyMap<Priority, string[]>> {
    await begin(size);
    shard.rules.set('default', { paused: true, fairnessWeights: { a: 3 } });
    const items = jobs.map((spec) => ({ spec: testSpec(spec) }));
    const ids = (await shard.kit.outcome(shard.sendAll('submit', items), 1_000)).map(({ record }) => record.id);
    shard.setRule('default', { fairnessWeights: { a: 3 } });
    await shard.kit.advance(100);
    const starts = new Map<Priority, string[]>(priorities.map((level) => [level, []]));
    for (let place = 0; place < jobs.length; place += 1) {
      const number = ids.indexOf(shard.work[place]?.jobId as JobId);
      starts.get(jobs[number]?.priority ?? 2)?.push(`${number} ${jobs[number]?.fairnessKey}`);
      expect(await run(place)).toBe('granted');
    }
    await shard.close();
    return starts;
  }

  it('within a level is that of the turns of its keys, however small the window is', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(job, { minLength: 1, maxLength: 60 }), async (jobs) => {
        expect(await startsOf(jobs, window)).toEqual(await startsOf(jobs, 1_000));
      }),
      { numRuns: 15 },
    );
  });

  it('lets a key that comes late start after a window of the others at most', async () => {
    await begin();
    await submitMany(60, { fairnessKey: 'early' });
    const [late] = await submitMany(1, { fairnessKey: 'late' });
    for (let place = 0; place <= window + 1; place += 1) await run(place);
    expect(sent().indexOf(late as JobId)).toBeLessThanOrEqual(window + 1);
    expect(sent()).toContain(late);
    await shard.close();
  });
});
