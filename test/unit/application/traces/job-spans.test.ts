// Spans of jobs: made of records, one for each attempt that has ended, and of the traces that are kept.
import { describe, expect, it } from 'vitest';
import type { FinishedSpan } from '../../../../src/application/ports/span-sink.ts';
import { createJobSpans } from '../../../../src/application/traces/job-spans.ts';
import { attemptSpanIdOf, rootSpanIdOf, traceIdOf } from '../../../../src/application/traces/trace-ids.ts';
import type { JobRecord, JobSpec } from '../../../../src/domain/job.ts';
import { decide, type JobCommand } from '../../../../src/domain/transitions.ts';
import { testRecord } from '../../../support/jobs.ts';
import { createManualClock } from '../manual-clock.ts';

const beganMs = 1_700_000_000_000;
const sampled = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const unsampled = sampled.replace(/01$/, '00');
const output = { kind: 'json', json: '1' } as const;
const succeeded = { kind: 'succeeded', output } as const;
const failure = { reason: 'HANDLER_FAILED', message: 'secret words', code: 'NO_DISK' } as const;

/** A job, what it has told, and steps that it may take. */
function traced(ratio: number, spec: Partial<JobSpec> = {}) {
  const clock = createManualClock();
  const made: FinishedSpan[] = [];
  const spans = createJobSpans({ sink: { add: (span) => void made.push(span) }, ratio, clock });
  let record = testRecord(spec, { nowMs: beganMs });
  const tell = (next: JobRecord, knownSeq: number): void => {
    record = next;
    for (const entry of next.trail) if (entry.seq > knownSeq) spans.durable(next, entry);
  };
  tell(record, 0);
  const step = (command: JobCommand, nowMs: number): void => {
    const decision = decide(record, command, beganMs + nowMs, 0);
    if (decision.kind === 'refused') throw new Error(decision.refusal);
    tell(decision.record, record.seq);
  };
  return {
    made,
    clock,
    id: record.id,
    claim: (atMs: number) => {
      step({ kind: 'claim', node: 'n1', token: `t${atMs}` }, atMs);
    },
    end: (outcome: Extract<JobCommand, { kind: 'report' }>['outcome'], atMs: number) => {
      step({ kind: 'report', token: record.run?.token ?? '', outcome }, atMs);
    },
    step,
    /** So many attempts of its handler that took no time have ended before, of jobs that were not traced. */
    known: (count: number) => {
      const claimed = decide(record, { kind: 'claim', node: 'n1', token: 'k' }, beganMs, 0);
      const running = claimed.kind === 'changed' ? claimed.record : record;
      const ended = decide(running, { kind: 'report', token: 'k', outcome: succeeded }, beganMs, 0);
      const entry = ended.kind === 'changed' ? ended.record.trail.at(-1) : undefined;
      for (let n = 0; n < count; n += 1) if (entry !== undefined) spans.durable(running, entry);
      clock.advance(1_000);
    },
  };
}

