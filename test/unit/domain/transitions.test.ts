import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type FailureCause,
  isTerminal,
  type JobRecord,
  type JobSpec,
  jobStates,
  trailMax,
} from '../../../src/domain/job.ts';
import { maxLossesDefault, retryDelayMs } from '../../../src/domain/retry-policy.ts';
import { type AttemptOutcome, blames } from '../../../src/domain/attempt-outcome.ts';
import { edgeOf, edges } from '../../../src/domain/state-machine.ts';
import { nextDeadline } from '../../../src/domain/deadline.ts';
import { convictionsMax, decide, type JobCommand } from '../../../src/domain/transitions.ts';
import { testRecord, testSpec } from '../../support/jobs.ts';

const start = 1_700_000_000_000;
const failure = { reason: 'HANDLER_FAILED', message: 'no' } as const;

function apply(record: JobRecord, ...commands: JobCommand[]): JobRecord {
  return commands.reduce((now, command) => applyAt(now, command, start + 1), record);
}

function applyAt(record: JobRecord, command: JobCommand, nowMs: number): JobRecord {
  const decision = decide(record, command, nowMs, 0.5);
  if (decision.kind === 'refused') throw new Error(`${command.kind} refused: ${decision.refusal}`);
  return decision.record;
}

const saved = (token: string, number: number): JobCommand => {
  return { kind: 'checkpoint', token, number, bytes: 1, payload: { kind: 'json', json: String(number) } };
};
const reported = (token: string, outcome: AttemptOutcome): JobCommand => ({ kind: 'report', token, outcome });
const claim = (token: string): JobCommand => ({ kind: 'claim', node: 'n1', token });
const tokens = ['1.1', '1.2', '1.3', '2.1'];
const token = fc.constantFrom(...tokens);
const command: fc.Arbitrary<JobCommand> = fc.oneof(
  fc.constant<JobCommand>({ kind: 'due' }),
  fc
    .integer({ min: -10, max: 200_000 })
    .map((aheadMs): JobCommand => ({ kind: 'reschedule', wallMs: start, readyAtMs: start + aheadMs })),
  token.map(claim),
  token.map((t): JobCommand => reported(t, { kind: 'succeeded', output: { kind: 'json', json: '1' } })),
  fc
    .tuple(token, fc.boolean())
    .map(([t, retryable]): JobCommand => reported(t, { kind: 'failed', failure, retryable })),
  fc
    .tuple(token, fc.integer({ min: 100, max: 4_000_000 }))
    .map(([t, delayMs]): JobCommand => reported(t, { kind: 'snoozed', delayMs })),
  token.map((t): JobCommand => reported(t, { kind: 'stopped' })),
  token.map((t): JobCommand => reported(t, { kind: 'released' })),
  fc.tuple(token, fc.constantFrom(...blames)).map(([t, blame]): JobCommand => reported(t, { kind: 'lost', blame })),
  fc.constant<JobCommand>({ kind: 'cancel', reason: 'because' }),
  fc.constant<JobCommand>({ kind: 'expire' }),
  fc.tuple(token, fc.integer({ min: 1, max: 3 })).map(([t, number]) => saved(t, number)),
);
const step = fc.record({
  command,
  afterMs: fc.integer({ min: -5_000, max: 120_000 }),
  random: fc.double({ min: 0, max: 0.999, noNaN: true }),
});
const mostLosses = ({ spec: { retry } }: JobRecord): number => retry.maxLosses ?? maxLossesDefault;
const retry = fc.option(fc.integer({ min: 0, max: 3 })).map((maxLosses) => ({
  ...testSpec().retry,
  ...(maxLosses !== null && { maxLosses }),
}));
const spec = fc.record({
  retry,
  runAtMs: fc.option(fc.integer({ min: start - 10, max: start + 90_000 }), { nil: undefined }),
  totalTimeoutMs: fc.option(fc.integer({ min: 1, max: 300_000 }), { nil: undefined }),
  queueTimeoutMs: fc.option(fc.integer({ min: 1, max: 60_000 }), { nil: undefined }),
});

function present<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}

