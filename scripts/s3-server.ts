// A server that speaks S3, for the tests: gofakes3, built with Go, once, into the cache folder. `node scripts/s3-server.ts`
// builds it and prints its path.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { cacheFolder } from '../src/config/index.ts';

const run = promisify(execFile);
const version = 'v1.2.0';
/** Allows for a machine that is busy with other tests. */
const buildTimeoutMs = 20 * 60_000;

/** The path, or why there is no server. */
export async function findS3Server(
  say: (line: string) => void,
): Promise<{ readonly path: string } | { readonly lack: string }> {
  const path = join(cacheFolder(process.env), `gofakes3-${version}`, 'gofakes3');
  if (existsSync(path)) return { path };
  try {
    await run('go', ['version'], { timeout: 60_000 });
  } catch {
    return { lack: 'there is no Go to build gofakes3 with' };
  }
  say(`building gofakes3 ${version} with Go, once`);
  await mkdir(dirname(path), { recursive: true });
  const env = { ...process.env, GOBIN: dirname(path), GOFLAGS: '-mod=mod', CGO_ENABLED: '0' };
  try {
    // Go renames the finished program into place, so two builders at once do no harm.
    await run('go', ['install', `github.com/johannesboyne/gofakes3/cmd/gofakes3@${version}`], {
      env,
      timeout: buildTimeoutMs,
    });
    return { path };
  } catch (error) {
    const { stderr, message } = error as { readonly stderr?: string; readonly message: string };
    return { lack: `gofakes3 cannot be built: ${(stderr ?? message).trim().split('\n').at(-1) ?? ''}` };
  }
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const found = await findS3Server((line) => console.error(line));
  console.log('path' in found ? found.path : found.lack);
  if ('lack' in found) process.exitCode = 1;
}
