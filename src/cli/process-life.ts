/** From the first line of a process to the signal that ends it; the same for `dev` and `serve`. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { exitCodes } from './exit-code.ts';

/** Two folders above the sources and above the built files alike. */
export const packageRoot = fileURLToPath(new URL('../../', import.meta.url));

export function packageVersion(): string {
  const { version } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as { version: string };
  return version;
}

/** The first SIGINT or SIGTERM asks to stop; the next one does not ask. */
export function stopSignal(): AbortSignal {
  const controller = new AbortController();
  const onSignal = (): void => {
    if (controller.signal.aborted) process.exit(exitCodes.interrupted);
    controller.abort();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return controller.signal;
}

/** For timers that a library forgot. */
const lastWordsMs = 1_000;

/**
 * To be called when all is closed: a process with nothing left to do ends by itself, with the exit code that was set; what
 * still holds it then is nobody's work. (cassandra-driver 4.10 keeps the timers of a host that went and came back.)
 */
export function endSoon(): void {
  setTimeout(() => process.exit(), lastWordsMs).unref();
}

export function aborted(signal: AbortSignal): Promise<'stopped'> {
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => {
      resolve('stopped');
    });
    if (signal.aborted) resolve('stopped');
  });
}
