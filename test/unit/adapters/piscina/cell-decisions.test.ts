// The pure decisions about cells: when one is unfit, which threads make room, who is to blame, how long a restart waits.
import { SecretMask } from '../../../../src/domain/secret-mask.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { newFitness, nextFitness, type Fitness } from '../../../../src/adapters/piscina/node/cell-fitness.ts';
import { lossesOf } from '../../../../src/adapters/piscina/node/cell-losses.ts';
import { culpritOf } from '../../../../src/adapters/piscina/cell/memory-culprit.ts';
import type { PoolRun } from '../../../../src/adapters/piscina/node/pool-run.ts';
import { RestartPauses } from '../../../../src/adapters/piscina/node/restart-pauses.ts';
import { displacedBy, outlived } from '../../../../src/adapters/piscina/cell/idle-eviction.ts';
import type { JobId } from '../../../../src/domain/job-id.ts';

const well = { rssBytes: 100, eventLoopUtilization: 0, threadsAlive: 8, leaked: 0, orphans: 0, runs: [] };
const bounds = { threads: 8, rssMaxBytes: 1_000, runsMax: 0 };

function after(pulses: readonly Partial<typeof well>[], runs = 0, limits = bounds): Fitness {
  return pulses.reduce<Fitness>(
    (fitness, seen, second) =>
      nextFitness(fitness, { vitals: { ...well, ...seen }, runs, nowMs: second * 1_000 }, limits),
    newFitness,
  );
}

describe('a cell is unfit', () => {
  it('when a quarter of its threads leaked, or one has for 30 s; not when the thread ended after all', () => {
    expect(after([{ leaked: 1 }]).unfit).toBeUndefined();
    expect(after([{ leaked: 2 }]).unfit).toBe('leaked threads');
    expect(after([{ leaked: 1 }], 0, { ...bounds, threads: 2 }).unfit).toBe('leaked threads');
    expect(after(Array.from({ length: 30 }, () => ({ leaked: 1 }))).unfit).toBeUndefined();
    expect(after(Array.from({ length: 31 }, () => ({ leaked: 1 }))).unfit).toBe('leaked threads');
    const with10 = Array.from({ length: 20 }, () => ({ leaked: 1 }));
    expect(after([...with10, {}, ...with10]).unfit).toBeUndefined();
  });

  it('above its memory for five pulses in a row', () => {
    const four = Array.from({ length: 4 }, () => ({ rssBytes: 1_001 }));
    expect(after(four).unfit).toBeUndefined();
    expect(after([...four, {}, ...four]).unfit).toBeUndefined();
    expect(after([...four, { rssBytes: 1_001 }]).unfit).toBe('memory');
  });

  it('after so many runs, if that is wanted', () => {
    expect(after([{}], 1_000_000).unfit).toBeUndefined();
    expect(after([{}], 99, { ...bounds, runsMax: 100 }).unfit).toBeUndefined();
    expect(after([{}], 100, { ...bounds, runsMax: 100 }).unfit).toBe('runs');
  });
});

describe('a process past its memory', () => {
  const blamed = (heldBytes: readonly number[], rssBytes = 1_001, leftBytes = 0): number | undefined =>
    culpritOf(heldBytes, { rssBytes, rssMaxBytes: 1_000, leftBytes });

  it('costs the run that holds most, the newest of equals; one that does not answer before all', () => {
    expect(blamed([100, 700, 10])).toBe(1);
    expect(blamed([300, 300, 10])).toBe(1);
    expect(blamed([900, Infinity, 10])).toBe(1);
  });

  it('costs no run while the runs hold less than half of it: what fills it is not theirs, and the cell is replaced', () => {
    expect(blamed([200, 300])).toBeUndefined();
    expect(blamed([200, 301])).toBe(1);
    expect(blamed([])).toBeUndefined();
  });

  it('costs one in any case when it is more than a tenth past its bound: native memory is in no count', () => {
    expect(blamed([10, 20], 1_100)).toBeUndefined();
    expect(blamed([10, 20], 1_101)).toBe(1);
  });

  it('costs no second run for what the first one left: only what comes on top of it counts', () => {
    expect(blamed([10, 20], 1_500, 1_500)).toBeUndefined();
    expect(blamed([10, 20], 1_650, 1_500)).toBeUndefined();
    expect(blamed([10, 20], 1_651, 1_500)).toBe(1);
    expect(blamed([10, 800], 1_500, 1_500)).toBe(1);
    expect(blamed([10, 20], 1_101, 900)).toBe(1);
  });

  it('costs nobody anything once it is within its bound again', () => {
    expect(blamed([900], 1_000)).toBeUndefined();
  });
});

