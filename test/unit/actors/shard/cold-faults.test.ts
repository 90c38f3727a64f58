/** What once went wrong with cold jobs. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ShardKeys } from '../../../../src/actors/shard/keys/shard-keys.ts';
import { JobTable } from '../../../../src/actors/shard/table/job-table.ts';
import { DispatchWindows } from '../../../../src/actors/shard/services/dispatch-windows.ts';
import type { WorkMessage } from '../../../../src/application/ports/bus.ts';
import type { JobSpec } from '../../../../src/domain/job.ts';
import type { JobId } from '../../../../src/domain/job-id.ts';
import { given } from '../../../../src/domain/given.ts';
import { testSpec } from '../../../support/jobs.ts';
import { createShardHarness, type ShardHarness } from '../../../support/shard-harness.ts';

let shard: ShardHarness;
afterEach(() => shard.close());

async function begin(windows: DispatchWindows): Promise<void> {
  shard = await createShardHarness({ backlogMax: 10_000, dispatchWindows: windows, memoryTightBytes: 0 });
  await shard.start();
}

async function submit(count: number, overrides: Partial<JobSpec> = {}): Promise<JobId[]> {
  const items = Array.from({ length: count }, () => ({ spec: testSpec(overrides) }));
  const results = await shard.kit.outcome(shard.sendAll('submit', items), 1_000);
  return results.map(({ record }) => record.id);
}

const crashes = (): unknown[] => shard.kit.events.filter(({ type }) => type === 'crashed');

describe('a job that has left its line by a message of its own and waits again', () => {
  it('is in its line once', async () => {
    const windows = new DispatchWindows({ floor: { most: 8, least: 1 }, outMax: 8, most: 8 });
    await begin(windows);
    await submit(70);
    await shard.kit.advance(100);
    const message = shard.work[3];
    if (message === undefined) throw new Error('no message');
    shard.missing.add('test.echo');
    await shard.kit.advance(2_000);
    // Windows are smaller now, so most of the jobs that have messages wait in the line.
    for (let n = 0; n < 8; n += 1) windows.opened();
    shard.missing.clear();
    await shard.kit.advance(1_000);
    const { jobId, epoch, again = 0 } = message;
    const claimed = await shard.call('claim', { jobId, epoch, again, node: 'n1', ackTo: 'ack' });
    if (claimed.kind !== 'granted') throw new Error(claimed.kind);
    await shard.call('report', { jobId, token: claimed.token, outcome: { kind: 'released' } });
    await shard.kit.advance(5_000);
    expect(crashes()).toEqual([]);
    expect((await shard.call('get', { jobId })).record.state).toBe('QUEUED');
  });
});

async function runAll(): Promise<JobId[]> {
  const order: JobId[] = [];
  for (let idle = 0; idle < 4; idle += 1) {
    const later: WorkMessage[] = [];
    for (let message = shard.work.shift(); message !== undefined; message = shard.work.shift()) {
      const { jobId, epoch, again = 0 } = message;
      const claimed = await shard.call('claim', { jobId, epoch, again, node: 'n1', ackTo: 'ack' });
      if (claimed.kind === 'later') later.push(message);
      if (claimed.kind !== 'granted') continue;
      idle = 0;
      order.push(jobId);
      await shard.call('report', { jobId, token: claimed.token, outcome: { kind: 'succeeded' } });
    }
    await shard.kit.advance(1_000);
    shard.work.push(...later);
  }
  return order;
}

describe('a record that is written twice', () => {
  it('changes nothing of the job when it lands late, after the job was loaded again', async () => {
    const four = { most: 4, least: 4 };
    await begin(new DispatchWindows({ floor: four, outMax: 1_000, most: 4 }));
    await submit(100);
    await shard.kit.advance(1_000);
    const unique = { key: 'u', onConflict: 'reject' } as const;
    const item = { spec: testSpec({ unique }) };
    shard.fates.push('unavailable');
    const first = shard.send('submit', item);
    await shard.kit.settle();
    // It is refused when the record of the holder is durable, so that record is written once more.
    const second = shard.send('submit', item).catch((error: unknown) => error);
    await shard.kit.settle();
    shard.fates.push('ok', ...Array.from({ length: 20 }, () => 'unavailable' as const));
    await shard.kit.advance(3_000);
    const { record } = await first;
    expect(shard.fates.length).toBeGreaterThan(0);
    const reschedule = shard.send('reschedule', { jobId: record.id }).catch((error: unknown) => error);
    await shard.kit.settle();
    expect(shard.fates.length).toBeGreaterThan(0);
    shard.fates.length = 0;
    await shard.kit.advance(3_000);
    await reschedule;
    await second;
    expect(await runAll()).toContain(record.id);
  });
});

describe('jobs of the same instant', () => {
  it('start in the order in which they came after a recovery in which memory became tight', async () => {
    const four = { most: 4, least: 4 };
    await begin(new DispatchWindows({ floor: four, outMax: 1_000, most: 4 }));
    const jobs = await submit(100);
    await shard.stop();
    shard.work.length = 0;
    let read = 0;
    shard.memory.onTight = () => (read += 1) > 50;
    await shard.start();
    shard.memory.onTight = undefined;
    expect(await runAll()).toEqual(jobs);
  });

  it('do so if memory becomes tight only after all were read, as the shards beside this one are read', async () => {
    const four = { most: 4, least: 4 };
    await begin(new DispatchWindows({ floor: four, outMax: 1_000, most: 4 }));
    const jobs: JobId[] = [];
    for (let n = 0; n < 800; n += 200) jobs.push(...(await submit(200)));
    await shard.stop();
    shard.work.length = 0;
    let read = 0;
    shard.memory.onTight = () => (read += 1) > jobs.length + 100;
    await shard.start();
    expect(read).toBeGreaterThan(jobs.length + 100);
    expect(crashes()).toEqual([]);
    expect(await runAll()).toEqual(jobs);
  });

  it('come in their order, the listed ones among the others, whatever was read first', async () => {
    const four = { most: 4, least: 4 };
    await begin(new DispatchWindows({ floor: four, outMax: 1_000, most: 4 }));
    const jobs = await submit(20);
    await shard.kit.advance(600_000);
    jobs.push(...(await submit(20)));
    await shard.stop();
    shard.work.length = 0;
    shard.memory.tight = false;
    await shard.start();
    expect(await runAll()).toEqual(jobs);
  });
});

describe('the place of a job', () => {
  it('counts the jobs before it, in whatever order they were loaded', async () => {
    const four = { most: 4, least: 4 };
    await begin(new DispatchWindows({ floor: four, outMax: 1_000, most: 4 }));
    const jobs = await submit(30);
    await shard.kit.advance(2_000);
    const late = jobs[25];
    if (late === undefined) throw new Error('no job');
    // The job is loaded for this, and stays where it is.
    await shard.call('reschedule', { jobId: late });
    shard.memory.tight = false;
    let done = 0;
    for (; done < 24; done += 1) {
      const message = shard.work.shift();
      if (message === undefined) throw new Error('no message');
      const { jobId, epoch, again = 0 } = message;
      const claimed = await shard.call('claim', { jobId, epoch, again, node: 'n1', ackTo: 'ack' });
      if (claimed.kind !== 'granted') throw new Error(claimed.kind);
      await shard.call('report', { jobId, token: claimed.token, outcome: { kind: 'succeeded' } });
      await shard.kit.advance(10);
    }
    for (const jobId of jobs.slice(24)) {
      expect([jobId, await shard.call('place', { jobId })]).toMatchObject([
        jobId,
        { before: jobs.indexOf(jobId) - 24 },
      ]);
    }
  });
});

describe('many jobs, when memory becomes tight', () => {
  it('become cold some in each message of the shard, from the end of their line', async () => {
    const four = { most: 4, least: 4 };
    await begin(new DispatchWindows({ floor: four, outMax: 1_000, most: 4 }));
    shard.memory.tight = false;
    for (let n = 0; n < 3_000; n += 200) await submit(200);
    const runAtMs = shard.kit.clock.nowMs() + 600_000;
    for (let n = 0; n < 1_500; n += 200) await submit(200, { runAtMs });
    const perMessage: number[] = [];
    let cooled = 0;
    // Keys are sent at the end of each message.
    const send = vi.spyOn(ShardKeys.prototype, 'send').mockImplementation(() => {
      perMessage.push(cooled);
      cooled = 0;
    });
    const original = JobTable.prototype.cool;
    const cool = vi.spyOn(JobTable.prototype, 'cool').mockImplementation(function (this: JobTable, entry) {
      cooled += 1;
      return original.call(this, entry);
    });
    shard.memory.tight = true;
    await shard.kit.advance(2_000);
    expect(cool.mock.calls.length).toBeGreaterThan(4_500);
    expect(Math.max(...perMessage)).toBeLessThanOrEqual(1_000);
    cool.mockRestore();
    send.mockRestore();
  });
});

describe('unique keys of cold jobs', () => {
  it('stay in memory and are counted there, as long as their jobs are cold', async () => {
    const four = { most: 4, least: 4 };
    await begin(new DispatchWindows({ floor: four, outMax: 1_000, most: 4 }));
    const runAtMs = shard.kit.clock.nowMs() + 600_000;
    const used: number[] = [];
    for (const windowMs of [undefined, 3_600_000]) {
      await shard.kit.advance(30_000);
      const beforeBytes = shard.memory.usedBytes;
      const ids: JobId[] = [];
      for (let n = 0; n < 200; n += 1) {
        const unique = { key: `u${n}`, onConflict: 'reject', ...given({ windowMs }) } as const;
        ids.push(...(await submit(1, { runAtMs, unique })));
      }
      await shard.kit.advance(30_000);
      used.push((shard.memory.usedBytes - beforeBytes) / ids.length);
      for (const jobId of ids) await shard.call('cancel', { jobId, reason: '' });
      await shard.kit.advance(30_000);
    }
    expect(used[0]).toBeGreaterThan(150);
    expect(used[1]).toBeGreaterThan(450);
    await shard.stop();
    expect(shard.memory.usedBytes).toBe(0);
  });
});

describe('keyed jobs, when memory becomes tight', () => {
  it('keep no submit from its turn while their keys are stored', async () => {
    const four = { most: 4, least: 4 };
    await begin(new DispatchWindows({ floor: four, outMax: 1_000, most: 4 }));
    shard.memory.tight = false;
    for (let n = 0; n < 1_500; n += 100) {
      const items = Array.from({ length: 100 }, (_, at) => ({
        spec: testSpec(),
        keyHash: `k${n + at}`,
        contentHash: '',
      }));
      await shard.kit.outcome(shard.sendAll('submit', items), 1_000);
    }
    shard.keyWrites = 'down';
    shard.memory.tight = true;
    await shard.kit.advance(1_500);
    await expect(shard.call('submit', { spec: testSpec() })).resolves.toMatchObject({ duplicate: false });
    shard.keyWrites = 'up';
    await shard.kit.advance(60_000);
    expect(shard.memory.usedBytes).toBeLessThan(900_000);
  });
});
