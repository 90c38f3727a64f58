// Servers for the tests that come as source in Go: each is built once, into the cache folder.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { cacheFolder } from '../src/config/index.ts';

const run = promisify(execFile);
/** Allows for a machine that is busy with other tests. */
const buildTimeoutMs = 20 * 60_000;

export interface GoProgram {
  readonly name: string;
  /** Its package, whose last part is the name of the program. */
  readonly from: string;
  readonly version: string;
  /**
   * The module of the package, if it is built inside of it: `go install` refuses a module that replaces others. Default: it is
   * installed.
   */
  readonly insideOf?: string;
}

export type FoundProgram = { readonly path: string } | { readonly lack: string };

/** The path, or why there is no program. */
export async function findGoProgram(
  { name, from, version, insideOf }: GoProgram,
  say: (line: string) => void,
): Promise<FoundProgram> {
  const path = join(cacheFolder(process.env), `${name}-${version}`, name);
  if (existsSync(path)) return { path };
  try {
    await run('go', ['version'], { timeout: 60_000 });
  } catch {
    return { lack: `there is no Go to build ${name} with` };
  }
  say(`building ${name} ${version} with Go, once`);
  await mkdir(dirname(path), { recursive: true });
  const env = { ...process.env, GOBIN: dirname(path), GOFLAGS: '-mod=mod', CGO_ENABLED: '0' };
  try {
    if (insideOf === undefined) {
      // Go renames the finished program into place, so two builders at once do no harm.
      await run('go', ['install', `${from}@${version}`], { env, timeout: buildTimeoutMs });
    } else {
      await buildInside(`${insideOf}@${version}`, { from, path, env });
    }
    return { path };
  } catch (error) {
    const { stderr, message } = error as { readonly stderr?: string; readonly message: string };
    return { lack: `${name} cannot be built: ${(stderr ?? message).trim().split('\n').at(-1) ?? ''}` };
  }
}

async function buildInside(
  module: string,
  { from, path, env }: { readonly from: string; readonly path: string; readonly env: NodeJS.ProcessEnv },
): Promise<void> {
  const options = { env, timeout: buildTimeoutMs };
  const { stdout } = await run('go', ['mod', 'download', '-json', module], options);
  const { Dir: cwd } = JSON.parse(stdout) as { readonly Dir: string };
  const made = `${path}.${process.pid}`;
  // The folder of the module is not to be written to.
  const inModule = { ...options, cwd, env: { ...env, GOFLAGS: '-mod=readonly' } };
  await run('go', ['build', '-trimpath', '-ldflags=-s -w', '-o', made, from], inModule);
  await rename(made, path);
}

/** For a script that is run by itself: builds it and prints its path. */
export async function printWhenRun(moduleUrl: string, find: (say: (line: string) => void) => Promise<FoundProgram>) {
  if (process.argv[1] === undefined || moduleUrl !== pathToFileURL(process.argv[1]).href) return;
  const found = await find((line) => console.error(line));
  console.log('path' in found ? found.path : found.lack);
  if ('lack' in found) process.exitCode = 1;
}
