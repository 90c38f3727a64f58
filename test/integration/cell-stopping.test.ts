/** Cancel, timeout and deadline: the flag, the grace, the thread, the process; and when the code is really gone. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startPool, zooDir, type Harness } from '../support/rogue-handlers/harness.ts';

let zoo: Harness;

beforeAll(async () => {
  zoo = await startPool({ handlerDirs: [zooDir], memoryMb: 96 });
});
afterAll(async () => {
  await zoo.stop();
});

async function startedThenCancelled(handler: string) {
  const run = zoo.run(handler);
  await run.started;
  const atMs = performance.now();
  zoo.pool.cancel(run.runId);
  const { outcome } = await run.ended;
  return { outcome, afterMs: performance.now() - atMs };
}

describe('cancel', () => {
  it.each(['polite', 'waits'])('is noticed by a handler that looks: %s', async (handler) => {
    const { outcome, afterMs } = await startedThenCancelled(handler);
    expect(outcome).toEqual({ kind: 'stopped' });
    expect(afterMs).toBeLessThan(30_000); // its grace: noticed, not forced
  });

  it.each([
    ['endless', 200],
    ['never', 100],
  ])('ends by force a handler that does not look: %s', async (handler, graceMs) => {
    const { outcome, afterMs } = await startedThenCancelled(handler);
    expect(outcome).toEqual({ kind: 'stopped' });
    expect(afterMs).toBeGreaterThanOrEqual(graceMs * 0.9);
  });

  it('takes out a run that still waits, without it ever starting', async () => {
    const busy = [zoo.run('polite'), zoo.run('polite')];
    await Promise.all(busy.map((run) => run.started));
    const waiting = zoo.run('noop');
    let didStart = false;
    void waiting.started.then(() => (didStart = true));
    zoo.pool.cancel(waiting.runId);
    expect((await waiting.ended).outcome).toEqual({ kind: 'released' });
    expect(didStart).toBe(false);
    for (const run of busy) {
      zoo.pool.cancel(run.runId);
      expect((await run.ended).outcome.kind).toBe('stopped');
    }
  });

  it('of an unknown or ended run does nothing', async () => {
    const run = zoo.run('noop');
    await run.ended;
    zoo.pool.cancel(run.runId);
    zoo.pool.cancel('nobody');
    expect((await zoo.run('noop').ended).outcome.kind).toBe('succeeded');
    expect(run.ends).toBe(1);
  });
});

describe('time', () => {
  it('ends an attempt that runs too long, retryable', async () => {
    const { outcome, tookMs } = await zoo.run('endless', {}, { executionTimeoutMs: 150 }).ended;
    expect(outcome).toMatchObject({ kind: 'failed', retryable: true, failure: { reason: 'ATTEMPT_TIMED_OUT' } });
    expect(tookMs).toBeGreaterThanOrEqual(150);
  });

  it('counts the execution timeout from the start in the thread, not from the hand-over', async () => {
    const busy = [zoo.run('sleeps', { ms: 5_500 }), zoo.run('sleeps', { ms: 5_500 })];
    const patient = zoo.run('noop', {}, { executionTimeoutMs: 5_000 });
    expect((await patient.ended).outcome.kind).toBe('succeeded');
    await Promise.all(busy.map((run) => run.ended));
  });

  it('ends a run at the deadline of its job, for good', async () => {
    const { outcome } = await zoo.run('endless', {}, { deadlineAtMs: Date.now() + 150 }).ended;
    expect(outcome).toMatchObject({ kind: 'failed', retryable: false, failure: { reason: 'DEADLINE_EXCEEDED' } });
  });

  it('does not start a run whose deadline has passed', async () => {
    const run = zoo.run('noop', {}, { deadlineAtMs: Date.now() - 1 });
    expect((await run.ended).outcome).toMatchObject({ failure: { reason: 'DEADLINE_EXCEEDED' } });
  });

  it('ends a run that waits for a thread past the deadline of its job, before one is free', async () => {
    const busy = [zoo.run('polite'), zoo.run('polite')];
    await Promise.all(busy.map((run) => run.started));
    const late = zoo.run('noop', {}, { deadlineAtMs: Date.now() + 150 });
    const outcome = { kind: 'failed', retryable: false, failure: { reason: 'DEADLINE_EXCEEDED' } };
    expect((await late.ended).outcome).toMatchObject(outcome);
    expect(busy.map(({ ends }) => ends)).toEqual([0, 0]);
    for (const run of busy) zoo.pool.cancel(run.runId);
    await Promise.all(busy.map((run) => run.ended));
    expect(late.ends).toBe(1);
  });

  it.each(['endless', 'never'])('ends an attempt that gives no sign of life, retryable: %s', async (handler) => {
    const { outcome, durationMs } = await zoo.run(handler, {}, { heartbeatTimeoutMs: 1_000 }).ended;
    const message = 'the attempt gave no sign of life for 1000 ms';
    const failure = { reason: 'HEARTBEAT_LOST', message };
    expect(outcome).toEqual({ kind: 'failed', retryable: true, failure });
    expect(durationMs).toBeGreaterThanOrEqual(1_000);
  });

  it('leaves an attempt alone that gives signs, in the middle of a synchronous loop', async () => {
    // The time between two signs is that of the machine: it may give the cell no CPU for a while.
    const { outcome } = await zoo.run('beats', { ms: 6_000 }, { heartbeatTimeoutMs: 5_000 }).ended;
    expect(outcome).toMatchObject({ kind: 'succeeded' });
  });

  it('lets an attempt that has fallen silent end by itself within its grace', async () => {
    const { outcome } = await zoo.run('waits', {}, { heartbeatTimeoutMs: 1_000 }).ended;
    expect(outcome).toMatchObject({ kind: 'failed', failure: { reason: 'HEARTBEAT_LOST' } });
    expect((await zoo.run('noop').ended).outcome.kind).toBe('succeeded');
  });
});
