/**
 * A sleeper that an announcement, a timeout or the end of the call wakes. An announcement that arrives while nobody
 * sleeps shortens the next sleep.
 */
import type { Clock } from '../ports/runtime.ts';

export interface WakeUp {
  wake(): void;
  /**
   * Ends on an announcement, after `ms`, or when the signal aborts. With `deaf`, announcements do not end it; they are
   * kept for the next sleep.
   */
  sleep(ms: number, options?: { readonly deaf: boolean }): Promise<void>;
  close(): void;
}

export function createWakeUp(clock: Clock, signal: AbortSignal | undefined): WakeUp {
  let news = false;
  let deaf = false;
  let end: (() => void) | undefined;

  const onAbort = (): void => end?.();
  signal?.addEventListener('abort', onAbort);

  return {
    wake() {
      news = true;
      if (!deaf) end?.();
    },
    sleep(ms, options = { deaf: false }) {
      deaf = options.deaf;
      if (signal?.aborted === true || (news && !deaf)) {
        news = false;
        return Promise.resolve();
      }
      return new Promise((resolve) => {
        const cancelTimer = clock.setTimer(ms, () => end?.());
        end = () => {
          end = undefined;
          cancelTimer();
          if (!deaf) news = false;
          resolve();
        };
      });
    },
    close() {
      signal?.removeEventListener('abort', onAbort);
      end?.();
    },
  };
}
