/** Attempts as they are read from a job's history: each with its start, its end and how it ended. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AttemptOutcome } from '../../../src/domain/attempt-outcome.ts';
import { isTerminal, type JobRecord } from '../../../src/domain/job.ts';
import { attemptsMax, attemptsOf } from '../../../src/domain/trail.ts';
import { decide, type JobCommand } from '../../../src/domain/transitions.ts';
import { testRecord } from '../../support/jobs.ts';

const start = 1_700_000_000_000;
const failure = { reason: 'HANDLER_FAILED', message: 'no', code: 'NO', stack: 'at x' } as const;

/** A command without its token and node: those of the present run are filled in. */
type Step = { readonly kind: JobCommand['kind'] } & Readonly<Record<string, unknown>>;

/** A second apart. */
function live(record: JobRecord, ...steps: readonly Step[]): JobRecord {
  return steps.reduce((now, step) => {
    const token = step.kind === 'claim' ? `t${now.attempt + 1}` : now.run?.token;
    const command = { node: 'n1', token, ...step } as unknown as JobCommand;
    const decision = decide(now, command, now.updatedAtMs + 1_000, 0);
    if (decision.kind === 'refused') throw new Error(`${step.kind} refused: ${decision.refusal}`);
    return decision.record;
  }, record);
}

const claim: Step = { kind: 'claim' };
const due: Step = { kind: 'due' };
const report = (outcome: AttemptOutcome): Step => ({ kind: 'report', outcome });
const fails = { kind: 'failed', failure, retryable: true } as const;
const failed = report(fails);
const snoozed = report({ kind: 'snoozed', delayMs: 100 });
const stopped = report({ kind: 'stopped' });
const released = report({ kind: 'released' });
const succeeded = report({ kind: 'succeeded' });
const cancel: Step = { kind: 'cancel', reason: 'r' };
const lost = report({ kind: 'lost', blame: 'unknown' });
const convicted = report({ kind: 'lost', blame: 'convicted' });

function outcomes(...steps: readonly Step[]): readonly unknown[] {
  const record = live(testRecord({}, { nowMs: start }), ...steps);
  return attemptsOf(record).map(({ outcome, reason }) => (reason === undefined ? [outcome] : [outcome, reason]));
}

describe('an attempt', () => {
  it('has its node, when it was granted and when its end was recorded, and the words of its failure', () => {
    const record = live(testRecord({}, { nowMs: start }), claim, failed, due, claim);
    expect(attemptsOf(record)).toEqual([
      {
        number: 1,
        node: 'n1',
        startedAtMs: start + 1_000,
        endedAtMs: start + 2_000,
        outcome: 'failed',
        reason: 'HANDLER_FAILED',
        message: 'no',
        code: 'NO',
      },
      { number: 2, node: 'n1', startedAtMs: start + 4_000 },
    ]);
  });

  it('says how it ended', () => {
    expect(outcomes(claim, succeeded)).toEqual([['succeeded']]);
    expect(outcomes(claim, report({ ...fails, retryable: false }))).toEqual([['failed', 'HANDLER_FAILED']]);
    expect(outcomes(claim, snoozed)).toEqual([['snoozed']]);
    expect(outcomes(claim, lost, claim, lost, claim)).toEqual([['lost'], ['lost'], [undefined]]);
    expect(outcomes(claim, stopped, claim, released)).toEqual([['given-back'], ['given-back']]);
    const poison = [claim, convicted, due, claim, convicted, due, claim, convicted];
    expect(outcomes(...poison)).toEqual([['lost'], ['lost'], ['lost', 'POISON']]);
  });

  it('of a cancelled job ends when its code is gone, not when cancel was asked for', () => {
    for (const command of [stopped, released, succeeded, failed]) {
      const record = live(testRecord({}, { nowMs: start }), claim, cancel, command);
      expect(attemptsOf(record)).toMatchObject([{ endedAtMs: start + 3_000, outcome: 'cancelled' }]);
    }
    expect(outcomes(claim, cancel)).toEqual([[undefined]]);
    expect(outcomes(claim, cancel, lost)).toEqual([['lost']]);
  });

  it('is not touched by what happens to the job between attempts', () => {
    expect(outcomes(claim, failed, cancel)).toEqual([['failed', 'HANDLER_FAILED']]);
    const waiting = live(testRecord({ totalTimeoutMs: 2_000 }, { nowMs: start }), claim, lost);
    const ended = live(waiting, { kind: 'expire' });
    expect(ended).toMatchObject({ state: 'FAILED', failure: { reason: 'DEADLINE_EXCEEDED' } });
    expect(attemptsOf(ended)).toMatchObject([{ outcome: 'lost', endedAtMs: start + 2_000 }]);
  });

  it('keeps 200 characters of a message, whole ones', () => {
    const long = { ...failure, message: `${'x'.repeat(199)}\u{1F600}` };
    const record = live(testRecord(), claim, report({ ...fails, failure: long }));
    expect(attemptsOf(record)[0]?.message).toBe('x'.repeat(199));
    expect(record.failure?.message).toBe(long.message);
  });

  it('of a record from before outcomes were noted is told by the type of its last entry', () => {
    const now = live(testRecord({}, { nowMs: start }), claim, lost, claim, failed, due, claim, snoozed);
    const trail = now.trail.map(({ seq, type, atMs, attempt }) => ({ seq, type, atMs, attempt }));
    const attempts = attemptsOf({ trail });
    expect(attempts.map(({ outcome }) => outcome)).toEqual(['lost', 'failed', 'snoozed']);
    expect(attempts[0]).not.toHaveProperty('node');
  });
});

describe('the attempts of any job', () => {
  it('are the newest, numbered without gaps, one after the other, and all but the last have ended', () => {
    const end = fc.constantFrom<Step>(failed, snoozed, lost, stopped, released);
    fc.assert(
      fc.property(fc.array(end, { maxLength: 60 }), fc.boolean(), (ends, running) => {
        let record = testRecord({ retry: { maxAttempts: 100, initialMs: 1, coefficient: 1, maxMs: 1 } });
        for (const command of ends) {
          record = live(record, claim, command);
          if (isTerminal(record.state)) break;
          if (record.state !== 'QUEUED') record = live(record, due);
        }
        if (running && !isTerminal(record.state)) record = live(record, claim);
        const attempts = attemptsOf(record);
        expect(attempts).toHaveLength(Math.min(record.attempt, attemptsMax));
        expect(attempts.at(-1)?.number ?? 0).toBe(record.attempt);
        attempts.forEach((attempt, at) => {
          const next = attempts[at + 1];
          if (next !== undefined) {
            expect(next.number).toBe(attempt.number + 1);
            expect(next.startedAtMs).toBeGreaterThanOrEqual(attempt.endedAtMs ?? Infinity);
          }
          expect(attempt.endedAtMs === undefined).toBe(attempt.outcome === undefined);
        });
        expect(attempts.at(-1)?.endedAtMs === undefined).toBe(attempts.length === 0 || record.run !== undefined);
      }),
    );
  });
});
