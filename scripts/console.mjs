// `npm run console`: the web console in `build/console`, or in the folder that is named. `npm start`, `npm test` and `npm run
// package` build it too; when nothing has changed, that takes some milliseconds. Plain JavaScript for Node 18.
//
// Names have a hash of what is in them, so browsers may keep the files for ever. Each file has a form for brotli and one for gzip.
import { createHash } from 'crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'fs';
import { basename, dirname, join, resolve } from 'path';
import { fileURLToPath, pathToFileURL } from 'url';
import { Buffer } from 'buffer';
import { brotliCompressSync, constants, gzipSync } from 'zlib';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const sources = join(root, 'console');
/** A file that nobody asks for: what the console was built from. */
const stampName = '.sources';

function filesBelow(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? filesBelow(path) : [path];
  });
}

/** Of all that goes in: the sources, this script, and the packages. */
function stampOfSources() {
  const hash = createHash('sha256');
  const manifests = ['preact', '@preact/signals', '@preact/signals-core', 'esbuild'].map((name) =>
    join(root, 'node_modules', name, 'package.json'),
  );
  for (const file of [fileURLToPath(import.meta.url), ...manifests, ...filesBelow(sources).sort()]) {
    if (existsSync(file)) hash.update(file.slice(root.length)).update('\0').update(readFileSync(file)).update('\0');
  }
  return hash.digest('hex');
}

function writeForms(path, body) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, body);
  const quality = { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY };
  writeFileSync(`${path}.br`, brotliCompressSync(body, { params: quality }));
  writeFileSync(`${path}.gz`, gzipSync(body, { level: 9 }));
}

/** The page, with the hashed names in place of those of the sources. */
function pageWith(outputs) {
  let page = readFileSync(join(sources, 'index.html'), 'utf8');
  for (const { path } of outputs) {
    const name = basename(path);
    page = page.replace(name.replace(/-[0-9A-Z]{8}\./, '.'), name);
  }
  return page;
}

/** Replaces the folder in one step: whoever serves it never sees a half of it. */
function put(draft, target) {
  const former = `${draft}-former`;
  if (existsSync(target)) renameSync(target, former);
  renameSync(draft, target);
  rmSync(former, { recursive: true, force: true });
}

/** Returns whether it was built, so not if it was there already. */
export async function buildConsole(target = join(root, 'build', 'console')) {
  const stamp = stampOfSources();
  const stampFile = join(target, stampName);
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return false;
  const { build } = await import('esbuild');
  const { outputFiles } = await build({
    entryPoints: { main: join(sources, 'src', 'main.tsx'), page: join(sources, 'src', 'style', 'page.css') },
    outdir: join(sources, 'out'),
    bundle: true,
    splitting: true,
    format: 'esm',
    target: ['es2022', 'chrome111', 'firefox114', 'safari16.4'],
    minify: true,
    write: false,
    entryNames: '[name]-[hash]',
    chunkNames: 'part-[hash]',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    legalComments: 'none',
    define: { 'process.env.NODE_ENV': '"production"' },
    logLevel: 'warning',
  });
  const draft = `${target}-${process.pid}`;
  rmSync(draft, { recursive: true, force: true });
  for (const { path, contents } of outputFiles) writeForms(join(draft, basename(path)), contents);
  writeForms(join(draft, 'index.html'), Buffer.from(pageWith(outputFiles)));
  writeForms(join(draft, 'icon.svg'), readFileSync(join(sources, 'icon.svg')));
  writeFileSync(join(draft, stampName), stamp);
  put(draft, target);
  return true;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(resolve(process.argv[1])).href) {
  const target = process.argv[2] === undefined ? undefined : resolve(process.argv[2]);
  await buildConsole(target);
}