describe('any sequence of commands', () => {
  it('never leaves a terminal state, never lowers attempt or seq, and follows the table', () => {
    fc.assert(
      fc.property(spec, fc.array(step, { maxLength: 60 }), (options, steps) => {
        let record = testRecord(present(options), { nowMs: start });
        let nowMs = start;
        for (const { command: given, afterMs, random } of steps) {
          nowMs += afterMs;
          const decision = decide(record, given, nowMs, random);
          if (isTerminal(record.state)) expect(decision).toEqual({ kind: 'refused', refusal: 'terminal' });
          if (decision.kind === 'refused') continue;
          const next = decision.record;
          expect(next.updatedAtMs).toBeGreaterThanOrEqual(record.updatedAtMs);
          expect(JSON.parse(JSON.stringify(next))).toEqual(next);
          if (given.kind === 'checkpoint') {
            const { checkpoint: _, updatedAtMs: __, ...rest } = next;
            expect(record).toMatchObject(rest);
            expect(next.checkpoint).toMatchObject({ attempt: next.attempt, number: given.number });
            record = next;
            continue;
          }
          expect(next.checkpoint).toEqual(record.checkpoint);
          expect(
            edgeOf(record.state, given.kind === 'report' ? given.outcome.kind : given.kind, next.state),
          ).toBeDefined();
          expect(next.seq).toBe(record.seq + 1);
          expect(next.attempt).toBeGreaterThanOrEqual(record.attempt);
          expect(next.trail.length).toBeLessThanOrEqual(trailMax);
          expect(next.trail.at(-1)?.seq).toBe(next.seq);
          expect(next.run === undefined).toBe(next.state !== 'RUNNING' && next.state !== 'CANCELLING');
          expect(next.finishedAtMs === undefined).toBe(!isTerminal(next.state));
          expect(next.failures).toBeLessThanOrEqual(next.spec.retry.maxAttempts);
          expect(next.blamedLosses ?? 0).toBeLessThanOrEqual(maxLossesDefault + 1);
          if (given.kind === 'report' && given.outcome.kind === 'lost' && next.spec.retry.maxLosses !== undefined)
            expect(isTerminal(next.state) || next.losses <= mostLosses(next)).toBe(true);
          record = next;
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('changes nothing when reports of other attempts are mixed in, repeated or reordered', () => {
    const report = command.filter((c) => 'token' in c && c.kind !== 'claim');
    fc.assert(
      fc.property(fc.array(report, { maxLength: 40 }), (reports) => {
        const running = apply(testRecord({}, { nowMs: start }), claim('current'));
        for (const stale of reports) {
          expect(decide(running, stale, start + 5, 0)).toEqual({ kind: 'refused', refusal: 'stale' });
        }
      }),
    );
  });

  it('once cancel was asked for, ends in CANCELLED and nowhere else, without a result, when its attempt is over', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        let record = apply(testRecord({ totalTimeoutMs: 1 }, { nowMs: start }), claim('1.1'), {
          kind: 'cancel',
          reason: 'r',
        });
        for (const { command: given, afterMs, random } of steps) {
          const decision = decide(record, given, start + 10 + afterMs, random);
          if (decision.kind === 'refused') continue;
          expect([given.kind, 'token' in given && given.token]).toEqual([given.kind, '1.1']);
          record = decision.record;
          expect([record.state, record.output, record.cancelReason]).toEqual(['CANCELLED', undefined, 'r']);
        }
      }),
    );
  });

  it('reaches a terminal state when its reports come', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 120 }), (lost) => {
        let record = testRecord({}, { nowMs: start });
        let nowMs = start;
        for (let i = 0; !isTerminal(record.state) && i < 200; i += 1) {
          nowMs += 120_000;
          const next: JobCommand =
            record.state === 'QUEUED'
              ? claim(`t${i}`)
              : record.state === 'RUNNING'
                ? lost[i] === true
                  ? reported(record.run?.token ?? '', { kind: 'lost', blame: 'unknown' })
                  : reported(record.run?.token ?? '', { kind: 'failed', failure, retryable: true })
                : { kind: 'due' };
          const decision = decide(record, next, nowMs, 0.9);
          if (decision.kind === 'changed') record = decision.record;
        }
        expect(record.state).toBe('FAILED');
      }),
    );
  });
});

