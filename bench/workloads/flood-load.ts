/** A tenant that submits no-op jobs as fast as it is let, until its time is over. Its refused calls come back when they are told to. */
import { setTimeout as sleep } from 'node:timers/promises';
import { TroupeClientError } from '../../src/client/index.ts';
import { serveTask } from '../harness/task.ts';
import { benchQueue, clientOf, payload, type Target } from './session.ts';

export interface FloodLoadInput extends Omit<Target, 'natsUrl'> {
  readonly callers: number;
  /** Jobs per call. */
  readonly batch: number;
  readonly seconds: number;
}

export interface FloodLoadResult {
  readonly acceptedPerSecond: number;
  readonly refusedPerSecond: number;
}

/** Of a caller that is not told. */
const usualPauseMs = 20;

async function run(input: FloodLoadInput): Promise<FloodLoadResult> {
  const { callers, batch, seconds } = input;
  const client = clientOf(input);
  const endMs = performance.now() + seconds * 1_000;
  let accepted = 0;
  let refused = 0;
  const draft = { handler: 'bench.noop', queue: benchQueue, input: payload };
  const drafts = Array.from({ length: batch }, () => draft);

  async function call(): Promise<number> {
    try {
      const outcomes =
        batch === 1 ? [{ ok: await client.submit(draft.handler, payload, draft) }] : await client.submitMany(drafts);
      const errors = outcomes.flatMap((outcome) => ('error' in outcome ? [outcome.error] : []));
      accepted += outcomes.length - errors.length;
      refused += errors.length;
      return Math.max(0, ...errors.map(pauseOf));
    } catch (error) {
      refused += batch;
      return pauseOf(error);
    }
  }

  async function caller(): Promise<void> {
    while (performance.now() < endMs) {
      const pauseMs = await call();
      if (pauseMs > 0) await sleep(pauseMs);
    }
  }

  try {
    await Promise.all(Array.from({ length: callers }, caller));
  } finally {
    client.close();
  }
  return { acceptedPerSecond: accepted / seconds, refusedPerSecond: refused / seconds };
}

function pauseOf(error: unknown): number {
  if (error instanceof TroupeClientError && error.retryable) return error.retryAfterMs ?? usualPauseMs;
  throw error;
}

serveTask(run);
