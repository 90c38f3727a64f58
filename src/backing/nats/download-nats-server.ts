/**
 * Downloads the pinned release of nats-server, for machines without Go: the archive and the checksums published beside
 * it, over HTTPS.
 * An archive that does not match is discarded. Only a complete, verified binary is renamed into place, so concurrent
 * downloads are harmless.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';

const run = promisify(execFile);
/** For the archive, which has about 7 MB. */
const downloadTimeoutMs = 120_000;
const archiveMaxBytes = 64 << 20;
const unpackTimeoutMs = 30_000;

export interface DownloadOptions {
  readonly version: string;
  /** Where to put the binary. */
  readonly path: string;
  /** The URL of the folder of releases, without a trailing slash. */
  readonly releasesUrl: string;
  readonly platform: NodeJS.Platform;
  readonly arch: string;
}

export const officialReleasesUrl = 'https://github.com/nats-io/nats-server/releases/download';

const systems: Readonly<Partial<Record<NodeJS.Platform, string>>> = { linux: 'linux', darwin: 'darwin' };
const processors: ReadonlyMap<string, string> = new Map([
  ['x64', 'amd64'],
  ['arm64', 'arm64'],
]);

/**
 * Downloads, verifies and unpacks the binary. Rejects if there is no archive for this platform, the download fails, or
 * the checksum does not match.
 */
export async function downloadNatsServer(options: DownloadOptions): Promise<void> {
  const { version, path, releasesUrl, platform, arch } = options;
  const system = systems[platform];
  const processor = processors.get(arch);
  if (system === undefined || processor === undefined)
    throw new Error(
      `nats-server has no release for ${platform} ${arch}; install one and name it with TROUPE_NATS_SERVER`,
    );
  const name = `nats-server-${version}-${system}-${processor}`;
  const folder = `${releasesUrl}/${version}`;
  const archive = await fetched(`${folder}/${name}.tar.gz`);
  const sums = (await fetched(`${folder}/SHA256SUMS`)).toString('utf8');
  const expected = checksumOf(`${name}.tar.gz`, sums);
  const actual = createHash('sha256').update(archive).digest('hex');
  if (expected !== actual)
    throw new Error(`${name}.tar.gz has checksum ${actual}, but the published one is ${expected ?? 'missing'}`);
  await unpack(archive, `${name}/nats-server`, path);
}

/** The checksum of a file in a list with lines of the form `<hex>  <file>`. */
function checksumOf(file: string, sums: string): string | undefined {
  for (const line of sums.split('\n')) {
    const [sum, name] = line.trim().split(/\s+\*?/);
    if (name === file) return sum?.toLowerCase();
  }
  return undefined;
}

async function fetched(url: string): Promise<Buffer> {
  const response = await fetch(url, { signal: AbortSignal.timeout(downloadTimeoutMs) });
  if (!response.ok) throw new Error(`${url} answers ${response.status}`);
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  const body: AsyncIterable<Uint8Array> = response.body ?? Readable.from([]);
  for await (const chunk of body) {
    bytes += chunk.byteLength;
    if (bytes > archiveMaxBytes) throw new Error(`${url} is larger than ${archiveMaxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

async function unpack(archive: Buffer, member: string, path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const draft = await mkdtemp(`${path}-`);
  try {
    const file = join(draft, 'archive.tar.gz');
    await writeFile(file, archive);
    await run('tar', ['-xzf', file, '-C', draft, member], { timeout: unpackTimeoutMs });
    await rename(join(draft, member), path);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}
