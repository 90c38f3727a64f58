// Third-party gRPC clients for the tests: grpcurl, built with Go, and Python's grpcio with reflection, from PyPI. Each
// is installed once into the cache folder. `node scripts/stock-clients.ts` installs both and prints their paths.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { cacheFolder } from '../src/config/index.ts';

const run = promisify(execFile);
const grpcurlVersion = 'v1.9.3';
const pythonPackages = ['grpcio==1.85.3', 'grpcio-reflection==1.85.1', 'grpcio-status==1.85.3'];
/** Allows for a machine that is busy with other tests. */
const installTimeoutMs = 20 * 60_000;
const askTimeoutMs = 60_000;

/** The path, or why the client is not available. */
export type Found = { readonly path: string } | { readonly lack: string };
type Say = (line: string) => void;

/** Finds or builds the program grpcurl. */
export async function findGrpcurl(say: Say): Promise<Found> {
  const path = join(cacheFolder(process.env), `grpcurl-${grpcurlVersion}`, 'grpcurl');
  if (await works(path, ['-version'])) return { path };
  if (!(await works('go', ['version']))) return { lack: 'there is no Go to build grpcurl with' };
  say(`building grpcurl ${grpcurlVersion} with Go, once`);
  await mkdir(dirname(path), { recursive: true });
  const env = { ...process.env, GOBIN: dirname(path), GOFLAGS: '-mod=mod', CGO_ENABLED: '0' };
  const source = `github.com/fullstorydev/grpcurl/cmd/grpcurl@${grpcurlVersion}`;
  try {
    // Go renames the finished program into place, so two builders at once do no harm.
    await run('go', ['install', source], { env, timeout: installTimeoutMs });
    return { path };
  } catch (error) {
    return { lack: `grpcurl cannot be built: ${lastLine(error)}` };
  }
}

/** Finds or installs the folder for PYTHONPATH. */
export async function findPythonGrpc(say: Say): Promise<Found> {
  if (!(await works('python3', ['-m', 'pip', '--version']))) return { lack: 'there is no Python 3 with pip' };
  const { stdout } = await run('python3', ['-c', 'import sys; print("%d.%d" % sys.version_info[:2])']);
  const path = join(cacheFolder(process.env), `python${stdout.trim()}-${pythonPackages[0] ?? ''}`);
  if (existsSync(path)) return { path };
  say(`fetching ${pythonPackages.join(', ')} from PyPI, once`);
  await mkdir(dirname(path), { recursive: true });
  const fresh = await mkdtemp(`${path}.`);
  const options = ['--quiet', '--disable-pip-version-check', '--root-user-action=ignore', '--target', fresh];
  try {
    await run('python3', ['-m', 'pip', 'install', ...options, ...pythonPackages], { timeout: installTimeoutMs });
    // Rename the folder, so that it is complete or absent. Another process may have been faster.
    await rename(fresh, path).catch((error: unknown) => {
      if (!existsSync(path)) throw error;
    });
    return { path };
  } catch (error) {
    return { lack: `grpcio cannot be fetched: ${lastLine(error)}` };
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}

async function works(command: string, args: readonly string[]): Promise<boolean> {
  return run(command, [...args], { timeout: askTimeoutMs }).then(
    () => true,
    () => false,
  );
}

function lastLine(error: unknown): string {
  const { stderr, message } = error as { readonly stderr?: string; readonly message: string };
  return (stderr ?? message).trim().split('\n').at(-1) ?? '';
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const say = (line: string): void => console.error(line);
  for (const found of [await findGrpcurl(say), await findPythonGrpc(say)]) {
    console.log('path' in found ? found.path : found.lack);
    if ('lack' in found) process.exitCode = 1;
  }
}
