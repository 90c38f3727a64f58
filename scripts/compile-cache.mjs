/**
 * Compiled code, and JavaScript whose types were stripped, lasts from start to start, which halves the CPU of a start. It
 * is kept in the user's own folder: Node runs what it finds there, so nobody else may be able to write to it.
 * NODE_DISABLE_COMPILE_CACHE=1 switches it off. Without the cache everything works the same.
 */
import { existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'fs';
import module from 'module';
import { homedir } from 'os';
import { dirname, isAbsolute, join } from 'path';

/**
 * About 50 MB. Troupe has some 600 entries for each folder that it is installed in and for each version of Node, and
 * nobody removes those of folders that are gone. Beyond this number the cache begins anew.
 */
const entriesMax = 10_000;

export function keepCompiledCode() {
  if (process.env.NODE_COMPILE_CACHE) return;
  try {
    const folder = join(cachesFolder(), 'troupe', 'compiled');
    // Whoever runs as root with the home of another user must leave nothing there that this user cannot write to.
    if (!isOwn(firstPresent(folder))) return;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    if (!isOwn(folder) || canOthersWrite(folder)) return;
    emptyIfFull(folder);
    module.enableCompileCache(folder);
  } catch {
    // This user has no home, or may not write to it.
  }
}

/** A relative path is ignored, as the specification of the variable demands. */
function cachesFolder() {
  const { XDG_CACHE_HOME: caches = '' } = process.env;
  return isAbsolute(caches) ? caches : join(homedir(), '.cache');
}

/** @param {string} path */
function firstPresent(path) {
  let present = path;
  while (!existsSync(present)) present = dirname(present);
  return present;
}

/** @param {string} path */
function isOwn(path) {
  return process.getuid === undefined || statSync(path).uid === process.getuid();
}

/** @param {string} path */
function canOthersWrite(path) {
  return process.getuid !== undefined && (statSync(path).mode & 0o022) !== 0;
}

/** A process that uses the cache meanwhile only loses the benefit. @param {string} folder */
function emptyIfFull(folder) {
  if (readdirSync(folder, { recursive: true }).length <= entriesMax) return;
  for (const name of readdirSync(folder)) rmSync(join(folder, name), { recursive: true, force: true });
}
