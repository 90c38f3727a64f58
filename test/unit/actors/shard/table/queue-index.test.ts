import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { JobMemory } from '../../../../../src/actors/shard/table/job-memory.ts';
import { JobTable } from '../../../../../src/actors/shard/table/job-table.ts';
import type { JobEntry } from '../../../../../src/actors/shard/table/queue-index.ts';
import { idleQueuesMax } from '../../../../../src/actors/shard/table/queue-indexes.ts';
import { isTerminal, type JobRecord, type JobSpec } from '../../../../../src/domain/job.ts';
import { quantileMs } from '../../../../../src/domain/duration-histogram.ts';
import { decide, type JobCommand } from '../../../../../src/domain/transitions.ts';
import { createTestKit } from '../../../../../src/kernel/testkit/index.ts';
import { testRecord } from '../../../../support/jobs.ts';

const startMs = 1_700_000_000_000;

class Shard {
  readonly table = new JobTable({
    shard: 1,
    recentMax: 10,
    memory: new JobMemory(Infinity, createTestKit().telemetry),
  });
  nowMs = startMs;
  #unique = 0n;

  accept(overrides: Partial<JobSpec> = {}, durable = false): JobEntry {
    const record = testRecord(overrides, { nowMs: this.nowMs, unique: (this.#unique += 1n) });
    return this.table.add(record, { durable, publishedSeq: 0, nowMs: 0 });
  }

  do(entry: JobEntry, command: JobCommand): void {
    const decision = decide(entry.current, command, this.nowMs, 0.5);
    if (decision.kind !== 'changed') return;
    this.table.replace(entry, decision.record);
    if (isTerminal(decision.record.state)) this.table.retire(entry, decision.record);
  }

  claim(entry: JobEntry): void {
    this.do(entry, { kind: 'claim', node: 'n', token: 't' });
  }
}

function index(shard: Shard, queue = 'default'): NonNullable<ReturnType<JobTable['queues']['get']>> {
  const found = shard.table.queues.get('default', queue);
  if (found === undefined) throw new Error(`no index of ${queue}`);
  return found;
}

describe('the index of a queue', () => {
  it('has who waits by level, in the order of becoming QUEUED', () => {
    const shard = new Shard();
    const later = shard.accept({ runAtMs: startMs + 1_000 });
    const [first, high] = [shard.accept(), shard.accept({ priority: 4 })];
    shard.claim(first);
    const second = shard.accept();
    shard.do(first, { kind: 'report', token: 't', outcome: { kind: 'stopped' } });
    shard.nowMs += 1_000;
    shard.do(later, { kind: 'due' });
    expect(index(shard).waiting.map((level) => [...level.keys()])).toEqual([
      [],
      [],
      [second.current.id, first.current.id, later.current.id],
      [],
      [high.current.id],
    ]);
    expect(index(shard).oldestReadyAtMs).toBe(startMs);
  });

  it('puts what a recovery brings in order', () => {
    const shard = new Shard();
    const late = shard.accept({}, true);
    shard.nowMs -= 5_000;
    const early = shard.accept({}, true);
    expect([...shard.table.queues.sort()].every((jobs) => jobs > 0)).toBe(true);
    expect([...(index(shard).waiting[2] ?? []).keys()]).toEqual([early.current.id, late.current.id]);
    expect(index(shard).oldestReadyAtMs).toBe(startMs - 5_000);
    expect(index(shard).arrivals.isCold(shard.nowMs)).toBe(true);
  });

  it('weighs the inputs of what does not run', () => {
    const shard = new Shard();
    const text = shard.accept({ input: { kind: 'json', json: '"é"' } });
    shard.accept({ input: { kind: 'bytes', base64: 'AAAA' } });
    shard.accept({ input: { kind: 'ref', id: 'x', bytes: 1_000, encoding: 'json' }, runAtMs: startMs + 1 });
    expect(index(shard).openBytes).toBe(4 + 3 + 1_000);
    shard.claim(text);
    expect(index(shard).openBytes).toBe(3 + 1_000);
  });

  it('measures rates, waits and runs', () => {
    const shard = new Shard();
    for (let second = 0; second < 60; second += 1) {
      const entry = shard.accept();
      shard.nowMs += 400;
      shard.claim(entry);
      shard.nowMs += 600;
      shard.do(entry, { kind: 'report', token: 't', outcome: { kind: 'succeeded' } });
    }
    const { arrivals, starts, ends, waits, runs } = index(shard);
    for (const rate of [arrivals, starts, ends]) expect(rate.perSecond(shard.nowMs)).toBeCloseTo(1, 1);
    expect(quantileMs(waits.weights(shard.nowMs), 0.5)).toBeCloseTo(400, -2);
    expect(quantileMs(runs.weights(shard.nowMs), 0.5)).toBeCloseTo(600, -2);
  });

  it('is forgotten when the queue has no live job and its meters are cold', () => {
    const shard = new Shard();
    const entry = shard.accept();
    shard.table.queues.sweep(shard.nowMs + 86_400_000);
    expect(index(shard).isIdle).toBe(false);
    shard.do(entry, { kind: 'cancel', reason: '' });
    shard.table.queues.sweep(shard.nowMs);
    expect(index(shard).isIdle).toBe(true);
    shard.table.queues.sweep(shard.nowMs + 86_400_000);
    expect(shard.table.queues.get('default', 'default')).toBeUndefined();
  });

  it('remembers a bounded number of queues without jobs', () => {
    const shard = new Shard();
    for (let at = 0; at < idleQueuesMax + 5; at += 1) {
      shard.do(shard.accept({ queue: `q${at}` }), { kind: 'cancel', reason: '' });
    }
    shard.table.queues.sweep(shard.nowMs);
    expect([...shard.table.queues.all()]).toHaveLength(idleQueuesMax);
    expect(shard.table.queues.get('default', 'q0')).toBeUndefined();
  });

  it('counts what the table holds, whatever happens', () => {
    const commands: readonly JobCommand[] = [
      { kind: 'due' },
      { kind: 'claim', node: 'n', token: 't' },
      { kind: 'report', token: 't', outcome: { kind: 'succeeded' } },
      {
        kind: 'report',
        token: 't',
        outcome: { kind: 'failed', failure: { reason: 'HANDLER_FAILED', message: '' }, retryable: true },
      },
      { kind: 'report', token: 't', outcome: { kind: 'snoozed', delayMs: 500 } },
      { kind: 'report', token: 't', outcome: { kind: 'released' } },
      { kind: 'report', token: 't', outcome: { kind: 'lost', blame: 'unknown' } },
      { kind: 'cancel', reason: '' },
      { kind: 'expire' },
    ];
    const step = fc.record({
      job: fc.nat(9),
      command: fc.constantFrom(...commands),
      passedMs: fc.nat(1_000),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const shard = new Shard();
        const jobs = Array.from({ length: 10 }, (_, at) =>
          shard.accept({
            queue: at % 2 === 0 ? 'a' : 'b',
            ...(at % 3 === 0 && { priority: 1, runAtMs: startMs + 300 }),
            ...(at % 4 === 0 && { queueTimeoutMs: 2_000 }),
          }),
        );
        for (const { job, command, passedMs } of steps) {
          shard.nowMs += passedMs;
          const entry = jobs[job];
          if (entry !== undefined) shard.do(entry, command);
        }
        for (const queue of ['a', 'b']) {
          const live = [...shard.table.entries()].map((entry) => entry.current);
          const inState = (...states: JobRecord['state'][]): JobRecord[] =>
            live.filter(({ spec, state }) => spec.queue === queue && states.includes(state));
          const { waitingCount, laterCount, runningCount, openBytes, waiting } = index(shard, queue);
          expect(waitingCount).toBe(inState('QUEUED').length);
          expect(laterCount).toBe(inState('SCHEDULED', 'RETRYING').length);
          expect(runningCount).toBe(inState('RUNNING', 'CANCELLING').length);
          expect(openBytes).toBe(2 * (waitingCount + laterCount));
          const ids = waiting.flatMap((level) => [...level.keys()]);
          expect(ids.toSorted()).toEqual(
            inState('QUEUED')
              .map(({ id }) => id)
              .toSorted(),
          );
        }
      }),
    );
  });
});
