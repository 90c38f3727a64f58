/**
 * The image, built and run: on the Docker that is there, else on a daemon of our own with stand-ins for what a registry
 * would have. Where neither can be had, the reason is printed and the tests count as skipped.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, type TestContext } from 'vitest';
import { cacheFolder } from '../../src/config/index.ts';
import { type ComposeCluster, composeUp, logOf, stateOf } from '../support/docker/compose-cluster.ts';
import { type Docker, openDocker } from '../support/docker/docker.ts';
import { buildCassandra } from '../support/docker/stand-in-cassandra.ts';
import { buildNats, importBase } from '../support/docker/stand-in-images.ts';
import { natsServerPath } from '../support/nats.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const buildMs = 900_000;
const clusterMs = 300_000;
const own = 'troupe-test:local';
const samples = 'troupe-test-samples:local';
const confinement = ['--read-only', '--tmpfs', '/tmp', '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges'];
/** Of the whole image on a stand-in base; on `node:24-slim` the Debian root comes on top. */
const standInSizeMaxMb = 220;
const sizeMaxMb = 320;

interface Manifest {
  readonly version: string;
  readonly dependencies: Readonly<Record<string, string>>;
}

const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest;

let docker: Docker | undefined;
let lack: string | undefined;
let folder: string;
/** The base that a stand-in is built on; undefined: that of the Dockerfile. */
let base: string | undefined;

function say(text: string): void {
  process.stdout.write(`images: ${text}\n`);
}

/** The Docker, or the end of the test as skipped, with the reason. */
function dockerFor({ skip }: TestContext): Docker {
  return docker === undefined || lack !== undefined ? skip(lack) : docker;
}

function proxyArguments(): readonly string[] {
  const names = ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'no_proxy'];
  return names.filter((name) => process.env[name] !== undefined).flatMap((name) => ['--build-arg', name]);
}

/** Why nothing can be built although there is a Docker: what it would be built of cannot be fetched. */
async function missingSource(engine: Docker): Promise<string | undefined> {
  const fetched = base === undefined ? ['pull', '--quiet', baseOfDockerfile()] : ['run', '--rm', base, 'npm', 'ping'];
  return engine.run(fetched).then(
    () => undefined,
    (error: unknown) => String(error),
  );
}

function baseOfDockerfile(): string {
  return /^ARG BASE_IMAGE=(\S+)$/m.exec(readFileSync(join(root, 'Dockerfile'), 'utf8'))?.[1] ?? '';
}

async function build(engine: Docker): Promise<void> {
  const choice = base === undefined ? [] : ['--build-arg', `BASE_IMAGE=${base}`];
  const args = ['build', ...choice, ...proxyArguments(), '--build-arg', `VERSION=${manifest.version}`];
  await engine.run([...args, '--tag', own, root], { timeoutMs: buildMs });
  await engine.run([...args, '--tag', samples, '--target', 'samples', root], { timeoutMs: buildMs });
}

async function open(): Promise<string | undefined> {
  const opened = await openDocker(cacheFolder(process.env));
  if (typeof opened === 'string') return opened;
  docker = opened;
  folder = mkdtempSync(join(tmpdir(), 'troupe-images-'));
  if (opened.kind === 'own') base = await importBase(opened, folder);
  return missingSource(opened);
}

beforeAll(async () => {
  lack = await open();
  if (docker === undefined || lack !== undefined) {
    say(`skipped: ${lack ?? ''}`);
    return;
  }
  const startedMs = performance.now();
  await build(docker);
  const seconds = ((performance.now() - startedMs) / 1_000).toFixed(0);
  say(`built in ${seconds} s on ${base ?? baseOfDockerfile()}`);
}, buildMs);

afterAll(async () => {
  if (docker === undefined) return;
  if (lack === undefined) await docker.run(['image', 'rm', '--force', own, samples]);
  await docker.stop();
  rmSync(folder, { recursive: true, force: true });
}, 120_000);

/** Runs a program of the image as whoever uses the image would, but for the entry point. */
function inside(engine: Docker, program: string, ...args: readonly string[]): Promise<string> {
  return engine.run(['run', '--rm', ...confinement, '--entrypoint', program, own, ...args]);
}

