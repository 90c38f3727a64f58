/**
 * The handler folders as they are at one instant: which files define handlers (`*.job.{ts,mts,js,mjs}`, at any depth),
 * the text of all code beside them, and a stamp of each other file. `.cjs` and `.cts` count as handler files too, so
 * that an error says that they cannot be. `node_modules`, dot files and dot folders are left out. Files are read here,
 * never imported.
 */
import { lstat, readdir, readFile, realpath, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { TroupeError } from '../../../domain/errors.ts';

const codePattern = /\.(?:[cm]?[jt]s|json)$/;
const handlerPattern = /\.job\.[cm]?[jt]s$/;
const fileMaxBytes = 1024 * 1024;
const filesMax = 5_000;
const totalMaxBytes = 32 * 1024 * 1024;
/** Limit of the data files whose changes are seen. Folders may hold more. */
const dataFilesMax = 5_000;

export interface HandlerFiles {
  /** URLs of the files that define handlers, in order of their paths. */
  readonly handlers: readonly string[];
  readonly sources: ReadonlyMap<string, string>;
  /**
   * Data files, and code that is too large to be held: URL → a value that changes when the file does. JSON is data,
   * whether it is imported or not.
   */
  readonly data: ReadonlyMap<string, string>;
  /** The folders hold more data files than are looked at. */
  readonly hasMoreData: boolean;
  /** All folders that were found, to be watched. */
  readonly folders: readonly string[];
  /** The path of a file relative to its handler folder. */
  nameOf(url: string): string;
}

/** What a walk through the folders finds. */
interface Found {
  readonly folders: string[];
  readonly code: string[];
  readonly data: string[];
}

export async function readHandlerFiles(handlerDirs: readonly string[]): Promise<HandlerFiles> {
  const found: Found = { folders: [], code: [], data: [] };
  const roots: string[] = [];
  for (const dir of handlerDirs) {
    const root = await realFolder(dir);
    roots.push(root);
    await collect(root, found);
  }
  const code: string[] = [];
  const sources = new Map<string, string>();
  const json = new Map<string, string>();
  const seen = [...new Set(found.data)].sort();
  let totalBytes = 0;
  for (const path of [...new Set(found.code)].sort()) {
    const source = await readSource(path);
    if (source === 'gone') continue;
    code.push(path);
    if (source === 'not held') {
      seen.push(path);
      continue;
    }
    totalBytes += source.text.length;
    if (totalBytes > totalMaxBytes) throw tooLarge(`${totalMaxBytes} bytes of code`);
    const url = pathToFileURL(path).href;
    sources.set(url, source.text);
    if (isJson(url)) json.set(url, source.text);
  }
  return {
    handlers: code.filter((path) => handlerPattern.test(path)).map((path) => pathToFileURL(path).href),
    sources,
    data: new Map([...json, ...(await stampsOf(seen.slice(0, dataFilesMax)))]),
    hasMoreData: seen.length > dataFilesMax,
    folders: found.folders,
    nameOf: (url) => nameBelow(roots, url),
  };
}

export function isJson(url: string): boolean {
  return url.endsWith('.json');
}

/**
 * We do not read the content, because it may be gigabytes. The stamp includes the inode, because a program may save a
 * file by writing another one and renaming it.
 */
async function stampsOf(paths: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const stamps = new Map<string, string>();
  for (const path of paths) {
    const found = await stat(path).catch(() => undefined);
    if (found?.isFile() === true) stamps.set(pathToFileURL(path).href, `${found.ino}:${found.size}:${found.mtimeMs}`);
  }
  return stamps;
}

function nameBelow(roots: readonly string[], url: string): string {
  const path = fileURLToPath(url);
  const root = roots.find((one) => path.startsWith(join(one, '/')));
  return root === undefined ? path : relative(root, path);
}

async function realFolder(dir: string): Promise<string> {
  try {
    const path = await realpath(dir);
    if ((await stat(path)).isDirectory()) return path;
  } catch (error) {
    throw new TroupeError('INVALID_ARGUMENT', { message: `the handler folder ${dir} cannot be read`, cause: error });
  }
  throw new TroupeError('INVALID_ARGUMENT', { message: `${dir} is not a folder; name a folder with handlers` });
}

async function collect(folder: string, found: Found): Promise<void> {
  found.folders.push(folder);
  // A folder may be removed while it is read. The next change then shows what is left of it.
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    if (entry.name === 'node_modules' || entry.name.startsWith('.')) continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await collect(path, found);
    else if (codePattern.test(entry.name)) found.code.push(path);
    else if (found.data.length <= dataFilesMax) found.data.push(path);
    if (found.code.length > filesMax) throw tooLarge(`${filesMax} files of code`);
  }
}

/**
 * A file that was removed after its folder had been read counts as if it had not been there. One that is too large to
 * be held is read from the disk when it is imported. So is one that cannot be read, such as a link to nowhere: the
 * import then says why.
 */
async function readSource(path: string): Promise<{ readonly text: string } | 'gone' | 'not held'> {
  try {
    const { size } = await stat(path);
    return size > fileMaxBytes ? 'not held' : { text: await readFile(path, 'utf8') };
  } catch {
    return await lstat(path).then(
      () => 'not held',
      (error: unknown) => (isGone(error) ? 'gone' : 'not held'),
    );
  }
}

export function isGone(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
}

function tooLarge(what: string): TroupeError {
  return new TroupeError('INVALID_ARGUMENT', { message: `the handler folders hold more than ${what}` });
}
