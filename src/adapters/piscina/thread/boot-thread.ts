/**
 * Imports handler files one by one and reports what they define. If a file kills or blocks the thread, the last
 * `importing` report names it.
 */
import { parentPort, workerData } from 'node:worker_threads';
import type { HandlerManifest } from '../../../domain/handler-manifest.ts';
import { isHandler } from '../../../handlers/definition.ts';
import { describeThrown } from '../../../handlers/execution.ts';
import { manifestOf } from '../../../handlers/manifest.ts';
import { settleCompileCache } from '../protocol/compile-cache.ts';
import { guardInspector } from './inspector-guard.ts';
import { installModuleHooks } from './module-hooks.ts';
import type { Sources } from '../protocol/thread-messages.ts';

export interface BootSetup {
  readonly files: readonly string[];
  readonly sources: Sources;
  /** One Int32. It counts the `importing` reports that have surely left this process. */
  readonly told: SharedArrayBuffer;
}

/** `url` is the handler's file. */
export type BootReport =
  | { readonly kind: 'importing'; readonly url: string }
  | { readonly kind: 'imported'; readonly url: string; readonly manifest: HandlerManifest }
  | { readonly kind: 'broken'; readonly url: string; readonly reason: string }
  | { readonly kind: 'finished' };

/** If it takes longer, the parent is stuck, and we go on with the import. */
const toldMaxMs = 5_000;

const setup = workerData as BootSetup;
const told = new Int32Array(setup.told);
settleCompileCache();
guardInspector();
installModuleHooks(setup.sources);

for (const url of setup.files) {
  announce(url);
  report(await importHandler(url));
}
report({ kind: 'finished' });

/**
 * Reports a file before its import. The import may kill the process, and the parent must then know which file it was.
 */
function announce(url: string): void {
  const before = Atomics.load(told, 0);
  report({ kind: 'importing', url });
  Atomics.wait(told, 0, before, toldMaxMs);
}

async function importHandler(url: string): Promise<BootReport> {
  if (/\.c[jt]s$/.test(url)) {
    return {
      kind: 'broken',
      url,
      reason: 'it is CommonJS, but a handler must be an ES module: .ts, .mts, .js or .mjs',
    };
  }
  try {
    const exports = (await import(url)) as { readonly default?: unknown };
    if (!isHandler(exports.default)) {
      return { kind: 'broken', url, reason: 'it has no default export made by defineHandler' };
    }
    return { kind: 'imported', url, manifest: manifestOf(exports.default) };
  } catch (thrown) {
    return { kind: 'broken', url, reason: reasonOf(thrown) };
  }
}

/** A syntax error names its place only in its stack. */
function reasonOf(thrown: unknown): string {
  if (!(thrown instanceof SyntaxError)) return describeThrown(thrown);
  const where = thrown.stack?.split('\n', 1)[0] ?? '';
  return `syntax error: ${describeThrown(thrown)}${where.startsWith('file:') ? ` at ${where}` : ''}`;
}

function report(message: BootReport): void {
  parentPort?.postMessage(message);
}