describe('a job that is moved', () => {
  const moves = fc.array(
    fc.record({ atMs: fc.integer({ min: 0, max: 50_000 }), toMs: fc.integer({ min: 0, max: 90_000 }) }),
    {
      maxLength: 20,
    },
  );

  it('becomes QUEUED at the time that was said last, never before it, and never at an older one', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60_000 }), moves, (firstMs, given) => {
        let record = testRecord({ runAtMs: start + firstMs }, { nowMs: start });
        let dueMs = firstMs;
        const fire = (untilMs: number): void => {
          const deadline = nextDeadline(record);
          if (record.state !== 'SCHEDULED' || dueMs > untilMs) return;
          expect(deadline).toEqual({ command: 'due', atMs: start + dueMs });
          expect(decide(record, { kind: 'due' }, start + dueMs - 1, 0)).toMatchObject({ refusal: 'not-due' });
          record = applyAt(record, { kind: 'due' }, start + dueMs);
        };
        for (const { atMs, toMs } of given.toSorted((a, b) => a.atMs - b.atMs)) {
          fire(atMs);
          const decision = decide(
            record,
            { kind: 'reschedule', wallMs: start + atMs, readyAtMs: start + toMs },
            start + atMs,
            0,
          );
          if (record.state === 'QUEUED') {
            expect(decision).toEqual({ kind: 'refused', refusal: toMs <= atMs ? 'unchanged' : 'not-waiting' });
            continue;
          }
          if (decision.kind === 'changed') record = decision.record;
          dueMs = Math.max(toMs, atMs);
          expect(record).toMatchObject({ state: toMs <= atMs ? 'QUEUED' : 'SCHEDULED', readyAtMs: start + dueMs });
        }
        fire(Infinity);
        expect(record).toMatchObject({ state: 'QUEUED', readyAtMs: start + dueMs });
      }),
    );
  });

  it('between attempts waits SCHEDULED and keeps its count; running or ended it is refused', () => {
    const failed = apply(testRecord(), claim('a'), reported('a', { kind: 'failed', failure, retryable: true }));
    const moved = apply(failed, { kind: 'reschedule', wallMs: start, readyAtMs: start + 30_000 });
    expect(moved).toMatchObject({ state: 'SCHEDULED', failures: 1, attempt: 1, readyAtMs: start + 30_000 });
    expect(apply(failed, { kind: 'reschedule', wallMs: start, readyAtMs: 0 })).toMatchObject({
      state: 'QUEUED',
      failures: 1,
    });
    const running = apply(testRecord(), claim('a'));
    const ended = apply(running, reported('a', { kind: 'succeeded' }));
    const order = { kind: 'reschedule', wallMs: start, readyAtMs: 0 } as const;
    expect(decide(running, order, start, 0)).toMatchObject({ refusal: 'not-waiting' });
    expect(decide(ended, order, start, 0)).toMatchObject({ refusal: 'terminal' });
  });

  it('past its total timeout expires then; its queue timeout counts from its new time', () => {
    const options = { runAtMs: start + 1_000, totalTimeoutMs: 60_000, queueTimeoutMs: 5_000 };
    const late = apply(testRecord(options, { nowMs: start }), {
      kind: 'reschedule',
      wallMs: start,
      readyAtMs: start + 90_000,
    });
    expect(nextDeadline(late)).toEqual({ command: 'expire', atMs: start + 60_000 });
    const soon = applyAt(
      apply(late, { kind: 'reschedule', wallMs: start, readyAtMs: start + 20_000 }),
      { kind: 'due' },
      start + 20_000,
    );
    expect(nextDeadline(soon)).toEqual({ command: 'expire', atMs: start + 25_000 });
  });
});

