import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { memoryClassOf, nextMemoryClass, oomRetriesMax } from '../../../src/domain/memory-class.ts';
import { decide } from '../../../src/domain/transitions.ts';
import type { JobRecord } from '../../../src/domain/job.ts';
import { testRecord } from '../../support/jobs.ts';

const bounds = { defaultMb: 512, maxMb: 4_096 };

describe('the class of a need', () => {
  it.each([
    [undefined, 512],
    [32, 128],
    [128, 128],
    [129, 256],
    [600, 1_024],
    [4_096, 4_096],
    [9_000, 4_096],
  ])('%s MiB: %i', (neededMb, classMb) => {
    expect(memoryClassOf(neededMb, bounds)).toBe(classMb);
  });

  it('may be the default of the node, wherever that lies', () => {
    expect(memoryClassOf(64, { defaultMb: 96, maxMb: 4_096 })).toBe(96);
    expect(memoryClassOf(600, { defaultMb: 700, maxMb: 4_096 })).toBe(700);
  });

  it('goes up by one, never beyond what is allowed, and ends', () => {
    expect(nextMemoryClass(512, 2_048, bounds)).toBe(1_024);
    expect(nextMemoryClass(512, 512, bounds)).toBeUndefined();
    expect(nextMemoryClass(4_096, 65_536, bounds)).toBeUndefined();
    fc.assert(
      fc.property(fc.integer({ min: 32, max: 65_536 }), fc.integer({ min: 32, max: 65_536 }), (ownMb, maxMb) => {
        const node = { defaultMb: Math.min(ownMb, maxMb), maxMb };
        let steps = 0;
        for (let at: number | undefined = memoryClassOf(32, node); at !== undefined; steps += 1) {
          const next = nextMemoryClass(at, 65_536, node);
          if (next !== undefined) expect(next).toBeGreaterThan(at);
          at = next;
        }
        expect(steps).toBeLessThanOrEqual(oomRetriesMax + 2);
      }),
    );
  });
});

const nowMs = 1_700_000_000_000;
const failure = { reason: 'OUT_OF_MEMORY', message: 'used more than 512 MiB' } as const;

function outOfMemory(record: JobRecord, nextMemoryMb: number | undefined): JobRecord {
  const queued = record.state === 'RETRYING' ? changed(record, { kind: 'due' }) : record;
  const running = changed(queued, { kind: 'claim', node: 'n1', token: '1.1' });
  const more = nextMemoryMb === undefined ? {} : { nextMemoryMb };
  return changed(running, {
    kind: 'report',
    token: '1.1',
    outcome: { kind: 'failed', failure, retryable: true, ...more },
  });
}

function changed(record: JobRecord, command: Parameters<typeof decide>[1]): JobRecord {
  const decision = decide(record, command, nowMs, 0.5);
  if (decision.kind === 'refused') throw new Error(decision.refusal);
  return decision.record;
}

describe('a job that ran out of memory', () => {
  const job = testRecord({ retry: { maxAttempts: 1, initialMs: 1_000, coefficient: 2, maxMs: 5_000 } }, { nowMs });

  it('runs again at once in the next class: counted apart, no failure, and remembered', () => {
    const record = outOfMemory(job, 1_024);
    expect(record).toMatchObject({
      state: 'RETRYING',
      attempt: 1,
      failures: 0,
      oomRetries: 1,
      memoryMb: 1_024,
      failure,
    });
    expect(record.readyAtMs).toBe(nowMs);
    expect(record.trail.at(-1)).toMatchObject({ type: 'retrying', reason: 'OUT_OF_MEMORY' });
    expect(outOfMemory(record, 2_048)).toMatchObject({ attempt: 2, failures: 0, oomRetries: 2, memoryMb: 2_048 });
  });

  it('fails when there is no next class, or not a larger one', () => {
    expect(outOfMemory(job, undefined)).toMatchObject({ state: 'FAILED', failures: 1, failure });
    const record = outOfMemory(job, 1_024);
    expect(outOfMemory(record, 1_024)).toMatchObject({ state: 'FAILED', failures: 1, oomRetries: 1, memoryMb: 1_024 });
  });

  it('does so no more often than there are classes', () => {
    let record = job;
    for (let time = 1; time <= oomRetriesMax; time += 1) record = outOfMemory(record, time);
    expect(record).toMatchObject({ state: 'RETRYING', oomRetries: oomRetriesMax });
    expect(outOfMemory(record, 1_000)).toMatchObject({ state: 'FAILED' });
  });

  it('from before there were classes is read as it is', () => {
    const { memoryMb, oomRetries, ...old } = outOfMemory(job, 256);
    expect([memoryMb, oomRetries]).toEqual([256, 1]);
    expect(outOfMemory(JSON.parse(JSON.stringify(old)) as JobRecord, 256)).toMatchObject({
      oomRetries: 1,
      memoryMb: 256,
    });
  });
});
