/**
 * The life of a process of the cluster, the same for `dev` and `serve`: from its first line to its exit code. Whatever
 * ends it, it says so in one line of its log and ends: what an error left open, and what a library forgot, holds it no
 * longer than `lastWordsMs`.
 */
import type { FlushableLogger } from '../adapters/telemetry/logger.ts';
import { StartStopped } from '../compose/start-steps.ts';
import { TroupeError } from '../domain/errors.ts';
import { ListenError } from '../gateway/listen-error.ts';
import { explainError } from './explain-error.ts';
import { exitCodeOf, exitCodes } from './exit-code.ts';
import type { Terminal } from './terminal.ts';

/** For timers and sockets that a library forgot: they are nobody's work. */
const lastWordsMs = 1_000;

/** Resolves with the exit code; the process ends with it, once its caller has set it. */
export async function liveAndDie(
  { log, terminal }: { readonly log: FlushableLogger; readonly terminal: Terminal },
  live: (stop: AbortSignal) => Promise<number>,
): Promise<number> {
  const stop = stopSignal();
  lastWords(log);
  try {
    return await live(stop);
  } catch (error) {
    if (error instanceof StartStopped) return exitCodes.ok;
    const exitCode = exitCodeOfLife(error);
    log.error({ event: 'process.failed', err: error, exitCode }, 'this process ends');
    terminal.err(`troupe: ${explainError(error)}\n`);
    return exitCode;
  } finally {
    log.flush();
    setTimeout(() => process.exit(), lastWordsMs).unref();
  }
}

/** The first SIGINT or SIGTERM asks to stop; the next one does not ask. */
function stopSignal(): AbortSignal {
  const controller = new AbortController();
  const onSignal = (): void => {
    if (controller.signal.aborted) process.exit(exitCodes.interrupted);
    controller.abort();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return controller.signal;
}

/** After an error that nobody caught nothing is known of the state of this process. The record is in the store. */
function lastWords(log: FlushableLogger): void {
  process.on('uncaughtException', (error: unknown, origin) => {
    const exitCode = exitCodes.startAgain;
    log.error({ event: 'process.died', err: error, origin, exitCode }, 'an error that nobody caught ends this process');
    log.flush();
    process.exit(exitCode);
  });
  // Such as listeners that only grow.
  process.on('warning', (warning) => {
    log.warn({ event: 'process.warning', err: warning }, 'the runtime warns');
  });
}

/** What must be changed before the next start, or else: start it again. */
function exitCodeOfLife(error: unknown): number {
  if (error instanceof ListenError) return exitCodes.usage;
  const exitCode = exitCodeOf(error);
  if (exitCode === exitCodes.usage) return exitCode;
  return exitCode === exitCodes.internal && error instanceof TroupeError ? exitCode : exitCodes.startAgain;
}

export function aborted(signal: AbortSignal): Promise<'stopped'> {
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => {
      resolve('stopped');
    });
    if (signal.aborted) resolve('stopped');
  });
}
