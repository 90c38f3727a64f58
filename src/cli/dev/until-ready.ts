/**
 * Waits until a process that was started serves. After a crash its shards read all jobs that wait, which takes some
 * seconds for each million of them, so it waits long and says what for.
 */
import type { Clock } from '../../application/ports/runtime.ts';
import type { TroupeProcess } from '../../compose/process.ts';

const readyMaxMs = 600_000;
const tellEveryMs = 10_000;
const pollLeastMs = 20;
const pollMostMs = 250;

export interface ReadyWait {
  readonly clock: Pick<Clock, 'monotonicMs' | 'setTimer'>;
  readonly say: (line: string) => void;
  readonly stop: AbortSignal;
  /** Settles when something has failed for good. */
  readonly failed: Promise<unknown>;
}

/** `ended`: it was stopped, or has failed. Throws if it is not ready after ten minutes. */
export async function untilReady(
  troupe: Pick<TroupeProcess, 'readiness'>,
  { clock, say, stop, failed }: ReadyWait,
): Promise<'ready' | 'ended'> {
  const beganMs = clock.monotonicMs();
  const failure = new AbortController();
  const over = failed.then(() => {
    failure.abort();
  });
  let toldMs = beganMs;
  for (;;) {
    const { ready, reasons } = await troupe.readiness();
    if (stop.aborted || failure.signal.aborted) return 'ended';
    if (ready) return 'ready';
    const nowMs = clock.monotonicMs();
    const waitedMs = nowMs - beganMs;
    if (waitedMs >= readyMaxMs) throw new Error(`not ready after ${readyMaxMs} ms: ${reasons.join('; ')}`);
    if (nowMs - toldMs >= tellEveryMs) {
      toldMs = nowMs;
      say(`not ready after ${Math.round(waitedMs / 1_000)} s, waiting: ${reasons.join('; ')}`);
    }
    const pollMs = Math.min(pollMostMs, Math.max(pollLeastMs, waitedMs / 20));
    await Promise.race([over, new Promise<void>((resolve) => clock.setTimer(pollMs, resolve))]);
  }
}
