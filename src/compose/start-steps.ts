/**
 * The start of a process, which may be cut short because a step fails or because somebody stops it. Everything that was
 * opened by then is closed in reverse order, for at most `closeMaxMs`. What is still open then ends with the process.
 */

import type { HandlerNewsListener } from '../application/ports/handler-news.ts';
import type { HandlerVariables } from '../domain/handler-variables.ts';
import type { openStore } from './store.ts';

export const startSteps = ['store', 'bus', 'actors', 'workers', 'queues', 'gateway', 'scaler', 'probes'] as const;
export type StartStep = (typeof startSteps)[number];

export interface StartOptions {
  /** Aborts the start. */
  readonly stop?: AbortSignal;
  /** What handlers see in `process.env`, and the variables that are missing. Default: nothing. */
  readonly handlerVariables?: HandlerVariables;
  /** Receives reloads of handlers and their log lines. */
  readonly onHandlerNews?: HandlerNewsListener;
  /** For the bench: opens another store than the configuration names. */
  readonly openStore?: typeof openStore;
  /** For tests: called when each step begins. If it throws, the step fails. */
  readonly onStep?: (step: StartStep) => void;
}

type Close = () => Promise<void> | void;

const closeMaxMs = 2_000;

/** The process was stopped before there was anything to drain. */
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

  /** Closes in reverse order. */
  async close(): Promise<void> {
    for (const close of this.#closes.reverse()) await close();
  }

  /** Closes as much as possible within `closeMaxMs`. */
  async abandon(): Promise<void> {
    const closes = this.#closes.reverse();
    await atMost(closeMaxMs, async () => {
      for (const close of closes) await Promise.resolve(close()).catch(() => undefined);
    });
  }
}

/** Rejects with StartStopped as soon as `stop` aborts. What the work opens afterwards ends with the process. */
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

/** Resolves when the work is done, when it has failed, or when the time is over. */
export async function atMost(ms: number, work: () => Promise<unknown>): Promise<void> {
  const late = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => {
    late.resolve(undefined);
  }, ms);
  await Promise.race([work().catch(() => undefined), late.promise]);
  clearTimeout(timer);
}
