#!/usr/bin/env node
// Entry of `npx troupe`: runs the CLI on a Node that is new enough, in this process if it is, else on the one in
// node_modules. From a checkout the TypeScript runs as it is; an installed package has no TypeScript, but `dist`.
// Its exit codes are those of docs/reference/exit-codes.md; a child that a signal ended is 128 and the signal's number.
import { spawn } from 'child_process';
import { existsSync } from 'fs';
import { constants } from 'os';
import { dirname, join } from 'path';
import { fileURLToPath } from 'url';
import { keepCompiledCode } from './compile-cache.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const carriedNode = join(root, 'node_modules', 'node', 'bin', 'node');
const source = join(root, 'src', 'cli', 'main.ts');
const built = join(root, 'dist', 'cli', 'main.js');

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
const wrongUsage = 2;
const isNewEnough = major > 22 || (major === 22 && minor >= 18);

/** What grpc-js makes Node say of every address that is a number: it names the address to the server as it would a host. */
const addressAsServerName = 'DEP0123';

/** node:sqlite, type stripping and grpc-js announce themselves on every start; users did not choose them and can do nothing. */
function silenceWarnings() {
  const emitWarning = process.emitWarning;
  process.emitWarning = (warning, ...rest) => {
    const type = typeof rest[0] === 'string' ? rest[0] : rest[0]?.type;
    if (type === 'ExperimentalWarning' || warning?.name === 'ExperimentalWarning') return;
    if (rest[1] === addressAsServerName) return;
    emitWarning.call(process, warning, ...rest);
  };
}

/** The terminal sends Ctrl-C to both; a signal sent to this process alone is passed on, and the child decides. */
function runOn(node) {
  const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: 'inherit' });
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  child.on('error', (error) => {
    process.stderr.write(`troupe: cannot run ${node}: ${error.message}\n`);
    process.exit(wrongUsage);
  });
  child.on('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
}

/** Read by glibc when a process starts: few arenas, and thresholds that do not grow. The Dockerfile has the same. */
const allocatorEnv = { MALLOC_ARENA_MAX: '2', MALLOC_MMAP_THRESHOLD_: '131072', MALLOC_TRIM_THRESHOLD_: '131072' };
/**
 * Read by V8 when a process starts: the room for new objects, in MiB. While V8 copies what is still in use out of it,
 * nothing else happens, and without a limit it grows until that takes some 20 ms. What it costs and gives is in
 * docs/reference/performance.md.
 */
const newSpaceOption = '--max-semi-space-size=4';

/**
 * What stays begins anew with them, as the same process (pid, files and arguments): without the first, memory that a peak
 * of large answers took is never given back. Settings of the user stay, and where Node cannot do it, all stays as it is.
 */
function beginAnewWithMemorySettings() {
  const stays = ['dev', 'serve'].includes(process.argv[2]);
  if (!stays || process.platform !== 'linux' || !process.execve || process.channel) return;
  const hasAllocator = Object.keys(allocatorEnv).some((name) => process.env[name] !== undefined);
  const options = [...process.execArgv, process.env.NODE_OPTIONS ?? ''];
  const hasNewSpace = options.some((option) => /semi[-_]space/.test(option));
  if (hasAllocator && hasNewSpace) return;
  const args = [...(hasNewSpace ? [] : [newSpaceOption]), ...process.execArgv, ...process.argv.slice(1)];
  process.execve(process.execPath, [process.execPath, ...args], {
    ...(hasAllocator ? {} : allocatorEnv),
    ...process.env,
  });
}

if (isNewEnough) {
  silenceWarnings();
  beginAnewWithMemorySettings();
  keepCompiledCode();
  const isCheckout = existsSync(source) && !root.split(/[\\/]/).includes('node_modules');
  const { runProcess } = await import(isCheckout ? source : built);
  await runProcess(process.argv.slice(2));
} else if (existsSync(carriedNode)) {
  runOn(carriedNode);
} else {
  process.stderr.write(`troupe: Node ${process.version} is too old; install Node 22.18 or later, or run \`npm ci\`\n`);
  process.exitCode = wrongUsage;
}
