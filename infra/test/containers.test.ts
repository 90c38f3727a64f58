/** The containers of one machine, and what Compose and the Docker provider of terraform make of them. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { parseEnvironment } from '../src/config/environment.ts';
import type { DockerConfig } from '../src/config/machine.ts';
import { composeFile } from '../src/objects/compose-file.ts';
import { type Container, temporarySize } from '../src/objects/container.ts';
import { containersOf } from '../src/objects/containers.ts';
import { troupeConfigProblems } from './support/troupe-config.ts';

interface Service {
  readonly image: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly restart: string;
  readonly stop_grace_period: string;
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly build?: { readonly target: string };
  readonly read_only?: boolean;
}

interface ComposeDocument {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}

function configOf(changes: object): DockerConfig {
  const environment = parseEnvironment('a test', { kind: 'docker', ...changes });
  if (environment.kind !== 'docker') throw new Error('not of Docker');
  return environment;
}

const containers = containersOf(configOf({}));
const own = containers.filter(({ built }) => built !== undefined);
/** As it is in the repository: what users run. */
const document = parse(readFileSync(new URL('../../compose.yaml', import.meta.url), 'utf8')) as ComposeDocument;

function named(name: string, among: readonly Container[] = containers): Container {
  const found = among.find((container) => container.name === name);
  if (found === undefined) throw new Error(`no container ${name}`);
  return found;
}

describe('the containers of one machine', () => {
  it('gives each process of its own more time to end than it takes to drain', () => {
    const served = own.filter(({ health }) => health !== undefined);
    expect(served.map(({ name }) => name)).toEqual(['gateway', 'node-1', 'node-2']);
    for (const { environment, stopSeconds } of served) {
      expect(stopSeconds * 1_000).toBeGreaterThan(Number(environment?.['TROUPE_SHUTDOWN_GRACE_MS']));
    }
  });

  it('waits only for what is there, started before it, and able to say so', () => {
    containers.forEach(({ name, after }, at) => {
      for (const [other, until] of Object.entries(after)) {
        const before = named(other, containers.slice(0, at));
        expect([name, other, until]).toEqual([name, other, before.health === undefined ? 'completed' : 'healthy']);
      }
    });
  });

  it('has as many nodes as asked for, each with a name of its own', () => {
    const many = containersOf(configOf({ nodes: 5, threadsPerNode: 3 })).filter(({ name }) => name.startsWith('node-'));
    expect(many.map(({ environment }) => environment?.['TROUPE_NODE_ID'])).toEqual(many.map(({ name }) => name));
    expect(new Set(many.map(({ environment }) => environment?.['TROUPE_WORKERS_THREADS']))).toEqual(new Set(['3']));
    expect(many).toHaveLength(5);
  });

  it('takes its images by tag or by digest, and handlers of a folder', () => {
    const digest = `sha256:${'a'.repeat(64)}`;
    const config = configOf({ image: { repository: 'r.example/troupe', digest }, handlersDir: '/srv/handlers' });
    expect(named('gateway', containersOf(config)).image).toBe(`r.example/troupe@${digest}`);
    expect(named('node-1', containersOf(config))).toMatchObject({ folders: { '/handlers': '/srv/handlers' } });
  });
});

describe('the bucket of large payloads', () => {
  const objects = {
    bucket: 'troupe-payloads',
    region: 'eu-central-1',
    endpoint: 'http://minio:9000',
    linkEndpoint: 'http://127.0.0.1:9000',
    pathStyle: true,
    payloadMaxGb: 16,
    accessKeyId: 'troupe',
    secretDir: '/etc/troupe/objects',
  };
  const withBucket = containersOf(configOf({ objects }));
  const who = ['gateway', 'node-1', 'node-2'];

  it('is known to gateways and nodes alike, with its secret as a file, and to nobody if there is none', () => {
    for (const { name, environment = {}, folders } of withBucket) {
      const settings = Object.keys(environment).filter((key) => key.startsWith('TROUPE_OBJECTS_'));
      expect([name, settings.length, folders?.['/objects']]).toEqual(
        who.includes(name) ? [name, 10, '/etc/troupe/objects'] : [name, 0, undefined],
      );
    }
    expect(composeFile(containers)).not.toContain('TROUPE_OBJECTS');
    expect(composeFile(withBucket)).toContain('- /etc/troupe/objects:/objects:ro');
  });

  it('is what Troupe reads from the variables', async () => {
    for (const name of who) {
      const { environment: env = {} } = named(name, withBucket);
      // The file is that of the container.
      expect(await troupeConfigProblems([{ name, text: '', env }])).toEqual([]);
      const wrong = { ...env, TROUPE_OBJECTS_S3_BUCKET: 'Not A Bucket' };
      expect(await troupeConfigProblems([{ name, text: '', env: wrong }])).toHaveLength(1);
    }
  });

  it('is refused with a path of the secret that depends on where one stands', () => {
    expect(() => configOf({ objects: { ...objects, secretDir: 'secrets' } })).toThrow(
      'objects.secretDir: an absolute path',
    );
    expect(() => configOf({ objects: { ...objects, credentials: 'role' } })).toThrow(
      'objects.credentials: no such key',
    );
  });
});

describe('compose.yaml', () => {
  it('has a service for each container, with the same image, variables and order', () => {
    expect(Object.keys(document.services)).toEqual(containers.map(({ name }) => name));
    for (const { name, environment, after, image } of containers) {
      const service = document.services[name];
      expect(service?.environment).toEqual(environment);
      expect(Object.keys(service?.depends_on ?? {})).toEqual(Object.keys(after));
      expect(service?.image).toContain(image);
    }
  });

  it('builds our images from stages that the Dockerfile has', () => {
    const stages = [...readFileSync(new URL('../../Dockerfile', import.meta.url), 'utf8').matchAll(/ AS (\S+)$/gm)];
    const built = Object.values(document.services).flatMap(({ build }) => build?.target ?? []);
    expect(new Set(built)).toEqual(new Set(['troupe', 'samples']));
    expect(stages.map(([, stage]) => stage)).toEqual(expect.arrayContaining(built));
  });

  it('confines what is ours, with a bound on what it writes into memory, and publishes on loopback only', () => {
    const confined = { read_only: true, cap_drop: ['ALL'], tmpfs: [`/tmp:size=${temporarySize}`] };
    for (const { name } of own) expect(document.services[name]).toMatchObject(confined);
    const ports = Object.values(document.services).flatMap(({ ports: published = [] }) => published);
    expect(ports.filter((text) => !text.startsWith('127.0.0.1:'))).toEqual([]);
  });

  it('declares the volumes that it mounts, and no other', () => {
    const mounted = Object.values(document.services).flatMap(({ volumes = [] }) =>
      volumes.map((text) => text.split(':')[0]),
    );
    expect(Object.keys(document.volumes).sort()).toEqual(mounted.sort());
  });

  it('writes a dollar sign so that Compose does not read a variable into it', () => {
    const odd: Container = { ...named('nats'), command: ['$HOME'], environment: { A: '${B}' } };
    const { services } = parse(composeFile([odd])) as ComposeDocument;
    expect(services['nats']).toMatchObject({ command: ['$$HOME'], environment: { A: '$${B}' } });
  });

  it('keeps `no` a text for readers of the older YAML', () => {
    expect(composeFile(containers)).toContain("restart: 'no'");
  });
});
