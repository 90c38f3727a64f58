/** Test handlers in several versions, each in its own folder, as a deployment would bring them. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { clusterHandlersDir } from './cluster.ts';

export interface HandlerSource {
  readonly name: string;
  readonly version: string;
  /** A zod expression for the input that this version accepts. */
  readonly input: string;
  /** How long it works, in ms. It can be cancelled meanwhile. */
  readonly workMs?: number;
}

/**
 * Creates a folder with these handlers. Each writes its attempts to the ledger named in its input and returns its
 * version.
 */
export async function handlerFolder(parent: string, handlers: readonly HandlerSource[]): Promise<string> {
  const dir = join(parent, `handlers-${handlers.map(({ name, version }) => `${name}-${version}`).join('-')}`);
  await mkdir(dir, { recursive: true });
  await Promise.all(handlers.map((handler, n) => writeFile(join(dir, `handler-${n}.job.ts`), sourceOf(handler))));
  return dir;
}

function sourceOf({ name, version, input, workMs = 5 }: HandlerSource): string {
  return `
    import { defineHandler } from 'troupe/handlers';
    import { z } from 'zod';
    import { note } from '${clusterHandlersDir}/ledger.ts';
    export default defineHandler({
      name: '${name}', version: '${version}', input: ${input},
      async run({ ledger }: { ledger: string }, ctx): Promise<{ version: string }> {
        note(ledger, ctx, 'start');
        const endMs = performance.now() + ${workMs};
        while (performance.now() < endMs) {
          ctx.throwIfCancelled();
          await new Promise((resolve) => setTimeout(resolve, 1));
        }
        note(ledger, ctx, 'end');
        return { version: '${version}' };
      },
    });`;
}
