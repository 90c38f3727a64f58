/**
 * How handler files are resolved and read in the threads of a cell.
 * - Code comes from the snapshot of its generation, not from the disk. So a replaced thread or a restarted cell runs
 *   the code that its generation began with.
 * - A relative import of `./a.js` finds `./a.ts` when there is no `./a.js`, as in TypeScript.
 * - `troupe/handlers` and `zod` are found even when the handler's own folder has nothing installed.
 */
import { registerHooks } from 'node:module';
import type { Sources } from '../protocol/thread-messages.ts';
import { given } from '../../../domain/given.ts';

const suppliedPattern = /^(troupe\/handlers|troupe\/handlers\/testing|zod|zod\/.+)$/;

export function installModuleHooks(sources: Sources): void {
  registerHooks({
    resolve(specifier, context, nextResolve) {
      const url = writtenUrl(snapshotUrl(specifier, context.parentURL), sources);
      if (url !== undefined) {
        const format = formatOf(url);
        return { url, shortCircuit: true, ...given({ format }) };
      }
      try {
        return nextResolve(specifier, context);
      } catch (error) {
        if (!suppliedPattern.test(specifier)) throw error;
        return nextResolve(specifier, { ...context, parentURL: import.meta.url });
      }
    },
    load(url, context, nextLoad) {
      const source = sources.get(url);
      if (source === undefined) return nextLoad(url, context);
      return { format: formatOf(url) ?? context.format ?? 'module', source, shortCircuit: true };
    },
  });
}

function snapshotUrl(specifier: string, parentUrl: string | undefined): string | undefined {
  if (specifier.startsWith('file:')) return specifier;
  if (!specifier.startsWith('.') || parentUrl === undefined) return undefined;
  return URL.parse(specifier, parentUrl)?.href;
}

/** The file that is meant, if it is in the snapshot. TypeScript (NodeNext) also writes `./a.js` for `./a.ts`. */
function writtenUrl(url: string | undefined, sources: Sources): string | undefined {
  if (url === undefined || sources.has(url)) return url;
  const typed = url.replace(/\.([cm]?)js$/, '.$1ts');
  return sources.has(typed) ? typed : undefined;
}

/** Undefined for `.js`, because its format depends on the nearest package.json. Without one it counts as a module. */
function formatOf(url: string): string | undefined {
  if (url.endsWith('.ts') || url.endsWith('.mts')) return 'module-typescript';
  if (url.endsWith('.cts')) return 'commonjs-typescript';
  if (url.endsWith('.mjs')) return 'module';
  if (url.endsWith('.cjs')) return 'commonjs';
  if (url.endsWith('.json')) return 'json';
  return undefined;
}
