/** The unfinished jobs of a process take no more heap than they may, by an estimate that is kept with each change. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { JobMemory } from '../../../../../src/actors/shard/table/job-memory.ts';
import { JobTable } from '../../../../../src/actors/shard/table/job-table.ts';
import type { JobEntry } from '../../../../../src/actors/shard/table/queue-index.ts';
import { coldJobBytes, recordBytes, specBytes } from '../../../../../src/actors/shard/table/record-bytes.ts';
import type { TroupeError } from '../../../../../src/domain/errors.ts';
import { isTerminal, type JobRecord } from '../../../../../src/domain/job.ts';
import type { JobId } from '../../../../../src/domain/job-id.ts';
import { decide, type JobCommand } from '../../../../../src/domain/transitions.ts';
import { createTestKit } from '../../../../../src/kernel/testkit/index.ts';
import { testRecord, testSpec } from '../../../../support/jobs.ts';
import { createShardHarness, harnessShard, type ShardHarness } from '../../../../support/shard-harness.ts';

const { telemetry } = createTestKit();
const bytesOf = (record: JobRecord): number => recordBytes(record, specBytes(record.spec));
const nobodys = (): number => 0;

describe('the estimate', () => {
  it('is that of the jobs and of the ended ones that are kept, whatever happens to them', () => {
    const command = fc.constantFrom<JobCommand>(
      { kind: 'claim', node: 'n', token: 't' },
      { kind: 'report', token: 't', outcome: { kind: 'succeeded', output: { kind: 'json', json: '"of a job"' } } },
      {
        kind: 'report',
        token: 't',
        outcome: {
          kind: 'failed',
          retryable: true,
          failure: { reason: 'HANDLER_FAILED', message: 'm'.repeat(90), stack: 'at x' },
        },
      },
      { kind: 'due' },
      { kind: 'cancel', reason: 'why' },
    );
    const step = fc.record({ job: fc.nat(4), command });
    const input = fc.string({ maxLength: 300 });
    fc.assert(
      fc.property(
        fc.array(input, { minLength: 1, maxLength: 5 }),
        fc.array(step, { maxLength: 60 }),
        (inputs, steps) => {
          const memory = new JobMemory(Infinity, telemetry);
          const table = new JobTable({ shard: 1, recentMax: 2, memory });
          const records = inputs.map((text, n) =>
            testRecord(
              { input: { kind: 'json', json: JSON.stringify(text) }, labels: { n: text } },
              { unique: BigInt(n) },
            ),
          );
          const entries: readonly JobEntry[] = records.map((record) =>
            table.add(record, { durable: true, publishedSeq: 0, nowMs: 0 }),
          );
          let nowMs = (records[0]?.createdAtMs ?? 0) + 1;
          for (const { job, command: what } of steps) {
            const entry = entries[job % entries.length];
            if (entry === undefined || table.get(entry.current.id) === undefined) continue;
            const decision = decide(entry.current, what, (nowMs += 60_000), 0.5);
            if (decision.kind !== 'changed') continue;
            table.replace(entry, decision.record);
            if (isTerminal(decision.record.state)) table.retire(entry, decision.record);
          }
          const recent = records.flatMap(({ id }) => table.recent(id) ?? []);
          const there = [...[...table.entries()].map(({ current }) => current), ...recent];
          expect(recent.length).toBeLessThanOrEqual(2);
          expect(memory.usedBytes).toBe(there.reduce((sum, record) => sum + bytesOf(record), 0));
          const live = [...table.entries()].map(({ current }) => bytesOf(current));
          expect(memory.bytesOf('default')).toBe(live.reduce((sum, bytes) => sum + bytes, 0));
          table.memory.close();
          expect(memory.bytesOf('default')).toBe(0);
          expect(memory.usedBytes).toBe(0);
        },
      ),
    );
  });

  it('has no part of a shard that was closed, or of its former owner in this process', () => {
    const memory = new JobMemory(1_000, telemetry);
    const [former, other] = [memory.open(1, nobodys), memory.open(2, nobodys)];
    former.jobs(900);
    former.facts(5);
    other.jobs(40);
    const next = memory.open(1, nobodys);
    former.jobs(7);
    former.close();
    next.jobs(5);
    expect(memory.usedBytes).toBe(45);
    other.close();
    other.facts(9);
    expect(memory.usedBytes).toBe(5);
  });
});

it('counts the jobs of a tenant in all shards, also while they are cold', () => {
  const memory = new JobMemory(Infinity, telemetry);
  const [one, other] = [1, 2].map((shard) => new JobTable({ shard, recentMax: 0, memory }));
  const options = { durable: true, publishedSeq: 0, nowMs: 0 };
  const [, second] = ['acme', 'acme', 'rival'].map((tenant, n) =>
    one?.add(testRecord({ tenant }, { unique: BigInt(n) }), options),
  );
  const third = testRecord({ tenant: 'acme', unique: { key: 'k', onConflict: 'reject' } }, { shard: 2 });
  const entry = other?.add(third, options);
  const each = bytesOf(testRecord({ tenant: 'acme' }));
  expect(memory.bytesOf('acme')).toBe(2 * each + bytesOf(third));
  const slot = entry && other?.cool(entry);
  expect(memory.bytesOf('acme')).toBe(2 * each + coldJobBytes(third.spec));
  if (slot !== undefined) other?.warm(slot, third, 0);
  expect(memory.bytesOf('acme')).toBe(2 * each + bytesOf(third));
  if (second !== undefined) one?.retire(second, second.current);
  other?.memory.close();
  expect([memory.bytesOf('acme'), memory.bytesOf('rival'), memory.bytesOf('toString')]).toEqual([each, each, 0]);
});

describe('a process whose jobs take all the memory that they may', () => {
  const someJobs = 20;
  const memoryMaxBytes = someJobs * bytesOf(testRecord({}));

  async function submitUntilRefused(shard: ShardHarness): Promise<{ ids: JobId[]; error: TroupeError }> {
    const ids: JobId[] = [];
    for (;;) {
      try {
        ids.push((await shard.call('submit', { spec: testSpec() })).record.id);
      } catch (error) {
        return { ids, error: error as TroupeError };
      }
    }
  }

  /** A node takes the message at this place, and ends the attempt that it begins. */
  async function runAll(shard: ShardHarness): Promise<void> {
    for (const { jobId, epoch, again = 0 } of shard.work.splice(0)) {
      const claimed = await shard.call('claim', { jobId, epoch, again, node: 'n1', ackTo: 'ack' });
      if (claimed.kind !== 'granted') continue;
      await shard.call('report', { jobId, token: claimed.token, outcome: { kind: 'succeeded' } });
    }
  }

  it('refuses more, says which limit it is and when to come back, ends what it has, and accepts again', async () => {
    const shard = await createShardHarness({ memoryMaxBytes });
    await shard.start();
    const { ids, error } = await submitUntilRefused(shard);
    expect(ids.length).toBeGreaterThan(someJobs / 2);
    expect(ids.length).toBeLessThanOrEqual(someJobs);
    expect(error).toMatchObject({
      code: 'BACKLOG_FULL',
      metadata: { shard: String(harnessShard), memoryMaxBytes: String(memoryMaxBytes) },
      retryAfterMs: expect.any(Number) as number,
    });
    await runAll(shard);
    await shard.kit.advance(60_000);
    expect(shard.memory.usedBytes).toBeLessThan(memoryMaxBytes);
    for (const jobId of ids) expect((await shard.store.jobs.findJob(jobId))?.state).toBe('SUCCEEDED');
    await shard.call('submit', { spec: testSpec() });
    await shard.close();
    expect(shard.memory.usedBytes).toBe(0);
  });

  it('is recovered with all of its jobs, and refuses more', async () => {
    const shard = await createShardHarness({ memoryMaxBytes });
    await shard.start();
    const { ids } = await submitUntilRefused(shard);
    await shard.start();
    const { ids: more, error } = await submitUntilRefused(shard);
    expect([more, error.code]).toEqual([[], 'BACKLOG_FULL']);
    await runAll(shard);
    for (const jobId of ids) expect((await shard.store.jobs.findJob(jobId))?.state).toBe('SUCCEEDED');
    await shard.close();
  });

  it('refuses whoever has it, in whatever shard, and leaves the others their next jobs', async () => {
    const shard = await createShardHarness({ memoryMaxBytes: 10 * memoryMaxBytes });
    await shard.start();
    const flood = 9 * memoryMaxBytes;
    shard.memory.open(harnessShard + 1, (tenant) => (tenant === 'flood' ? flood : 0)).jobs(flood);
    const submit = (tenant: string) => shard.call('submit', { spec: { ...testSpec(), tenant } });
    for (let n = 0; n < 5; n += 1) await submit('acme');
    await expect(submit('flood')).rejects.toMatchObject({
      code: 'BACKLOG_FULL',
      message: expect.stringContaining('of the tenant') as string,
    });
    await shard.close();
  });

  it('counts the events and messages that wait for JetStream', async () => {
    const shard = await createShardHarness();
    await shard.start();
    shard.broker = 'down';
    for (let n = 0; n < 10; n += 1) await shard.call('submit', { spec: testSpec() });
    const jobs = shard.memory.usedBytes;
    await shard.kit.advance(1_000);
    expect(shard.memory.usedBytes).toBeGreaterThan(jobs);
    await shard.close();
  });
});
