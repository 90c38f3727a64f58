// One timer for many deadlines: a year ahead, and moved without taking room.
import { describe, expect, it } from 'vitest';
import { DeadlineWatch } from '../../../../../src/actors/shard/deadlines/deadline-watch.ts';
import { ColdJobs } from '../../../../../src/actors/shard/table/cold-jobs.ts';
import { createVirtualClock } from '../../../../../src/kernel/testkit/virtual-clock.ts';
import type { JobRecord } from '../../../../../src/domain/job.ts';
import { testRecord } from '../../../../support/jobs.ts';

const yearMs = 365 * 24 * 3_600_000;

function watched() {
  const clock = createVirtualClock();
  const fired: number[] = [];
  const jobs = new Map<string, JobRecord>();
  let cancel: () => void = () => undefined;
  const turns: number[] = [];
  let arms = 0;
  const watch = new DeadlineWatch(
    {
      setTimer(_name, delayMs) {
        arms += 1;
        cancel();
        cancel = clock.setTimer(delayMs, () => {
          turns.push(0);
          const warm = (id: string): void => {
            turns.push((turns.pop() ?? 0) + 1);
            const job = jobs.get(id);
            if (job === undefined) return;
            if (job.readyAtMs <= clock.nowMs()) fired.push(clock.nowMs());
            else watch.watch(job);
          };
          watch.due(clock.nowMs(), { most: 10, coldMost: 10 }, { warm, cold: () => undefined });
        });
      },
    },
    new ColdJobs(0),
    clock.nowMs,
  );
  return {
    clock,
    fired,
    turns,
    watch,
    arms: () => arms,
    put(job: JobRecord): void {
      jobs.set(job.id, job);
      watch.watch(job);
    },
    until(atMs: number): void {
      while (clock.step(atMs - clock.nowMs() + clock.monotonicMs()));
    },
  };
}

describe('the deadlines of a shard', () => {
  it('come to the millisecond, also a year ahead', () => {
    const shard = watched();
    const dueMs = shard.clock.nowMs() + yearMs;
    shard.put(testRecord({ runAtMs: dueMs, retentionMs: 2 * yearMs }, { nowMs: shard.clock.nowMs() }));
    shard.until(dueMs - 1);
    expect(shard.fired).toEqual([]);
    shard.until(dueMs + 1);
    expect(shard.fired).toEqual([dueMs]);
  });

  it('of a job that is moved again and again take one place, and the last one counts', () => {
    const shard = watched();
    const nowMs = shard.clock.nowMs();
    const job = testRecord({ runAtMs: nowMs + 1_000, retentionMs: yearMs }, { nowMs });
    for (let n = 1; n <= 1_000; n += 1) shard.put({ ...job, readyAtMs: nowMs + n * 1_000 });
    expect([shard.watch.size, shard.arms()]).toEqual([1, 1]);
    shard.until(nowMs + 2_000_000);
    expect(shard.fired).toEqual([nowMs + 1_000_000]);
    expect(shard.watch.size).toBe(0);
  });

  it('that come together are handled a few at a time, in one turn each, and all at once as the clock sees it', () => {
    const shard = watched();
    const nowMs = shard.clock.nowMs();
    for (let n = 1; n <= 95; n += 1) shard.put(testRecord({ runAtMs: nowMs + 1_000 }, { nowMs, unique: BigInt(n) }));
    shard.until(nowMs + 1_000);
    expect(shard.fired).toEqual(Array.from({ length: 95 }, () => nowMs + 1_000));
    expect(shard.turns.filter((handled) => handled > 0)).toEqual([10, 10, 10, 10, 10, 10, 10, 10, 10, 5]);
  });

  it('take no room for long once their jobs have ended, and those of others still come', () => {
    const shard = watched();
    const nowMs = shard.clock.nowMs();
    const kept = testRecord({ runAtMs: nowMs + yearMs, retentionMs: 2 * yearMs }, { nowMs });
    shard.put(kept);
    for (let n = 1; n <= 100_000; n += 1) {
      const job = testRecord({ retentionMs: 2 * yearMs }, { nowMs, unique: BigInt(n + 1) });
      shard.watch.watch(job);
      shard.watch.forget(job.id);
      expect(shard.watch.size).toBeLessThanOrEqual(1_001);
    }
    shard.until(nowMs + yearMs);
    expect(shard.fired).toEqual([nowMs + yearMs]);
  });
});
