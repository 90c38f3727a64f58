/**
 * One piece of the bench in a process of its own, so that nobody's garbage or event loop is part of another's figure.
 * A file calls `serveTask` with its work; `runTask` forks that file, hands it the input and resolves with the result.
 * Started by hand (`node bench/limits/piscina-dispatch.ts`) a file takes its input as JSON argument, and prints.
 */
import { fork, type Serializable } from 'node:child_process';
import { argv } from 'node:process';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import type { Teardown } from './teardown.ts';

type Reply = { readonly ok: unknown } | { readonly error: string };

/** `never`: what comes over the wire is what the file asks for; the two ends share the type of the input. */
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
  // The parent is gone: nobody waits for the result.
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

/** Rejects when the task fails, dies or takes longer than `timeoutMs`; the process is gone when this settles. */
export async function runTask<O>(file: URL, input: unknown, { teardown, timeoutMs }: TaskOptions): Promise<O> {
  const child = fork(fileURLToPath(file), [], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    execArgv: ['--disable-warning=ExperimentalWarning'],
    // Ctrl-C reaches the bench alone, which then ends everything in its own order.
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
