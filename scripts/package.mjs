// `npm run package`: the npm package in `build/package` (or in the folder that is named), ready for `npm pack` or `npm
// publish`. Node runs no TypeScript below node_modules, so an installed Troupe is compiled; a checkout runs as it is,
// and its `exports` name the sources.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildConsole } from './console.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const target = resolve(process.argv[2] ?? join(root, 'build', 'package'));
/** Only the examples need them, and those stay in the repository. */
const exampleDependencies = new Set(['jpeg-js', 'pngjs']);

const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');

rmSync(target, { recursive: true, force: true });
mkdirSync(target, { recursive: true });
// `npm test` and `npm run typecheck` check the types. Here they are only taken out.
const compiled = spawnSync(
  process.execPath,
  [tsc, '-p', join(root, 'tsconfig.build.json'), '--noCheck', '--outDir', join(target, 'dist')],
  { stdio: 'inherit' },
);
if (compiled.status !== 0) process.exit(1);
for (const file of ['proto', 'README.md', 'CHANGELOG.md', 'LICENSE']) {
  cpSync(join(root, file), join(target, file), { recursive: true });
}
await buildConsole(join(target, 'console'));
// It only tells a checkout when to build anew.
rmSync(join(target, 'console', '.sources'));
mkdirSync(join(target, 'scripts'));
for (const file of ['troupe.mjs', 'compile-cache.mjs']) {
  cpSync(join(root, 'scripts', file), join(target, 'scripts', file));
}

const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const { name, version, description, license, type, engines, bin } = manifest;
const exports = Object.fromEntries(
  Object.entries(manifest.exports).map(([path, entry]) => [
    path,
    typeof entry === 'string' ? entry : built(entry.default),
  ]),
);
const dependencies = Object.fromEntries(
  Object.entries(manifest.dependencies).filter(([dependency]) => !exampleDependencies.has(dependency)),
);
const published = { name, version, description, license, type, engines, bin, exports, dependencies };
writeFileSync(join(target, 'package.json'), `${JSON.stringify(published, undefined, 2)}\n`);
console.log(`${name} ${version} is in ${target}`);

/** `./src/handlers/index.ts` → its compiled form and its types. */
function built(file) {
  const stem = file.replace('./src/', './dist/').replace(/\.ts$/, '');
  return { types: `${stem}.d.ts`, default: `${stem}.js` };
}