describe('decisions', () => {
  it('counts failures against maxAttempts and losses apart', () => {
    let record = apply(testRecord(), claim('a'), reported('a', { kind: 'lost', blame: 'unknown' }), claim('b'));
    expect(record).toMatchObject({ attempt: 2, failures: 0, losses: 1 });
    record = apply(record, reported('b', { kind: 'failed', failure, retryable: true }));
    expect(record).toMatchObject({ state: 'RETRYING', failures: 1, losses: 1 });
  });

  it('fails for good when the failure is not retryable', () => {
    const record = apply(testRecord(), claim('a'), reported('a', { kind: 'failed', failure, retryable: false }));
    expect(record).toMatchObject({ state: 'FAILED', failure });
  });

  it('fails for good when the policy names the code of the error, and counts that failure', () => {
    const retry = { ...testSpec().retry, nonRetryableCodes: ['NO_CARD', 'ENOENT'] };
    const ended = (code?: string, causes?: readonly FailureCause[]) => {
      const failed: JobCommand = reported('a', {
        kind: 'failed',
        retryable: true,
        failure: { ...failure, ...(code !== undefined && { code }), ...(causes !== undefined && { causes }) },
      });
      return apply(testRecord({ retry }), claim('a'), failed);
    };
    expect(ended('ENOENT')).toMatchObject({ state: 'FAILED', failures: 1, failure: { code: 'ENOENT' } });
    for (const code of ['enoent', 'ENOENT2', undefined]) expect(ended(code).state).toBe('RETRYING');
    const behind = (code: string) => ended('FETCH_FAILED', [{ message: 'first' }, { message: 'second', code }]);
    expect(behind('ENOENT')).toMatchObject({ state: 'FAILED', failures: 1, failure: { code: 'FETCH_FAILED' } });
    expect(behind('ECONNRESET').state).toBe('RETRYING');
    expect(apply(testRecord(), claim('a'), reported('a', { kind: 'failed', failure, retryable: true })).state).toBe(
      'RETRYING',
    );
  });

  it('puts off a run that its handler snoozes: not before its time, no failure, within retention and total timeout', () => {
    const submitted = testRecord({ totalTimeoutMs: 60_000 }, { nowMs: start });
    const snoozed = apply(submitted, claim('a'), reported('a', { kind: 'snoozed', delayMs: 10_000 }));
    const readyAtMs = start + 1 + 10_000;
    expect(snoozed).toMatchObject({ state: 'SCHEDULED', attempt: 1, failures: 0, losses: 0, readyAtMs });
    expect(snoozed.run).toBeUndefined();
    expect(decide(snoozed, { kind: 'due' }, readyAtMs - 1, 0)).toMatchObject({ refusal: 'not-due' });
    expect(decide(snoozed, { kind: 'due' }, readyAtMs, 0)).toMatchObject({ record: { state: 'QUEUED' } });
    expect(decide(snoozed, reported('a', { kind: 'succeeded' }), start + 2, 0)).toMatchObject({ refusal: 'stale' });

    const long = apply(submitted, claim('a'), reported('a', { kind: 'snoozed', delayMs: 100_000 }));
    const failure = { reason: 'DEADLINE_EXCEEDED' };
    expect(nextDeadline(long)).toEqual({ command: 'expire', atMs: start + 60_000 });
    expect(decide(long, { kind: 'expire' }, start + 60_000, 0)).toMatchObject({ record: { state: 'FAILED', failure } });
    const past = apply(submitted, claim('a'), reported('a', { kind: 'snoozed', delayMs: submitted.spec.retentionMs }));
    expect(past).toMatchObject({ state: 'FAILED', failure });
    const brief = testRecord({ payloadRetentionMs: 60_000 }, { nowMs: start });
    const inputGone = apply(brief, claim('a'), reported('a', { kind: 'snoozed', delayMs: 60_000 }));
    expect(inputGone).toMatchObject({ state: 'FAILED', failure });
  });

  it('says in its history where each attempt ran', () => {
    const record = apply(testRecord(), claim('a'), reported('a', { kind: 'lost', blame: 'unknown' }), claim('b'));
    expect(record.trail.map(({ type, attempt, node }) => [type, attempt, node])).toEqual([
      ['queued', 0, undefined],
      ['started', 1, 'n1'],
      ['queued', 1, undefined],
      ['started', 2, 'n1'],
    ]);
  });

  it('takes a run that never began back as if it had not been claimed', () => {
    const waiting = testRecord({ queueTimeoutMs: 1_000 }, { nowMs: start });
    const back = apply(waiting, claim('a'), reported('a', { kind: 'released' }));
    expect(back).toMatchObject({ state: 'QUEUED', attempt: 1, failures: 0, losses: 0, readyAtMs: start });
    expect(back.firstStartedAtMs).toBeUndefined();
    expect(decide(back, { kind: 'expire' }, start + 1_000, 0)).toMatchObject({ record: { state: 'EXPIRED' } });
    const lost = apply(waiting, claim('a'), reported('a', { kind: 'lost', blame: 'unknown' }));
    const again = decide(lost, claim('b'), start + 5, 0);
    const returned =
      again.kind === 'changed' && decide(again.record, reported('b', { kind: 'released' }), start + 6, 0);
    expect(returned).toMatchObject({ record: { firstStartedAtMs: start + 1 } });
  });

  it('gives a job up that was lost too often for reasons nobody knows; what ended in order never counts', () => {
    let record = testRecord();
    const lost = (outcome: AttemptOutcome): void => {
      const token = `t${record.attempt}`;
      record = apply(record, claim(token), reported(token, outcome));
    };
    for (let i = 0; i < 75; i += 1) lost({ kind: 'stopped' });
    expect(record).toMatchObject({ state: 'QUEUED', losses: 75 });
    for (let i = 0; i < maxLossesDefault; i += 1) lost({ kind: 'lost', blame: 'unknown' });
    expect(record).toMatchObject({ state: 'QUEUED', blamedLosses: maxLossesDefault });
    lost({ kind: 'lost', blame: 'unknown' });
    expect(record).toMatchObject({
      state: 'FAILED',
      losses: 100,
      failure: { reason: 'NODE_LOST', message: 'lost with its node or process; 100 attempts were lost' },
    });
  });

  it('convicts a job that brought its process down three times', () => {
    let record = apply(testRecord(), claim('t0'), reported('t0', { kind: 'lost', blame: 'suspect' }));
    expect(record).toMatchObject({ state: 'QUEUED', convictions: 1 });
    for (let i = 1; i < convictionsMax; i += 1) {
      if (record.state === 'RETRYING') {
        const due = decide(record, { kind: 'due' }, record.readyAtMs, 0);
        if (due.kind === 'changed') record = due.record;
      }
      record = apply(record, claim(`t${i}`), reported(`t${i}`, { kind: 'lost', blame: 'convicted' }));
    }
    expect(record).toMatchObject({ state: 'FAILED', failure: { reason: 'POISON' }, convictions: convictionsMax });
  });

  it.each([
    ['lost with its node', { kind: 'lost', blame: 'unknown' }],
    ['lost in a process that died', { kind: 'lost', blame: 'suspect' }],
    ['the one that brought its process down', { kind: 'lost', blame: 'convicted' }],
    ['cut off by a drain', { kind: 'stopped' }],
  ] as const)('fails a job with max_losses 0 whose attempt was %s', (_, loss) => {
    const once = { retry: { ...testSpec().retry, maxLosses: 0 } };
    const running = apply(testRecord(once), claim('a'));
    expect(apply(running, reported('a', loss))).toMatchObject({
      state: 'FAILED',
      losses: 1,
      failure: { reason: 'NODE_LOST' },
    });
    // What never began may begin.
    const back = apply(running, reported('a', { kind: 'released' }));
    expect(back).toMatchObject({ state: 'QUEUED', losses: 0 });
    expect(apply(back, claim('b'), reported('b', loss))).toMatchObject({ state: 'FAILED', attempt: 2 });
    // Without the option all of this is as it was, for records from before as well.
    expect(isTerminal(apply(apply(testRecord(), claim('a')), reported('a', loss)).state)).toBe(false);
  });

  it('lets as many attempts be lost as max_losses says, and 24 by default', () => {
    for (const maxLosses of [0, 1, 5, undefined]) {
      const most = maxLosses ?? 24;
      let record = testRecord({ retry: { ...testSpec().retry, ...(maxLosses !== undefined && { maxLosses }) } });
      for (let lost = 0; lost < most; lost += 1) {
        record = apply(record, claim('a'), reported('a', { kind: 'lost', blame: 'unknown' }));
        expect(record).toMatchObject({ state: 'QUEUED', losses: lost + 1 });
      }
      record = apply(record, claim('a'), reported('a', { kind: 'lost', blame: 'unknown' }));
      expect(record).toMatchObject({ state: 'FAILED', losses: most + 1, failure: { reason: 'NODE_LOST' } });
    }
  });

  it('repeats no attempt for memory that may begin once, but as a retry', () => {
    const oom: JobCommand = reported('a', { kind: 'failed', failure, retryable: true, nextMemoryMb: 1_024 });
    const of = (maxAttempts: number): JobRecord => {
      const retry = { ...testSpec().retry, maxAttempts, maxLosses: 0 };
      return apply(testRecord({ retry }), claim('a'), oom);
    };
    expect(of(1)).toMatchObject({ state: 'FAILED', failures: 1 });
    expect(of(2)).toMatchObject({ state: 'RETRYING', failures: 1, memoryMb: 1_024 });
    const free = apply(testRecord(), claim('a'), oom);
    expect(free).toMatchObject({ state: 'RETRYING', failures: 0, oomRetries: 1, memoryMb: 1_024 });
  });

  it('keeps the newest checkpoint of the newest attempt that saved one', () => {
    const first = apply(testRecord(), claim('a'), saved('a', 2));
    expect(first.checkpoint).toMatchObject({ attempt: 1, number: 2, payload: { json: '2' } });
    expect(decide(first, saved('a', 1), start, 0)).toEqual({ kind: 'refused', refusal: 'unchanged' });
    expect(decide(first, saved('a', 2), start, 0)).toEqual({ kind: 'refused', refusal: 'unchanged' });
    const second = apply(first, reported('a', { kind: 'stopped' }), claim('b'));
    expect(second.checkpoint).toEqual(first.checkpoint);
    expect(decide(second, saved('a', 3), start, 0)).toEqual({ kind: 'refused', refusal: 'stale' });
    expect(apply(second, saved('b', 1)).checkpoint).toMatchObject({ attempt: 2, number: 1 });
    const cancelling = apply(second, { kind: 'cancel', reason: 'user' });
    expect(decide(cancelling, saved('b', 1), start, 0)).toEqual({ kind: 'refused', refusal: 'stale' });
  });

  it('drops a result that arrives after the cancel', () => {
    const cancelling = apply(testRecord(), claim('a'), { kind: 'cancel', reason: 'user' });
    const done = apply(cancelling, reported('a', { kind: 'succeeded', output: { kind: 'json', json: '1' } }));
    expect(done.state).toBe('CANCELLED');
    expect(done.output).toBeUndefined();
  });

  it('expires what never started and fails what did', () => {
    const waiting = testRecord({ totalTimeoutMs: 100 }, { nowMs: start });
    expect(nextDeadline(waiting)).toEqual({ atMs: start + 100, command: 'expire' });
    expect(decide(waiting, { kind: 'expire' }, start + 99, 0)).toEqual({ kind: 'refused', refusal: 'not-due' });
    expect(decide(waiting, { kind: 'expire' }, start + 100, 0)).toMatchObject({ record: { state: 'EXPIRED' } });
    const lost = apply(waiting, claim('a'), reported('a', { kind: 'lost', blame: 'unknown' }));
    expect(decide(lost, { kind: 'expire' }, start + 100, 0)).toMatchObject({
      record: { state: 'FAILED', failure: { reason: 'DEADLINE_EXCEEDED' } },
    });
  });

  it('says of what expires which of the two it was: with a failure it was the total timeout', () => {
    const ended = (overrides: Partial<JobSpec>): unknown => {
      const decision = decide(testRecord(overrides, { nowMs: start }), { kind: 'expire' }, start + 5_000, 0);
      return decision.kind === 'changed' ? [decision.record.state, decision.record.failure?.reason] : decision;
    };
    expect(ended({ queueTimeoutMs: 1_000 })).toEqual(['EXPIRED', undefined]);
    expect(ended({ queueTimeoutMs: 1_000, totalTimeoutMs: 2_000 })).toEqual(['EXPIRED', undefined]);
    for (const queueTimeoutMs of [2_000, 3_000]) {
      expect(ended({ queueTimeoutMs, totalTimeoutMs: 2_000 })).toEqual(['EXPIRED', 'DEADLINE_EXCEEDED']);
    }
    expect(ended({ runAtMs: start + 9_000, totalTimeoutMs: 2_000 })).toEqual(['EXPIRED', 'DEADLINE_EXCEEDED']);
  });

  it('keeps the delay before a retry within full jitter of the policy', () => {
    const policy = { maxAttempts: 9, initialMs: 1_000, coefficient: 2, maxMs: 5_000 };
    expect([1, 2, 3, 4, 9].map((n) => retryDelayMs(policy, n, 0.9999))).toEqual([999, 1_999, 3_999, 4_999, 4_999]);
    expect(retryDelayMs(policy, 3, 0)).toBe(0);
  });
});

describe('the table', () => {
  it('has no edge out of a terminal state and a way out of every other', () => {
    for (const state of jobStates) {
      const out = edges.filter((edge) => 'from' in edge && edge.from === state);
      expect(out.length > 0).toBe(!isTerminal(state));
    }
  });
});
