/**
 * Finds a nats-server binary, or gets one: the given path, PATH, the cache, `go install` (checked by Go's checksum
 * database), the release of its makers (checked by the sums published with it); first that works. When none does, one
 * error line says what to install.
 */
import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { Logger } from '../../application/ports/runtime.ts';
import { TroupeError } from '../../domain/errors.ts';
import { checkServerVersion } from '../../adapters/nats/server-version.ts';
import { downloadNatsServer, officialReleasesUrl } from './download-nats-server.ts';

const pinnedNatsServer = 'v2.15.2';

export interface FindNatsServerOptions {
  /** Wins over everything, and must work. */
  readonly explicitPath?: string;
  /** Binaries that were built before are kept here. */
  readonly cacheDir: string;
  readonly log: Logger;
  /** Default: the official ones. */
  readonly releasesUrl?: string;
  /** Whether building or downloading one is allowed. */
  readonly allowInstall: boolean;
}

export interface NatsServerBinary {
  readonly path: string;
  readonly version: string;
}

const run = promisify(execFile);
const askTimeoutMs = 10_000;
const buildTimeoutMs = 300_000;

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

/** Undefined when it is not there, does not run or is too old. */
async function probe(path: string, log: Logger): Promise<NatsServerBinary | undefined> {
  try {
    const { stdout } = await run(path, ['--version'], { timeout: askTimeoutMs });
    const version = /v(\d+\.\d+\.\d+\S*)/.exec(stdout)?.[1];
    if (version === undefined) return undefined;
    if (checkServerVersion(version) === 'old') log.warn({ path, version }, 'nats-server is older than recommended');
    return { path, version };
  } catch (error) {
    if (error instanceof TroupeError) log.warn({ path, reason: error.message }, 'nats-server passed over');
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

/** `go install` renames the finished binary into place, so two builders at once do no harm. */
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
  if ('code' in error && error.code === 'ENOENT') return 'there is no Go';
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
