/** The release of nats-server as its makers publish it, from a server of our own: what is whole is used, what is not is refused. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { downloadNatsServer } from '../../src/backing/nats/download-nats-server.ts';

const version = 'v2.15.2';
const name = `nats-server-${version}-linux-amd64`;

let root: string;
let server: Server;
let releasesUrl: string;
let files: Map<string, Buffer>;
let archive: Buffer;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'troupe-nats-download-'));
  await mkdir(join(root, name));
  await writeFile(join(root, name, 'nats-server'), `#!/bin/sh\necho "nats-server: ${version}"\n`, { mode: 0o755 });
  execFileSync('tar', ['-czf', join(root, 'release.tar.gz'), '-C', root, name]);
  archive = await readFile(join(root, 'release.tar.gz'));
  server = createServer((request, response) => {
    const file = files.get(request.url ?? '');
    if (file === undefined) response.writeHead(404).end();
    else response.end(file);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  releasesUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/releases`;
});
afterAll(async () => {
  await new Promise((resolve) => server.close(resolve));
  await rm(root, { recursive: true, force: true });
});

const archiveUrl = `/releases/${version}/${name}.tar.gz`;
const sumsUrl = `/releases/${version}/SHA256SUMS`;
beforeEach(() => {
  const sum = createHash('sha256').update(archive).digest('hex');
  const sums = `${'0'.repeat(64)}  nats-server-${version}-darwin-arm64.tar.gz\n${sum}  ${name}.tar.gz\n`;
  files = new Map([
    [archiveUrl, archive],
    [sumsUrl, Buffer.from(sums)],
  ]);
});

function download(path: string, more: { readonly platform?: NodeJS.Platform } = {}): Promise<void> {
  return downloadNatsServer({ version, path, releasesUrl, platform: 'linux', arch: 'x64', ...more });
}

describe('downloading nats-server', () => {
  test('a whole release becomes a binary that runs, also when two do it at once', async () => {
    const path = join(root, 'cache', 'nats-server');
    await Promise.all([download(path), download(path)]);
    expect(execFileSync(path, ['--version'], { encoding: 'utf8' })).toBe(`nats-server: ${version}\n`);
    expect(await readdir(dirname(path))).toEqual(['nats-server']);
  });

  test.each([
    ['another content', () => files.set(archiveUrl, Buffer.concat([archive, Buffer.from('x')])), /has checksum/],
    ['no published sum', () => files.set(sumsUrl, Buffer.from('')), /published one is missing/],
    ['no archive', () => files.delete(archiveUrl), /answers 404/],
  ])('%s is refused, and nothing is left', async (_what, spoil, message) => {
    spoil();
    const path = join(root, 'refused', 'nats-server');
    await expect(download(path)).rejects.toThrow(message);
    expect(await readdir(dirname(path)).catch(() => [])).toEqual([]);
  });

  test('a system that has no release is said by name', async () => {
    await expect(download(join(root, 'aix'), { platform: 'aix' })).rejects.toThrow('no release for aix x64');
  });
});
