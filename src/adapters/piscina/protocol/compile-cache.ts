/**
 * Shares Node's compile cache with the processes and threads that this one starts. The cache holds the compiled code of
 * modules, and their JavaScript where types were stripped, so that a start costs about half the CPU. It is only used if
 * this process has one: scripts/troupe.mjs enables it, and so does the variable of Node.
 */
import { flushCompileCache, getCompileCacheDir } from 'node:module';
import { dirname } from 'node:path';
import { ownVariables } from './own-variables.ts';

const variable = 'NODE_COMPILE_CACHE';

/** What the environment of a new process or thread must hold to use the cache. Empty if there is none. */
export function compileCacheEnv(): Readonly<Record<string, string>> {
  // Node adds a folder for its version itself.
  const folder = getCompileCacheDir();
  return folder === undefined ? {} : { [variable]: dirname(folder) };
}

/**
 * Call it once the modules of this process or thread are loaded. It writes what is new, because a cell or thread that
 * is killed writes nothing, and it removes the variable, because handlers see only those that were chosen for them.
 */
export function settleCompileCache(): void {
  flushCompileCache();
  Reflect.deleteProperty(ownVariables, variable);
}
