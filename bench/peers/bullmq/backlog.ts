/** W1, W2, W3 of the peer: a backlog is submitted to a queue that is paused, and drains once it is resumed. */
import { inFlight } from '../../harness/statistics.ts';
import { serveTask } from '../../harness/task.ts';
import { inBullSession, noopQueue, payload } from './bullmq-session.ts';

export interface PeerBacklogInput {
  readonly port: number;
  readonly jobs: number;
  /** Jobs per call. 1 for W1. */
  readonly batch: number;
  readonly callers: number;
}

export interface PeerBacklogResult {
  readonly submittedPerSecond: number;
  readonly drainedPerSecond: number;
}

const drainTimeoutMs = 300_000;

async function run({ port, jobs, batch, callers }: PeerBacklogInput): Promise<PeerBacklogResult> {
  return inBullSession(port, noopQueue, async ({ queue, completed }) => {
    await queue.pause();
    const calls = Math.ceil(jobs / batch);
    const drained = completed(calls * batch, drainTimeoutMs);
    const startedMs = performance.now();
    await inFlight(calls, callers, async () => {
      if (batch === 1) await queue.add('noop', payload);
      else await queue.addBulk(Array.from({ length: batch }, () => ({ name: 'noop', data: payload })));
    });
    const submittedMs = performance.now();
    await queue.resume();
    await drained;
    return {
      submittedPerSecond: (calls * batch * 1_000) / (submittedMs - startedMs),
      drainedPerSecond: (calls * batch * 1_000) / (performance.now() - submittedMs),
    };
  });
}

serveTask(run);