describe('a thread of another class', () => {
  const thread = (memoryMb: number, idleSinceMs = 0) => ({ memoryMb, idleSinceMs });

  it('takes the place of idle ones, longest idle first, only as far as needed', () => {
    const old = thread(512, 1);
    const young = thread(512, 2);
    const limits = { threads: 2, defaultMb: 512 };
    expect(displacedBy(1_024, [old, young], [young, old], limits)).toEqual([]);
    const large = thread(1_024, 3);
    expect(displacedBy(1_024, [old, young, large], [young, old], limits)).toEqual([old, young]);
    expect(displacedBy(256, [old, young, large], [young, old], limits)).toEqual([old]);
  });

  it('never makes the cell larger than all threads in the largest class, as far as idle ones can be ended', () => {
    const classes = fc.constantFrom(128, 256, 512, 1_024, 2_048);
    const anyThread = fc.record({ memoryMb: classes, idleSinceMs: fc.nat(100), idle: fc.boolean() });
    fc.assert(
      fc.property(
        classes,
        fc.array(anyThread, { maxLength: 12 }),
        fc.integer({ min: 1, max: 4 }),
        (memoryMb, all, threads) => {
          const idle = all.filter((one) => one.idle);
          const displaced = new Set(displacedBy(memoryMb, all, idle, { threads, defaultMb: 512 }));
          const left = all.filter((one) => !displaced.has(one));
          const heapMb = left.reduce<number>((sum, one) => sum + one.memoryMb, memoryMb);
          const largestMb = Math.max(memoryMb, 512, ...all.map((one) => one.memoryMb));
          const within = left.length < threads * 2 && heapMb <= threads * largestMb;
          expect(within || left.every((one) => !one.idle || one.memoryMb === memoryMb)).toBe(true);
          for (const one of displaced) expect(one.idle && one.memoryMb !== memoryMb).toBe(true);
        },
      ),
    );
  });

  it('ends when nobody has needed it for 30 s; those of the default class stay', () => {
    const idle = [thread(512, 0), thread(1_024, 0), thread(256, 10_000)];
    expect(outlived(29_999, idle, 512)).toEqual([]);
    expect(outlived(30_000, idle, 512)).toEqual([idle[1]]);
    expect(outlived(40_000, idle, 512)).toEqual([idle[1], idle[2]]);
  });
});

describe('when a cell dies', () => {
  const run = (key: number, startedAtMs?: number): Omit<PoolRun, 'pump'> => ({
    request: {
      runId: `r${key}`,
      jobId: 'j' as JobId,
      tenant: 'default',
      attempt: 1,
      handler: 'h',
      input: { kind: 'json', json: '{}' },
      executionTimeoutMs: 1,
      suspect: false,
    },
    home: undefined,
    startedAtMs,
    fraction: 0,
    note: '',
    mask: new SecretMask(),
    stuckOutcome: undefined,
    late: false,
    withdrawn: false,
  });

  it('of itself, a run alone in it is convicted; of many, those that may have been in a thread are suspects', () => {
    expect(lossesOf([run(1, 5)], { died: true, threads: 2 })).toMatchObject([
      { outcome: { kind: 'lost', blame: 'convicted' } },
    ]);
    const many = Array.from({ length: 30 }, (_, key) => run(key));
    const suspects = lossesOf([...many, run(99, 5)], { died: true, threads: 2 });
    const blamed = suspects.filter(({ outcome }) => outcome.kind === 'lost' && outcome.blame === 'suspect');
    expect(blamed.map((loss) => loss.run.request.runId)).toEqual([
      ...Array.from({ length: 18 }, (_, key) => `r${key}`),
      'r99',
    ]);
    expect(suspects.every(({ outcome }) => outcome.kind === 'lost' && outcome.blame !== 'convicted')).toBe(true);
  });

  it('by its parent, nobody is blamed, and a stuck run ends as it was to end', () => {
    const stuck = { ...run(2, 5), stuckOutcome: { kind: 'stopped' } as const };
    expect(lossesOf([run(1, 5), stuck], { died: false, threads: 2 }).map(({ outcome }) => outcome)).toEqual([
      { kind: 'lost', blame: 'unknown' },
      { kind: 'stopped' },
    ]);
  });

  it('it is started again after 0.2 s, doubling to 30 s, and from the beginning after a healthy minute', () => {
    const pauses = new RestartPauses();
    expect(Array.from({ length: 9 }, () => pauses.next(10))).toEqual([
      200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000,
    ]);
    expect([pauses.next(60_000), pauses.next(10)]).toEqual([200, 400]);
  });

  it('it is given up when it never was up in five starts', () => {
    const pauses = new RestartPauses();
    expect(Array.from({ length: 5 }, () => pauses.next(undefined))).toEqual([200, 400, 800, 1_600, undefined]);
    const once = new RestartPauses();
    once.next(1);
    for (let time = 0; time < 20; time += 1) expect(once.next(undefined)).toBeDefined();
  });
});
