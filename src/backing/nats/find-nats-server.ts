/**
 * Finds a nats-server binary, or installs one. The order is: the given path, PATH, the cache, `go install` (verified by
 * Go's checksum database), and the official release (verified by its published checksums).
 * If all fail, the error names each failure and says what to install.
 */
import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { Logger } from '../../application/ports/runtime.ts';
import { TroupeError } from '../../domain/errors.ts';
import { checkServerVersion } from '../../adapters/nats/server-version.ts';
import { downloadNatsServer, officialReleasesUrl } from './download-nats-server.ts';

// The version that is tested and installed. A server that is found may differ, within `checkServerVersion`.
const pinnedNatsServer = 'v2.15.2';

export interface FindNatsServerOptions {
  /** A path that takes precedence over everything else. An error follows if it does not work. */
  readonly explicitPath?: string;
  /** The folder in which installed binaries are kept. */
  readonly cacheDir: string;
  readonly log: Logger;
  /** Default: the official releases on GitHub. */
  readonly releasesUrl?: string;
  /** Whether a binary may be built or downloaded. */
  readonly allowInstall: boolean;
}

/** A binary that was found or installed, and its version. */
export interface NatsServerBinary {
  readonly path: string;
  readonly version: string;
}

const run = promisify(execFile);
const askTimeoutMs = 10_000;
const buildTimeoutMs = 300_000;

/** Returns a binary that runs. Rejects with BROKER_UNAVAILABLE if there is none and none can be installed. */
export async function findNatsServer(options: FindNatsServerOptions): Promise<NatsServerBinary> {
  if (options.explicitPath !== undefined) {
    const binary = await probe(options.explicitPath, options.log);
    if (binary !== undefined) return binary;
    throw missing(`${options.explicitPath} is not a nats-server that will do`);
  }
  const cached = join(options.cacheDir, `nats-server-${pinnedNatsServer}`, 'nats-server');
  const found = (await probe('nats-server', options.log)) ?? (await probe(cached, options.log));
  if (found !== undefined) return found;
  if (!options.allowInstall) throw missing('no nats-server on PATH or in the cache');
  return install(cached, options);
}

/** Returns `undefined` if the binary does not exist, does not run or is too old. */
async function probe(path: string, log: Logger): Promise<NatsServerBinary | undefined> {
  try {
    const { stdout } = await run(path, ['--version'], { timeout: askTimeoutMs });
    const version = /v(\d+\.\d+\.\d+\S*)/.exec(stdout)?.[1];
    if (version === undefined) return undefined;
    if (checkServerVersion(version) === 'old') log.warn({ path, version }, 'nats-server is older than recommended');
    return { path, version };
  } catch (error) {
    if (error instanceof TroupeError) log.warn({ path, reason: error.message }, 'nats-server skipped');
    return undefined;
  }
}

async function install(cached: string, { log, releasesUrl = officialReleasesUrl }: FindNatsServerOptions) {
  const problems: string[] = [];
  const ways = [
    ['go install', () => build(cached, log)],
    ['download', () => downloadRelease(cached, releasesUrl, log)],
  ] as const;
  for (const [name, way] of ways) {
    try {
      await way();
      const binary = await probe(cached, log);
      if (binary !== undefined) return binary;
      problems.push(`${name}: what came does not run`);
    } catch (error) {
      problems.push(`${name}: ${reasonOf(error)}`);
      log.debug({ err: error, way: name }, 'nats-server not installed in this way');
    }
  }
  throw missing(problems.join('; '));
}

/** Concurrent builds are harmless, because `go install` renames the finished binary into place. */
async function build(cached: string, log: Logger): Promise<void> {
  await run('go', ['version'], { timeout: askTimeoutMs });
  log.info({ version: pinnedNatsServer }, 'building nats-server with go install, this takes about a minute');
  const directory = dirname(cached);
  await mkdir(directory, { recursive: true });
  const source = `github.com/nats-io/nats-server/v2@${pinnedNatsServer}`;
  await run('env', [`GOBIN=${directory}`, 'go', 'install', source], { timeout: buildTimeoutMs });
}

async function downloadRelease(cached: string, releasesUrl: string, log: Logger): Promise<void> {
  log.info({ version: pinnedNatsServer, from: releasesUrl }, 'downloading nats-server');
  const { platform, arch } = process;
  await downloadNatsServer({ version: pinnedNatsServer, path: cached, releasesUrl, platform, arch });
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if ('code' in error && error.code === 'ENOENT') return 'Go is not installed';
  const cause = error.cause instanceof Error ? ` (${error.cause.message})` : '';
  return `${error.message.split('\n')[0] ?? ''}${cause}`;
}

function missing(why: string): TroupeError {
  const message =
    `no usable nats-server: ${why}. Install nats-server 2.15 (brew install nats-server, or ` +
    `https://github.com/nats-io/nats-server/releases) or Go, or set TROUPE_NATS_SERVER to a binary, or point ` +
    'TROUPE_NATS_SERVERS at a running server (docker run -p 4222:4222 nats:2.15 -js).';
  return new TroupeError('BROKER_UNAVAILABLE', { message });
}
