/**
 * The pinned release of nats-server, for machines without Go: the archive and the checksums that its makers publish
 * beside it, over HTTPS from the same place. What does not match is thrown away; only a whole, checked binary is renamed
 * into place, so that two who download at once do no harm.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';

const run = promisify(execFile);
/** Of the archive; it is 7 MB large. */
const downloadTimeoutMs = 120_000;
const archiveMaxBytes = 64 << 20;
const unpackTimeoutMs = 30_000;

export interface DownloadOptions {
  readonly version: string;
  /** Where the binary will be. */
  readonly path: string;
  /** Folder of releases, a URL without a slash at its end. */
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

/** Rejects with the reason when there is no archive for this machine, or it cannot be had, or it is not what was published. */
export async function downloadNatsServer(options: DownloadOptions): Promise<void> {
  const { version, path, releasesUrl, platform, arch } = options;
  const system = systems[platform];
  const processor = processors.get(arch);
  if (system === undefined || processor === undefined) throw new Error(`no release for ${platform} ${arch}`);
  const name = `nats-server-${version}-${system}-${processor}`;
  const folder = `${releasesUrl}/${version}`;
  const archive = await fetched(`${folder}/${name}.tar.gz`);
  const sums = (await fetched(`${folder}/SHA256SUMS`)).toString('utf8');
  const expected = checksumOf(`${name}.tar.gz`, sums);
  const actual = createHash('sha256').update(archive).digest('hex');
  if (expected !== actual) throw new Error(`${name}.tar.gz has checksum ${actual}, published is ${expected ?? 'none'}`);
  await unpack(archive, `${name}/nats-server`, path);
}

/** Lines of `<hex>  <file>`. */
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
