/** Files that run in a process or thread of their own: `.ts` when run from source, `.js` when built. */
import { fileURLToPath } from 'node:url';

export function entryPath(name: 'cell/cell-main' | 'thread/thread-main' | 'thread/boot-thread'): string {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  return fileURLToPath(new URL(`../${name}.${extension}`, import.meta.url));
}
