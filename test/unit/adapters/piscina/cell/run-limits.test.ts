// The limits of a run: which of them ends it, and what a sign of life is. No thread, no clock but the numbers given.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RunRequest } from '../../../../../src/application/ports/run-pool.ts';
import type { JobId } from '../../../../../src/domain/job-id.ts';
import { newRun, type Run } from '../../../../../src/adapters/piscina/cell/cell-run.ts';
import { isStuck, limitPassed, lookForSigns } from '../../../../../src/adapters/piscina/cell/run-limits.ts';
import { createSlotMemory, RunSlot } from '../../../../../src/adapters/piscina/protocol/run-slot.ts';
import { createThreadContext, RunVoice } from '../../../../../src/adapters/piscina/thread/thread-context.ts';
import { ThreadStreams } from '../../../../../src/adapters/piscina/thread/thread-streams.ts';
import type { HandlerContext } from '../../../../../src/handlers/context.ts';

const request: RunRequest = {
  runId: 'r',
  jobId: 'j' as JobId,
  tenant: 'default',
  attempt: 1,
  handler: 'h',
  input: { kind: 'json', json: 'null' },
  executionTimeoutMs: 60_000,
  suspect: false,
};

function startedRun(limits: Partial<RunRequest> = {}): { readonly run: Run; readonly slot: RunSlot } {
  const run = newRun({ ...request, ...limits }, 64, 0);
  const slot = new RunSlot(createSlotMemory());
  Object.assign(run, { thread: { slot }, takenAtMs: 0, started: true, signAtMs: 0 });
  return { run, slot };
}

const reasonOf = (run: Run, nowMs: number): unknown => {
  const outcome = limitPassed(run, nowMs);
  return outcome?.kind === 'failed' ? [outcome.failure.reason, outcome.retryable] : outcome;
};

describe('a run is stuck', () => {
  it('a second after its thread was told to end, not counting time in which its process stood still', () => {
    const { run } = startedRun();
    expect(isStuck(run, 60_000)).toBe(false);
    Object.assign(run.thread ?? {}, { terminatedAtMs: 1_000 });
    expect([isStuck(run, 1_999), isStuck(run, 2_000)]).toEqual([false, true]);
    lookForSigns(run, 3_500, true);
    expect([isStuck(run, 4_499), isStuck(run, 4_500)]).toEqual([false, true]);
  });
});

describe('a run ends', () => {
  it('by its silence: not a moment early, counted from the last sign', () => {
    const { run, slot } = startedRun({ heartbeatTimeoutMs: 2_000 });
    expect(reasonOf(run, 1_999)).toBeUndefined();
    expect(reasonOf(run, 2_000)).toEqual(['HEARTBEAT_LOST', true]);
    slot.beat();
    lookForSigns(run, 1_500);
    lookForSigns(run, 3_000);
    expect(reasonOf(run, 3_499)).toBeUndefined();
    expect(reasonOf(run, 3_500)).toEqual(['HEARTBEAT_LOST', true]);
  });

  it('never by its silence without a heartbeat timeout, or before its handler has begun', () => {
    expect(reasonOf(startedRun().run, 59_999)).toBeUndefined();
    const { run } = startedRun({ heartbeatTimeoutMs: 1_000 });
    run.started = false;
    expect(reasonOf(run, 59_999)).toBeUndefined();
  });

  it('not by a silence that may be that of its process', () => {
    const { run } = startedRun({ heartbeatTimeoutMs: 2_000 });
    lookForSigns(run, 5_000, true);
    expect(reasonOf(run, 6_999)).toBeUndefined();
    expect(reasonOf(run, 7_000)).toEqual(['HEARTBEAT_LOST', true]);
  });

  it('by the end of its job before that of the attempt, and by that before its silence', () => {
    const both = { executionTimeoutMs: 1_000, heartbeatTimeoutMs: 1_000 };
    expect(reasonOf(startedRun(both).run, 1_000)).toEqual(['ATTEMPT_TIMED_OUT', true]);
    const all = startedRun({ ...both, deadlineAtMs: Date.now() - 1 });
    expect(reasonOf(all.run, 1_000)).toEqual(['DEADLINE_EXCEEDED', false]);
  });

  it('by the first limit that it passes, whatever the signs', () => {
    const moment = fc.record({ afterMs: fc.integer({ min: 1, max: 900 }), beats: fc.boolean() });
    fc.assert(
      fc.property(fc.array(moment, { maxLength: 40 }), (moments) => {
        const { run, slot } = startedRun({ executionTimeoutMs: 10_000, heartbeatTimeoutMs: 1_000 });
        let [nowMs, signMs] = [0, 0];
        for (const { afterMs, beats } of moments) {
          nowMs += afterMs;
          if (beats) {
            slot.beat();
            signMs = nowMs;
          }
          lookForSigns(run, nowMs);
          const expected =
            nowMs >= 10_000 ? 'ATTEMPT_TIMED_OUT' : nowMs - signMs >= 1_000 ? 'HEARTBEAT_LOST' : undefined;
          expect(reasonOf(run, nowMs)).toEqual(expected === undefined ? undefined : [expected, true]);
        }
      }),
    );
  });
});

describe('a sign of life', () => {
  function context(): { readonly ctx: HandlerContext; readonly close: () => void; signs(): number } {
    const { slot } = startedRun();
    const voice = new RunVoice(
      () => undefined,
      () => 0,
    );
    const { streams: payloads } = new ThreadStreams({
      runId: request.runId,
      input: request.input,
      checkpoint: undefined,
      post: () => undefined,
      beat: () => slot.beat(),
    });
    const made = createThreadContext({ kind: 'run', request, endsAtMs: 0 }, slot, {
      voice,
      payloads,
      secret: () => Promise.reject(new Error('not wanted')),
    });
    return { ctx: made.ctx, close: () => made.close({ succeeded: true }), signs: () => slot.pulse };
  }

  it('is progress, a look at the cancel, a line of the log, a checkpoint and a heartbeat; not a look at the context', () => {
    const { ctx, signs } = context();
    const each: readonly (() => void)[] = [
      () => ctx.progress(0.5),
      () => ctx.throwIfCancelled(),
      () => ctx.log.debug('still here'),
      () => ctx.heartbeat(),
      () => void ctx.checkpoint({ page: 3 }),
    ];
    for (const [at, give] of each.entries()) {
      give();
      expect(signs()).toBe(at + 1);
    }
    expect([ctx.jobId, ctx.attempt, ctx.deadline.getTime()]).toEqual(['j', 1, 0]);
    expect(signs()).toBe(each.length);
  });

  it('is also a line that is not sent because there are too many', () => {
    const { ctx, signs } = context();
    for (let line = 0; line < 1_000; line += 1) ctx.log.info('again');
    expect(signs()).toBe(1_000);
  });

  it('of a run that is over counts for no other', () => {
    const { ctx, close, signs } = context();
    close();
    ctx.heartbeat();
    ctx.log.info('too late');
    ctx.progress(1);
    ctx.throwIfCancelled();
    expect(signs()).toBe(0);
  });
});