describe('spans of a job that is sampled', () => {
  it('say that it was created, and how its attempt went', () => {
    const job = traced(1, { queue: 'mail', handler: 'send', traceparent: sampled });
    job.claim(40);
    job.end(succeeded, 100);
    const traceId = traceIdOf(job.id);
    const common = {
      'messaging.system': 'troupe',
      'messaging.destination.name': 'mail',
      'messaging.message.id': job.id,
      'troupe.tenant': 'default',
      'troupe.handler': 'send',
    };
    expect(job.made).toMatchObject([
      {
        traceId,
        spanId: rootSpanIdOf(job.id),
        name: 'create mail',
        kind: 'producer',
        startedAtMs: beganMs,
        endedAtMs: beganMs,
        failed: false,
        attributes: { ...common, 'messaging.operation.type': 'create' },
        links: [{ traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' }],
      },
      {
        traceId,
        spanId: attemptSpanIdOf(job.id, 1),
        parentSpanId: rootSpanIdOf(job.id),
        name: 'process send',
        kind: 'consumer',
        startedAtMs: beganMs + 40,
        endedAtMs: beganMs + 100,
        failed: false,
        attributes: {
          ...common,
          'troupe.attempt': 1,
          'troupe.outcome': 'succeeded',
          'troupe.wait_ms': 40,
          'troupe.node': 'n1',
        },
        links: [],
      },
    ]);
    expect(job.made[0]).not.toHaveProperty('parentSpanId');
    expect(job.made[1]?.attributes).not.toHaveProperty('error.type');
  });

  it('have one for each attempt, linked to the one before, and no text of a failure', () => {
    const job = traced(1, { retry: { maxAttempts: 3, initialMs: 10, coefficient: 1, maxMs: 10 } });
    job.claim(0);
    job.end({ kind: 'failed', failure, retryable: true }, 5);
    job.step({ kind: 'due' }, 50);
    job.claim(60);
    job.end({ kind: 'lost', blame: 'unknown' }, 70);
    job.claim(80);
    job.end({ kind: 'released' }, 90);
    const attempts = job.made.slice(1);
    expect(attempts.map(({ spanId }) => spanId)).toEqual([1, 2, 3].map((n) => attemptSpanIdOf(job.id, n)));
    expect(
      attempts.map(({ failed, attributes }) => [failed, attributes['troupe.outcome'], attributes['error.type']]),
    ).toEqual([
      [true, 'failed', 'NO_DISK'],
      [true, 'lost', 'lost'],
      [false, 'given-back', undefined],
    ]);
    expect(attempts.map(({ links }) => links.map(({ spanId }) => spanId))).toEqual([
      [],
      [attemptSpanIdOf(job.id, 1)],
      [attemptSpanIdOf(job.id, 2)],
    ]);
    expect(JSON.stringify(job.made)).not.toContain('secret words');
  });

  it('point to the job that it repeats', () => {
    const former = testRecord({}, { unique: 9n }).id;
    const job = traced(1, { retryOf: former });
    expect(job.made[0]?.links).toEqual([{ traceId: traceIdOf(former), spanId: rootSpanIdOf(former) }]);
  });

  it('have none of an attempt that goes on, nor of a job that ends without one', () => {
    const running = traced(1);
    running.claim(1);
    expect(running.made).toHaveLength(1);
    running.step({ kind: 'cancel', reason: '' }, 2);
    expect(running.made).toHaveLength(1);
    running.end({ kind: 'stopped' }, 3);
    expect(running.made[1]).toMatchObject({ failed: false, attributes: { 'troupe.outcome': 'cancelled' } });
    const waiting = traced(1);
    waiting.step({ kind: 'cancel', reason: '' }, 2);
    expect(waiting.made).toHaveLength(1);
  });

  it('never end before they begin, also when the clock of another owner is behind', () => {
    const job = traced(1);
    job.claim(50);
    job.end(succeeded, 20);
    expect(job.made[1]?.startedAtMs).toBeLessThanOrEqual(job.made[1]?.endedAtMs ?? 0);
  });
});

describe('of a job that is not sampled', () => {
  it('nothing is made when all goes well', () => {
    const job = traced(1, { traceparent: unsampled });
    job.claim(1);
    job.end(succeeded, 2);
    expect(job.made).toEqual([]);
  });

  it('attempts that fail are kept, with the root of their trace once', () => {
    const job = traced(0, { retry: { maxAttempts: 3, initialMs: 10, coefficient: 1, maxMs: 10 } });
    job.claim(0);
    job.end({ kind: 'failed', failure, retryable: true }, 5);
    job.step({ kind: 'due' }, 50);
    job.claim(60);
    job.end({ kind: 'failed', failure, retryable: true }, 65);
    expect(job.made.map(({ spanId }) => spanId)).toEqual([
      rootSpanIdOf(job.id),
      attemptSpanIdOf(job.id, 1),
      attemptSpanIdOf(job.id, 2),
    ]);
  });

  it('a slow attempt that did not end the job leaves the root to the first that fails', () => {
    const job = traced(0, { retry: { maxAttempts: 3, initialMs: 10, coefficient: 1, maxMs: 10 } });
    job.known(1_000);
    job.claim(0);
    job.end({ kind: 'snoozed', delayMs: 10 }, 60_000);
    job.step({ kind: 'due' }, 60_100);
    job.claim(60_200);
    job.end({ kind: 'failed', failure, retryable: false }, 60_300);
    expect(job.made.map(({ spanId }) => spanId)).toEqual([
      attemptSpanIdOf(job.id, 1),
      rootSpanIdOf(job.id),
      attemptSpanIdOf(job.id, 2),
    ]);
  });

  it('the root comes once, also when the history has lost its beginning', () => {
    const job = traced(0, { retry: { maxAttempts: 100, initialMs: 10, coefficient: 1, maxMs: 10 } });
    for (let n = 0; n < 20; n += 1) {
      job.clock.advance(1_000);
      job.claim(100 * n);
      job.end(n < 5 ? { kind: 'snoozed', delayMs: 10 } : { kind: 'failed', failure, retryable: true }, 100 * n + 5);
      job.step({ kind: 'due' }, 100 * n + 50);
    }
    expect(job.made.map(({ kind }) => kind)).toEqual(['producer', ...new Array<string>(15).fill('consumer')]);
  });

  it('the root comes with the first failure, also when it is behind a history that has lost its beginning', () => {
    const job = traced(0);
    for (let n = 0; n < 20; n += 1) {
      job.claim(100 * n);
      job.end({ kind: 'snoozed', delayMs: 10 }, 100 * n + 5);
      job.step({ kind: 'due' }, 100 * n + 50);
    }
    job.claim(3_000);
    job.end({ kind: 'failed', failure, retryable: false }, 3_005);
    expect(job.made.map(({ kind }) => kind)).toEqual(['producer', 'consumer']);
  });

  describe('attempts that fail in a flood', () => {
    function flood(ratio = 0) {
      const clock = createManualClock();
      const made: FinishedSpan[] = [];
      const spans = createJobSpans({ sink: { add: (span) => void made.push(span) }, ratio, clock });
      let unique = 0n;
      const fail = (tenant: string, count: number, traceparent = unsampled): void => {
        for (let n = 0; n < count; n += 1) {
          const job = testRecord({ tenant, traceparent }, { nowMs: beganMs, unique: (unique += 1n) });
          const claimed = decide(job, { kind: 'claim', node: 'n', token: 't' }, beganMs, 0);
          const running = claimed.kind === 'changed' ? claimed.record : job;
          const report = {
            kind: 'report',
            token: 't',
            outcome: { kind: 'failed', failure, retryable: false },
          } as const;
          const ended = decide(running, report, beganMs + 1, 0);
          if (ended.kind === 'refused') throw new Error(ended.refusal);
          for (const entry of ended.record.trail) spans.durable(ended.record, entry);
        }
      };
      const kept = (tenant: string): number =>
        made.filter(({ kind, attributes }) => kind === 'consumer' && attributes['troupe.tenant'] === tenant).length;
      return { clock, fail, kept };
    }

    it('are kept as far as 100 a second go, and half of it at once', () => {
      const { clock, fail, kept } = flood();
      fail('a', 150);
      expect(kept('a')).toBe(50);
      for (let tenth = 0; tenth < 100; tenth += 1) {
        clock.advance(100);
        fail('a', 50);
      }
      expect(kept('a')).toBe(1_050);
    });

    it('leave room for the failures of other tenants, and for a second flood as much as for the first', () => {
      const { clock, fail, kept } = flood();
      for (let tenth = 0; tenth < 100; tenth += 1) {
        clock.advance(100);
        fail('a', 200);
        fail('b', 1);
        fail('c', tenth < 50 ? 0 : 200);
      }
      expect(kept('b')).toBe(100);
      expect(kept('a') + kept('b') + kept('c')).toBeLessThanOrEqual(1_100);
      expect(kept('c')).toBeGreaterThan(150);
    });

    it('take nothing from others when their traces are sampled', () => {
      const { fail, kept } = flood();
      fail('a', 500, sampled);
      fail('b', 30);
      expect([kept('a'), kept('b')]).toEqual([500, 30]);
    });
  });
});
