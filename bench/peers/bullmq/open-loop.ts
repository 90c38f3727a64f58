/** W4 of the peer: jobs at a fixed rate, with times since the instant at which each was due. */
import { percentilesOf } from '../../harness/statistics.ts';
import { serveTask } from '../../harness/task.ts';
import { clockMs, paced } from '../../workloads/paced-load.ts';
import type { OpenLoopResult } from '../../workloads/open-loop.ts';
import { type BullSession, inBullSession, noopQueue, payload } from './bullmq-session.ts';

export interface PeerOpenLoopInput {
  readonly port: number;
  readonly perSecond: number;
  readonly seconds: number;
}

const settleTimeoutMs = 60_000;

async function run({ port, perSecond, seconds }: PeerOpenLoopInput): Promise<OpenLoopResult> {
  return inBullSession(port, noopQueue, async (session) => {
    await drive(session, perSecond, Math.min(perSecond * 2, 400));
    return drive(session, perSecond, perSecond * seconds);
  });
}

async function drive({ queue, completed }: BullSession, perSecond: number, count: number): Promise<OpenLoopResult> {
  const due = new Map<string, number>();
  const [sent, acknowledged]: [number[], number[]] = [[], []];
  const ends = new Map<string, { readonly startedMs: number; readonly completedMs: number }>();
  const all = completed(count, settleTimeoutMs, ({ jobId, returnvalue }) => {
    ends.set(jobId, { startedMs: Number(returnvalue), completedMs: clockMs() });
  });
  await paced(perSecond, count, async (index, dueMs) => {
    sent[index] = clockMs() - dueMs;
    const { id = '' } = await queue.add('noop', payload);
    acknowledged[index] = clockMs() - dueMs;
    due.set(id, dueMs);
  });
  await all;
  const since = (read: (end: { readonly startedMs: number; readonly completedMs: number }) => number): number[] =>
    [...ends].map(([id, end]) => read(end) - (due.get(id) ?? Number.NaN));
  return {
    sent: percentilesOf(sent),
    acknowledged: percentilesOf(acknowledged),
    started: percentilesOf(since(({ startedMs }) => startedMs)),
    completed: percentilesOf(since(({ completedMs }) => completedMs)),
  };
}

serveTask(run);
