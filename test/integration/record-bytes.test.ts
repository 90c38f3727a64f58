/** The estimate of the heap that a job takes is compared with a real heap, in a process of its own. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const script = fileURLToPath(new URL('../support/heap-of-jobs.ts', import.meta.url));

it.each([
  ['without texts', 'bare'],
  ['with an input of 1,000 characters', 'input'],
  ['with eight labels and all keys', 'labels'],
])('a waiting job %s takes about what is estimated, and not much more', { timeout: 120_000 }, (_what, kind) => {
  const out = execFileSync(process.execPath, ['--expose-gc', script, kind], { encoding: 'utf8' });
  const { heap, estimated } = JSON.parse(out) as { readonly heap: number; readonly estimated: number };
  expect(heap).toBeGreaterThan(0.5 * estimated);
  expect(heap).toBeLessThan(1.1 * estimated);
});
