/** Repeats what may be repeated: bounded in number, with full jitter, never sooner than the gateway asks. */
import { setTimeout as sleep } from 'node:timers/promises';
import { cancelledBy, TroupeClientError } from './client-error.ts';
import { timeoutMaxMs } from './deadline.ts';

export interface RetryOptions {
  /** Tries, the first included; 1: none is repeated. Default 5. */
  readonly maxAttempts?: number;
  /** Default 100. */
  readonly initialMs?: number;
  /** Default 5,000. */
  readonly maxMs?: number;
  /** Told before each wait for another try: why, and for how long. */
  readonly onRetry?: (error: TroupeClientError, delayMs: number) => void;
}

/** `always`: doing it twice is doing it once. `if-not-done`: only what surely had no effect. */
export type RepeatSafety = 'always' | 'if-not-done';

export interface Backoff {
  readonly maxAttempts: number;
  /** Before try number `attempt + 1`. */
  delayMs(attempt: number, retryAfterMs: number | undefined): number;
  /** Waits that long after this error; rejects with CALL_CANCELLED when the signal aborts. */
  pause(attempt: number, error: TroupeClientError, signal: AbortSignal | undefined): Promise<void>;
}

export function createBackoff(options: RetryOptions, random: () => number = Math.random): Backoff {
  const { maxAttempts = 5, initialMs = 100, maxMs = 5_000 } = options;
  const delayMs = (attempt: number, retryAfterMs = 0): number =>
    Math.min(retryAfterMs + random() * Math.min(maxMs, initialMs * 2 ** (attempt - 1)), timeoutMaxMs);
  return {
    maxAttempts,
    delayMs,
    async pause(attempt, error, signal) {
      const pauseMs = delayMs(attempt, error.retryAfterMs);
      options.onRetry?.(error, pauseMs);
      await sleep(pauseMs, undefined, { signal }).catch(() => {
        // Between two tries: what those before have done is not known here.
        throw cancelledBy(signal, 'unknown');
      });
    },
  };
}

export async function withRetries<T>(
  backoff: Backoff,
  safety: RepeatSafety,
  signal: AbortSignal | undefined,
  run: () => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await run();
    } catch (error) {
      if (attempt >= backoff.maxAttempts || !mayRepeat(error, safety)) throw error;
      await backoff.pause(attempt, error, signal);
    }
  }
}

/** A deadline was the caller's own wish, and a conflict wants a fresh read: neither is repeated. */
export function mayRepeat(error: unknown, safety: RepeatSafety): error is TroupeClientError {
  if (!(error instanceof TroupeClientError) || !error.retryable) return false;
  if (error.code === 'CALL_DEADLINE_EXCEEDED' || error.code === 'QUEUE_VERSION_CONFLICT') return false;
  return safety === 'always' || error.outcome === 'none';
}
