/**
 * The life cycle of `dev` and `serve`, from the first log line to the exit code. Whatever ends the process, it logs one
 * line and exits. Handles that an error or a library has left open delay the exit by at most `lastWordsMs`.
 */
import type { FlushableLogger } from '../../adapters/telemetry/logger.ts';
import { StartStopped } from '../../compose/start-steps.ts';
import { TroupeError } from '../../domain/errors.ts';
import { ListenError } from '../../gateway/listen-error.ts';
import { explainError } from '../errors/explain-error.ts';
import { exitCodeOf, exitCodes } from '../errors/exit-code.ts';
import type { Terminal } from '../text/terminal.ts';

/** Grace for timers and sockets that a library left open. */
const lastWordsMs = 1_000;

/** Runs a node. Resolves to the exit code, with which the process exits once the caller has set it. */
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
    log.error({ event: 'process.failed', err: error, exitCode }, 'the process ends');
    terminal.err(`troupe: ${explainError(error)}\n`);
    return exitCode;
  } finally {
    log.flush();
    setTimeout(() => process.exit(), lastWordsMs).unref();
  }
}

/** The first SIGINT or SIGTERM requests a stop. The next one exits at once. */
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

/** After an uncaught error the state of this process is unknown, so it exits. All durable state is in the store. */
function lastWords(log: FlushableLogger): void {
  process.on('uncaughtException', (error: unknown, origin) => {
    const exitCode = exitCodes.startAgain;
    log.error({ event: 'process.died', err: error, origin, exitCode }, 'an uncaught error ends the process');
    log.flush();
    process.exit(exitCode);
  });
  // For example a listener leak.
  process.on('warning', (warning) => {
    log.warn({ event: 'process.warning', err: warning }, 'warning of the runtime');
  });
}

/** Errors of configuration must be fixed before the next start. After all others the process should be restarted. */
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