describe('the image', () => {
  it('says what it is, who it runs as and how it starts', async (context) => {
    const engine = dockerFor(context);
    const { Size, Config } = JSON.parse(await engine.run(['image', 'inspect', '--format', '{{json .}}', own])) as {
      readonly Size: number;
      readonly Config: {
        readonly User: string;
        readonly Entrypoint: string[];
        readonly Env: string[];
        readonly Labels: Record<string, string>;
      };
    };
    const sizeMb = Math.round(Size / 1e6);
    say(`${sizeMb} MB`);
    expect(sizeMb).toBeLessThan(base === undefined ? sizeMaxMb : standInSizeMaxMb);
    expect(Config).toMatchObject({ User: '1000:1000', Entrypoint: ['troupe'] });
    expect(Config.Labels).toMatchObject({
      'org.opencontainers.image.title': 'Troupe',
      'org.opencontainers.image.version': manifest.version,
      'org.opencontainers.image.licenses': 'Apache-2.0',
    });
    // A variable would win over the configuration file of whoever uses the image.
    expect(Config.Env.filter((text) => text.startsWith('TROUPE_'))).toEqual([]);
  });

  it('runs with a root that it cannot write to, without capabilities, as nobody special', async (context) => {
    const engine = dockerFor(context);
    expect(await engine.run(['run', '--rm', ...confinement, own, '--version'])).toBe(manifest.version);
    const facts = `console.log(JSON.stringify([process.getuid(), process.getgid(), ...['/x', '/opt/troupe/x', '/handlers/x'].map((path) => {
      try { require('fs').writeFileSync(path, ''); return 'written'; } catch ({ code }) { return code; } })]))`;
    const [user, group, ...attempts] = JSON.parse(await inside(engine, 'node', '-e', facts)) as unknown[];
    expect([user, group]).toEqual([1000, 1000]);
    expect(attempts).toEqual(['EROFS', 'EROFS', 'EROFS']);
  });

  it('holds nothing that only builds need, and no program that gives its caller another user', async (context) => {
    const engine = dockerFor(context);
    expect((await inside(engine, 'ls', '/usr/local/bin')).split('\n').sort()).toEqual(['node', 'troupe']);
    const packages = (await inside(engine, 'ls', '/opt/troupe/node_modules')).split('\n');
    expect(packages).toContain('troupe');
    expect(packages.filter((name) => ['typescript', 'vitest', 'node', 'jpeg-js'].includes(name))).toEqual([]);
    expect(await inside(engine, 'ls', '/opt/troupe/node_modules/troupe')).not.toMatch(/^(src|test|node_modules)$/m);
    expect(await inside(engine, 'find', '/', '-xdev', '-type', 'f', '-perm', '/6000')).toBe('');
  });

  it('lists the packages that are in it, as they are locked', async (context) => {
    const engine = dockerFor(context);
    const list = JSON.parse(await inside(engine, 'cat', '/usr/share/sbom/troupe.cdx.json')) as {
      readonly bomFormat: string;
      readonly components: readonly { readonly name: string; readonly version: string }[];
    };
    const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
      readonly packages: Readonly<Record<string, { readonly version: string }>>;
    };
    expect(list.bomFormat).toBe('CycloneDX');
    const needed = Object.keys(manifest.dependencies).filter((name) => !['jpeg-js', 'pngjs'].includes(name));
    const listed = new Map(list.components.map(({ name, version }) => [`${name}@${version}`, name]));
    expect(needed.filter((name) => !listed.has(`${name}@${packages[`node_modules/${name}`]?.version ?? ''}`))).toEqual(
      [],
    );
    expect([...listed.values()]).not.toContain('typescript');
  });
});

describe('the cluster of compose.yaml', () => {
  let cluster: ComposeCluster | undefined;
  let clusterLack: string | undefined;

  async function standIns(engine: Docker): Promise<Readonly<Record<string, string>> | string> {
    if (base === undefined) return {};
    const cassandra = await buildCassandra(engine, folder, base);
    if (typeof cassandra === 'string') return cassandra;
    return {
      cassandra: cassandra.image,
      nats: await buildNats(engine, folder, { base, server: await natsServerPath() }),
    };
  }

  beforeAll(async () => {
    if (docker === undefined || lack !== undefined) return;
    const others = await standIns(docker);
    if (typeof others === 'string') {
      clusterLack = others;
      say(`the cluster is skipped: ${others}`);
      return;
    }
    const startedMs = performance.now();
    const images = { ...others, migrate: own, gateway: own, 'node-1': samples, 'node-2': samples };
    cluster = await composeUp({ docker, file: join(root, 'compose.yaml'), project: 'troupe-test', folder, images });
    say(`the cluster was up after ${((performance.now() - startedMs) / 1_000).toFixed(0)} s, by \`${cluster.by}\``);
  }, clusterMs);

  afterAll(() => cluster?.down(), 120_000);

  function clusterFor(context: TestContext): {
    readonly engine: Docker;
    readonly containerOf: (name: string) => string;
  } {
    const engine = dockerFor(context);
    const { containerOf } = cluster ?? context.skip(clusterLack);
    return { engine, containerOf };
  }

  /** As an operator would: from within the gateway's container. */
  async function troupe(context: TestContext, ...args: readonly string[]): Promise<unknown> {
    const { engine, containerOf } = clusterFor(context);
    return JSON.parse(await engine.run(['exec', containerOf('gateway'), 'troupe', '--json', ...args]));
  }

  const fractal = JSON.stringify({ x: -0.74, y: 0.13, scale: 0.01, width: 64, height: 48, maxIterations: 200 });

  it('is healthy, and its migration has ended well', async (context) => {
    const { engine, containerOf } = clusterFor(context);
    expect(await stateOf(engine, containerOf('migrate'))).toMatchObject({ Status: 'exited', ExitCode: 0 });
    for (const name of ['nats', 'cassandra', 'gateway', 'node-1', 'node-2']) {
      expect([name, await stateOf(engine, containerOf(name))]).toMatchObject([name, { Health: { Status: 'healthy' } }]);
    }
  });

  it('has its Cassandra acknowledge nothing before it is on the disk', async (context) => {
    const { engine, containerOf } = clusterFor(context);
    const log = await logOf(engine, containerOf('cassandra'));
    expect(log).toMatch(/commitlog_sync=group;/);
    expect(log).toMatch(/paxos_variant=v2;/);
  });

  it('runs a job to its end', async (context) => {
    const job = await troupe(context, 'submit', 'fractal.render', fractal, '--wait');
    expect(job).toMatchObject({ state: 'SUCCEEDED' });
  });

  it('drains a node on SIGTERM, which ends with 0, while the other goes on', async (context) => {
    const { engine, containerOf } = clusterFor(context);
    await engine.run(['stop', '-t', '35', containerOf('node-1')]);
    expect(await stateOf(engine, containerOf('node-1'))).toMatchObject({ Status: 'exited', ExitCode: 0 });
    expect(await troupe(context, 'submit', 'fractal.render', fractal, '--wait')).toMatchObject({ state: 'SUCCEEDED' });
    await engine.run(['stop', '-t', '35', containerOf('gateway')]);
    expect(await stateOf(engine, containerOf('gateway'))).toMatchObject({ Status: 'exited', ExitCode: 0 });
  });
});
