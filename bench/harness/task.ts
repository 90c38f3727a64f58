/**
 * Runs one piece of the bench in its own process, so that garbage and event loop of one piece do not affect another. A
 * file calls `serveTask` with its work. `runTask` forks that file, passes the input and resolves to the result. Run by
 * hand (`node bench/limits/piscina-dispatch.ts`), a file takes its input as a JSON argument and prints the result.
 */
import { fork, type Serializable } from 'node:child_process';
import { argv } from 'node:process';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import type { Teardown } from './teardown.ts';

type Reply = { readonly ok: unknown } | { readonly error: string };

/** Serves one task. The input has the type `never`, because it comes over IPC: the two ends agree on its type. */
export function serveTask(work: (input: never) => Promise<unknown>): void {
  if (process.send === undefined) {
    const input = JSON.parse(argv[2] ?? '{}') as never;
    void work(input).then((result) => {
      console.log(JSON.stringify(result, undefined, 2));
    });
    return;
  }
  const reply = (message: Reply): void => {
    process.send?.(message, () => {
      process.disconnect();
    });
  };
  // The parent has exited, so nobody waits for the result.
  process.once('disconnect', () => process.exit());
  process.once('message', (input: Serializable) => {
    work(input as never).then(
      (ok) => reply({ ok }),
      (error: unknown) => reply({ error: inspect(error) }),
    );
  });
}

export interface TaskOptions {
  readonly teardown: Teardown;
  readonly timeoutMs: number;
}

/** Runs a task. Rejects if it fails, dies or takes longer than `timeoutMs`. The process has ended when this settles. */
export async function runTask<O>(file: URL, input: unknown, { teardown, timeoutMs }: TaskOptions): Promise<O> {
  const child = fork(fileURLToPath(file), [], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    execArgv: ['--disable-warning=ExperimentalWarning'],
    // Ctrl-C must reach only the bench, which then stops everything in order.
    detached: true,
  });
  const kill = (): void => void child.kill('SIGKILL');
  const forget = teardown.add(kill);
  const timer = setTimeout(kill, timeoutMs);
  try {
    return await new Promise<O>((resolve, reject) => {
      child.once('message', (reply: Reply) => {
        if ('ok' in reply) resolve(reply.ok as O);
        else reject(new Error(`${file.pathname}: ${reply.error}`));
      });
      child.once('error', reject);
      child.once('exit', (code, signal) => {
        reject(new Error(`${file.pathname} ended with ${signal ?? `code ${String(code)}`} and no result`));
      });
      child.send(input as Serializable);
    });
  } finally {
    clearTimeout(timer);
    kill();
    forget();
  }
}
