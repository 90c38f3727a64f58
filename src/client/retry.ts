/**
 * Retries calls that may be repeated. The number of tries is bounded, delays have full jitter, and a retry never comes
 * sooner than the gateway asks.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { cancelledBy, TroupeClientError } from './client-error.ts';
import { timeoutMaxMs } from './deadline.ts';

/** How failed calls are retried. */
export interface RetryOptions {
  /** Tries including the first. 1 disables retries. Default: 5. */
  readonly maxAttempts?: number;
  /** The longest delay before the second try, in ms. It doubles with each further try. Default: 100. */
  readonly initialMs?: number;
  /** The longest delay, in ms, not counting what the gateway asks for. Default: 5,000. */
  readonly maxMs?: number;
  /** Called before the client waits for another try, with the reason and the delay in ms. Default: none. */
  readonly onRetry?: (error: TroupeClientError, delayMs: number) => void;
}

/** When a call may be repeated. `always`: the call is idempotent. `if-not-done`: only if it certainly had no effect. */
export type RepeatSafety = 'always' | 'if-not-done';

/** Decides how often and how long to wait before a retry. */
export interface RetryPacing {
  readonly maxAttempts: number;
  /** The delay before try number `attempt + 1`. */
  delayMs(attempt: number, retryAfterMs: number | undefined): number;
  /** Waits for this delay. Rejects with CALL_CANCELLED if the signal is aborted. */
  pause(attempt: number, error: TroupeClientError, signal: AbortSignal | undefined): Promise<void>;
}

export function createBackoff(options: RetryOptions, random: () => number = Math.random): RetryPacing {
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
        // Aborted between two tries. We do not know what the earlier tries have done.
        throw cancelledBy(signal, 'unknown');
      });
    },
  };
}

/** Runs a call, and retries it as far as `safety` permits. Rejects with the last error. */
export async function withRetries<T>(
  backoff: RetryPacing,
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

/**
 * True if the call may be repeated. A passed deadline is not retried, because the caller set it. A version conflict is
 * not retried, because the caller must read the queue again.
 */
export function mayRepeat(error: unknown, safety: RepeatSafety): error is TroupeClientError {
  if (!(error instanceof TroupeClientError) || !error.retryable) return false;
  if (error.code === 'CALL_DEADLINE_EXCEEDED' || error.code === 'QUEUE_VERSION_CONFLICT') return false;
  return safety === 'always' || error.outcome === 'none';
}
