/**
 * Files with credentials that are replaced while the process runs: vault agents, cert-manager and Kubernetes write them
 * anew. They are read again at an interval, since a watch of the file system misses what is mounted or renamed.
 */
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Clock, Logger } from '../../application/ports/runtime.ts';

export interface FollowedFilesOptions<Name extends string, Value> {
  /** The files by name. All of them make one value. */
  readonly paths: Readonly<Record<Name, string>>;
  /**
   * Makes the value, and throws if the files do not make one: perhaps only one file of two is written yet. The former value
   * then stays.
   */
  readonly parse: (files: Readonly<Record<Name, Buffer>>) => Value;
  readonly clock: Pick<Clock, 'setTimer'>;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  /** Default: 10 s. */
  readonly intervalMs?: number;
}

export interface FollowedFiles<Value> {
  readonly current: () => Value;
  /** Calls the listener with the present value, and with each later one until the returned function is called. */
  follow(listener: (value: Value) => void): () => void;
  /** Reads no more. Idempotent. */
  stop(): void;
}

/** Reads the files at once. Throws if one cannot be read, or if they do not make a value. */
export function followFiles<Name extends string, Value>(
  options: FollowedFilesOptions<Name, Value>,
): FollowedFiles<Value> {
  const { parse, clock, log, intervalMs = 10_000 } = options;
  const paths = Object.entries(options.paths) as [Name, string][];
  /** A list, because a field named `token` is redacted in the log. */
  const names = paths.map(([, path]) => path);
  const listeners = new Set<(value: Value) => void>();
  /** In the order of `paths`. */
  let contents: readonly Buffer[] = paths.map(([, path]) => readFileSync(path));
  let value = parse(named(contents));
  /** What was refused last, so that it is said once. */
  let refused = '';
  let stopped = false;
  let cancelTimer = clock.setTimer(intervalMs, readAgain);

  function named(all: readonly Buffer[]): Readonly<Record<Name, Buffer>> {
    // Unchecked cast: every name of `paths` has an entry.
    return Object.fromEntries(paths.map(([name], index) => [name, all[index]])) as Record<Name, Buffer>;
  }

  async function look(): Promise<void> {
    const read = await Promise.all(paths.map(([, path]) => readFile(path)));
    if (stopped) return;
    if (read.every((content, index) => contents[index]?.equals(content))) {
      // They may have been others for a while, and may be again.
      refused = '';
      return;
    }
    value = parse(named(read));
    contents = read;
    refused = '';
    log.info({ event: 'credential.renewed', paths: names }, 'a credential was renewed');
    for (const listener of listeners) listener(value);
  }

  function readAgain(): void {
    look()
      .catch((error: unknown) => {
        const why = error instanceof Error ? error.message : String(error);
        if (why === refused) return;
        refused = why;
        log.warn(
          { event: 'credential.refused', paths: names, reason: why },
          'a new credential cannot be used; the former one stays',
        );
      })
      .finally(() => {
        if (!stopped) cancelTimer = clock.setTimer(intervalMs, readAgain);
      });
  }

  return {
    current: () => value,
    follow(listener) {
      listeners.add(listener);
      listener(value);
      return () => listeners.delete(listener);
    },
    stop() {
      stopped = true;
      cancelTimer();
    },
  };
}
