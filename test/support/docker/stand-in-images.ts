/**
 * Images for a daemon that reaches no registry: the base of our Dockerfile, NATS and Cassandra, each built from what
 * this machine has. They provide what our files rely on: programs, paths, variables and ports.
 */
import { execFile } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { Docker } from './docker.ts';

const run = promisify(execFile);

/** Programs that our Dockerfile and health checks call, besides Node and npm. */
const programs = [
  ...['sh', 'bash', 'env', 'id', 'ls', 'cat', 'cp', 'mv', 'rm', 'ln', 'mkdir', 'chmod', 'chown', 'find'],
  ...['dirname', 'uname', 'sleep', 'tar'],
];

/** The libraries that programs load, by their paths on this machine. */
export async function librariesOf(files: readonly string[]): Promise<readonly string[]> {
  const { stdout } = await run('ldd', [...files], { maxBuffer: 8 << 20 });
  return [...new Set([...stdout.matchAll(/(?:^|\s)(\/\S+\.so\S*)/gm)].map(([, path]) => path ?? ''))];
}

/** Copies a library into an image. `/lib` is a link to `/usr/lib` on current systems. */
export function placeLibrary(root: string, library: string): void {
  const target = join(root, library.replace(/^\/lib/, '/usr/lib'));
  mkdirSync(dirname(target), { recursive: true });
  copyFileSync(realpathSync(library), target);
}

async function npmFolder(): Promise<string> {
  const { stdout } = await run('sh', ['-c', 'command -v npm']);
  return join(dirname(realpathSync(stdout.trim())), '..');
}

/** npm settings with the certificate authorities and the registry of this machine. */
async function npmSettings(root: string): Promise<readonly string[]> {
  const bundle =
    process.env['NODE_EXTRA_CA_CERTS'] ?? process.env['SSL_CERT_FILE'] ?? '/etc/ssl/certs/ca-certificates.crt';
  const inside = '/etc/ssl/certs/ca-certificates.crt';
  mkdirSync(dirname(join(root, inside)), { recursive: true });
  writeFileSync(join(root, inside), existsSync(bundle) ? readFileSync(bundle) : '');
  const { stdout } = await run('npm', ['config', 'get', 'registry']);
  return [`NODE_EXTRA_CA_CERTS=${inside}`, `npm_config_registry=${stdout.trim()}`, 'npm_config_update_notifier=false'];
}

/** Imports a replacement for `node:24-slim` with Node, npm and a shell. Returns its name. */
export async function importBase(docker: Docker, folder: string): Promise<string> {
  const root = join(folder, 'base');
  for (const path of ['usr/bin', 'usr/sbin', 'usr/lib', 'usr/lib64', 'usr/local/bin', 'usr/local/lib/node_modules']) {
    mkdirSync(join(root, path), { recursive: true });
  }
  for (const path of ['home/node', 'root', 'tmp', 'var/lib', 'etc']) mkdirSync(join(root, path), { recursive: true });
  for (const link of ['bin', 'sbin', 'lib', 'lib64']) symlinkSync(`usr/${link}`, join(root, link));
  chmodSync(join(root, 'tmp'), 0o1777);
  for (const name of programs) copyFileSync(realpathSync(`/usr/bin/${name}`), join(root, 'usr/bin', name));
  copyFileSync(realpathSync(process.execPath), join(root, 'usr/local/bin/node'));
  const loaded = [...programs.map((name) => `/usr/bin/${name}`), process.execPath];
  for (const library of await librariesOf(loaded)) placeLibrary(root, library);
  cpSync(await npmFolder(), join(root, 'usr/local/lib/node_modules/npm'), { recursive: true });
  symlinkSync('../lib/node_modules/npm/bin/npm-cli.js', join(root, 'usr/local/bin/npm'));
  writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\nnode:x:1000:1000::/home/node:/bin/sh\n');
  writeFileSync(join(root, 'etc/group'), 'root:x:0:\nnode:x:1000:\n');
  writeFileSync(join(root, 'etc/nsswitch.conf'), 'hosts: files dns\n');
  const variables = await npmSettings(root);
  const archive = join(folder, 'base.tar');
  await run('tar', ['--numeric-owner', '-C', root, '-cf', archive, '.']);
  const name = 'troupe-test-base:local';
  await docker.run(['import', ...variables.flatMap((text) => ['--change', `ENV ${text}`]), archive, name]);
  return name;
}

const wgetScript = `#!/usr/local/bin/node
fetch(process.argv.at(-1)).then(({ ok }) => process.exit(ok ? 0 : 8), () => process.exit(4));
`;

/** Builds a replacement for `nats`: the server as the entry point, and wget for the health check. */
export async function buildNats(
  docker: Docker,
  folder: string,
  parts: { base: string; server: string },
): Promise<string> {
  const context = join(folder, 'nats');
  mkdirSync(context);
  copyFileSync(realpathSync(parts.server), join(context, 'nats-server'));
  writeFileSync(join(context, 'wget'), wgetScript, { mode: 0o755 });
  const lines = [
    `FROM ${parts.base}`,
    'COPY nats-server wget /usr/bin/',
    'ENTRYPOINT ["nats-server"]',
    'CMD ["--config", "nats-server.conf"]',
  ];
  writeFileSync(join(context, 'Dockerfile'), `${lines.join('\n')}\n`);
  const name = 'troupe-test-nats:local';
  await docker.run(['build', '--tag', name, context]);
  return name;
}
