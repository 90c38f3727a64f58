/**
 * The handler folders as they are at one instant: which files define handlers (`*.job.{ts,mts,js,mjs}`, at any depth;
 * `.cjs` and `.cts` are taken for handlers too, so that somebody says that they cannot be),
 * and the text of all code beside them. `node_modules` and dot folders are left out. Read, never imported, here.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { TroupeError } from '../../domain/errors.ts';

const codePattern = /\.(?:[cm]?[jt]s|json)$/;
const handlerPattern = /\.job\.[cm]?[jt]s$/;
const fileMaxBytes = 1024 * 1024;
const filesMax = 5_000;
const totalMaxBytes = 32 * 1024 * 1024;

export interface HandlerFiles {
  /** URLs of the files that define handlers, in order of their paths. */
  readonly handlers: readonly string[];
  readonly sources: ReadonlyMap<string, string>;
  /** All folders seen, to be watched. */
  readonly folders: readonly string[];
  /** Changes when any of the code changes. */
  readonly digest: string;
}

export async function readHandlerFiles(handlerDirs: readonly string[]): Promise<HandlerFiles> {
  const folders: string[] = [];
  const paths: string[] = [];
  for (const dir of handlerDirs) await collect(await realFolder(dir), folders, paths);
  const unique = [...new Set(paths)].sort();
  const sources = new Map<string, string>();
  const digest = createHash('sha256');
  let totalBytes = 0;
  for (const path of unique) {
    const source = await readSource(path);
    if (source === undefined) continue;
    totalBytes += source.length;
    if (totalBytes > totalMaxBytes) throw tooLarge(`${totalMaxBytes} bytes of code`);
    const url = pathToFileURL(path).href;
    sources.set(url, source);
    digest.update(`${url}\0${source}\0`);
  }
  const handlers = unique.filter((path) => handlerPattern.test(path)).map((path) => pathToFileURL(path).href);
  return { handlers, sources, folders, digest: digest.digest('hex') };
}

async function realFolder(dir: string): Promise<string> {
  try {
    const path = await realpath(dir);
    if ((await stat(path)).isDirectory()) return path;
  } catch (error) {
    throw new TroupeError('INVALID_ARGUMENT', { message: `the handler folder ${dir} cannot be read`, cause: error });
  }
  throw new TroupeError('INVALID_ARGUMENT', { message: `${dir} is not a folder of handlers` });
}

async function collect(folder: string, folders: string[], paths: string[]): Promise<void> {
  folders.push(folder);
  // A folder may go while it is read; what is left of it comes with the next change.
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    if (entry.name === 'node_modules' || entry.name.startsWith('.')) continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await collect(path, folders, paths);
    else if (codePattern.test(entry.name)) paths.push(path);
    if (paths.length > filesMax) throw tooLarge(`${filesMax} files of code`);
  }
}

/** Undefined when it is gone or is too large to be code; then it is read from the disk when it is imported. */
async function readSource(path: string): Promise<string | undefined> {
  try {
    const { size } = await stat(path);
    return size > fileMaxBytes ? undefined : await readFile(path, 'utf8');
  } catch {
    return undefined;
  }
}

function tooLarge(what: string): TroupeError {
  return new TroupeError('INVALID_ARGUMENT', { message: `the handler folders hold more than ${what}` });
}
