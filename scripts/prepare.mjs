// npm runs this after an install in a checkout, and when another project installs the checkout (`npm i ../troupe`): the
// declarations that such a project's compiler reads in place of the sources, whose imports end in `.ts`. Plain JavaScript
// for Node 18. Without the compiler (an install without development packages) there is nothing to do. The console is built
// for the gateway of a checkout.
import { spawnSync } from 'child_process';
import { existsSync } from 'fs';
import { join } from 'path';
import { fileURLToPath } from 'url';

const root = fileURLToPath(new URL('..', import.meta.url));
const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');

if (existsSync(tsc)) {
  const run = spawnSync(process.execPath, [tsc, '-p', join(root, 'tsconfig.types.json')], { stdio: 'inherit' });
  process.exitCode = run.status ?? 1;
  const { buildConsole } = await import('./console.mjs');
  await buildConsole();
}
