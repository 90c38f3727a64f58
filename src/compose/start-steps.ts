/**
 * The way in of a process, which may be cut short: a step may fail, and a person may have thought better of it. Whatever
 * was opened by then is closed, the last first, for `closeMaxMs` at most; what is still open then ends with the process.
 */

import type { HandlerNewsListener } from '../application/ports/handler-news.ts';
import type { HandlerVariables } from '../domain/handler-variables.ts';

export const startSteps = ['store', 'bus', 'actors', 'workers', 'queues', 'gateway', 'scaler', 'probes'] as const;
export type StartStep = (typeof startSteps)[number];

export interface StartOptions {
  /** Aborted: stop starting. */
  readonly stop?: AbortSignal;
  /** What handlers see in `process.env`, and what they were meant to see. Absent: nothing. */
  readonly handlerVariables?: HandlerVariables;
  /** Told of reloads of handlers, and of what they say. */
  readonly onHandlerNews?: HandlerNewsListener;
  /** For tests: called as each step begins, and may throw in its place. */
  readonly onStep?: (step: StartStep) => void;
}

type Close = () => Promise<void> | void;

const closeMaxMs = 2_000;

/** Somebody asked to stop before there was anything to drain. */
export class StartStopped extends Error {
  override readonly name = 'StartStopped';
}

export class Opened {
  readonly #closes: Close[] = [];
  readonly #options: StartOptions;

  constructor(options: StartOptions) {
    this.#options = options;
  }

  begin(step: StartStep): void {
    if (this.#options.stop?.aborted === true) throw new StartStopped();
    this.#options.onStep?.(step);
  }

  push(close: Close): void {
    this.#closes.push(close);
  }

  /** The last first. */
  async close(): Promise<void> {
    for (const close of this.#closes.reverse()) await close();
  }

  /** As far as it goes in the time there is. */
  async abandon(): Promise<void> {
    const closes = this.#closes.reverse();
    await atMost(closeMaxMs, async () => {
      for (const close of closes) await Promise.resolve(close()).catch(() => undefined);
    });
  }
}

/** Rejects with StartStopped as soon as `stop` is aborted; what the work opens after that ends with the process. */
export async function unlessStopped<T>(stop: AbortSignal | undefined, work: Promise<T>): Promise<T> {
  if (stop === undefined) return work;
  const stopped = Promise.withResolvers<never>();
  const onAbort = (): void => {
    stopped.reject(new StartStopped());
  };
  stop.addEventListener('abort', onAbort);
  if (stop.aborted) onAbort();
  try {
    return await Promise.race([work, stopped.promise]);
  } finally {
    stop.removeEventListener('abort', onAbort);
  }
}

/** Resolves when the work has, or the time is over, or the work has failed. */
export async function atMost(ms: number, work: () => Promise<unknown>): Promise<void> {
  const late = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => {
    late.resolve(undefined);
  }, ms);
  await Promise.race([work().catch(() => undefined), late.promise]);
  clearTimeout(timer);
}
