/** The stack `local` as it is declared: its processes, what each is recognised by, and what terraform is told of them. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { App, Testing } from '../src/cdk.ts';
import { EnvironmentError, parseEnvironment } from '../src/config/environment.ts';
import type { LocalConfig } from '../src/config/machine.ts';
import { localTiers, marksOf } from '../src/local/local-processes.ts';
import type { ProcessSpec } from '../src/local/process-spec.ts';
import { parseProcessTable } from '../src/local/process-table.ts';
import { LocalStack } from '../src/stacks/local.ts';

let infraDir: string;

beforeAll(() => {
  infraDir = mkdtempSync(join(tmpdir(), 'troupe-local-'));
});
afterAll(() => {
  rmSync(infraDir, { recursive: true, force: true });
});

function local(changes: object = {}): LocalConfig {
  const environment = parseEnvironment('test', { kind: 'local', dataDir: '/data', handlerDirs: ['.'], ...changes });
  if (environment.kind !== 'local') throw new Error('not local');
  return environment;
}

const installation = () => ({ rootDir: '/troupe', infraDir, nodePath: '/node', version: '1.2.3' });

function processesOf(config: LocalConfig): readonly ProcessSpec[] {
  const { backing, schema, nodes, gateways } = localTiers(config, installation());
  return [...backing, ...schema, ...nodes, ...gateways];
}

interface Instance {
  readonly process: string;
  readonly trigger: string;
}
interface Synthesized {
  readonly resource: {
    readonly terraform_data: Readonly<
      Record<
        string,
        {
          readonly for_each?: Readonly<Record<string, Instance>>;
          readonly depends_on?: readonly string[];
          readonly provisioner: readonly { readonly 'local-exec': object }[];
        }
      >
    >;
  };
}

function synthesized(config: LocalConfig, generations: Readonly<Record<string, string>> = {}): Synthesized {
  const stack = new LocalStack(new App({ context: { excludeStackIdFromLogicalIds: 'true' } }), config, {
    installation: installation(),
    generationOf: ({ name }) => generations[name] ?? 'g1',
  });
  return JSON.parse(Testing.synth(stack)) as Synthesized;
}

function instancesOf({ resource }: Synthesized): Readonly<Record<string, Instance>> {
  return Object.assign({}, ...Object.values(resource.terraform_data).map((each) => each.for_each ?? {})) as Readonly<
    Record<string, Instance>
  >;
}

describe('the processes of an environment', () => {
  it('are NATS, Cassandra, the schema, the nodes and the gateway', () => {
    expect(processesOf(local({ nodes: 3 })).map(({ name }) => name)).toEqual([
      ...['nats', 'cassandra', 'migrate', 'node-1', 'node-2', 'node-3', 'gateway'],
    ]);
    expect(processesOf(local({ store: 'sqlite', nodes: 1 })).map(({ name }) => name)).not.toContain('cassandra');
  });

  it('are each recognised by a text that no other has, and all by those of the environment', () => {
    const processes = processesOf(local({ nodes: 12 }));
    for (const { name, mark } of processes) {
      expect(processes.filter((other) => other.mark.includes(mark)).map((other) => other.name)).toEqual([name]);
    }
    const lasting = processes.filter(({ readiness }) => readiness.kind !== 'exit');
    for (const { mark } of lasting)
      expect(
        marksOf('/data').some((text) => mark.startsWith(text)),
        mark,
      ).toBe(true);
  });

  it('have the configuration that the environment says, in a file', () => {
    const node = processesOf(local({ threadsPerNode: 3, drainSeconds: 7, ports: { nats: 5000 } })).find(
      ({ name }) => name === 'node-2',
    );
    expect(node?.command.argv).toEqual(['/node', '/troupe/scripts/troupe.mjs', 'serve', '--config', node?.file?.path]);
    expect(JSON.parse(node?.file?.content ?? '')).toMatchObject({
      nodeId: 'node-2',
      roles: ['shards', 'workers'],
      nats: { servers: ['127.0.0.1:5000'], syncIntervalMs: 10_000 },
      store: { kind: 'cassandra' },
      workers: { threads: 3, handlerDirs: [infraDir] },
      http: { port: 8082 },
      shutdown: { graceMs: 7_000 },
    });
  });

  it.each([
    ['two that want one port', { ports: { nats: 9042 } }, 'ports.cassandra: port 9042 is that of `nats`, too'],
    ['a node on the port of another', { ports: { gateway: 8081 } }, 'ports.http: port 8081 is that of `gateway`, too'],
    ['a port that there is not', { ports: { http: 65_535 } }, 'ports.http: port 65536 is above 65535'],
  ])('are refused: %s', (_, changes, problem) => {
    expect(() => local(changes)).toThrow(problem);
  });
});

describe('the stack local', () => {
  it('starts in order, and stops the other way round', () => {
    const { terraform_data: resources } = synthesized(local()).resource;
    const chain = ['machine', 'backing', 'schema', 'node', 'gateway'];
    for (const [index, name] of chain.entries()) {
      const before = index === 0 ? undefined : [`terraform_data.${chain[index - 1] ?? ''}`];
      expect(resources[name]?.depends_on).toEqual(before);
    }
  });

  it('replaces what has a new generation, and nothing else', () => {
    const before = instancesOf(synthesized(local()));
    expect(instancesOf(synthesized(local()))).toEqual(before);
    const after = instancesOf(synthesized(local(), { cassandra: 'g2' }));
    const changed = Object.keys(after).filter((name) => after[name]?.trigger !== before[name]?.trigger);
    expect(changed).toEqual(['cassandra']);
  });

  it('has nothing in its commands that needs quoting, and refers to nothing but itself in them', () => {
    const { terraform_data: resources } = synthesized(local()).resource;
    for (const { provisioner } of Object.values(resources)) {
      const text = JSON.stringify(provisioner);
      expect(text).not.toContain('/data');
      expect([...text.matchAll(/\$\{([a-z]+)\./g)].map(([, root]) => root)).not.toContain('each');
    }
  });

  it('takes a path that looks like a template of terraform as it is', () => {
    const instances = instancesOf(synthesized(local({ dataDir: '/data/${x}' })));
    expect(instances['node-1']?.process).toContain('/data/$${x}/');
  });

  it('refuses a folder of handlers that is not there, by its path', () => {
    expect(() => synthesized(local({ handlerDirs: ['.', 'nowhere'] }))).toThrow(EnvironmentError);
    expect(() => synthesized(local({ handlerDirs: ['.', 'nowhere'] }))).toThrow(/handlerDirs\[1\]: there is no folder/);
  });
});

it('the table of processes leaves out those that have ended', () => {
  expect(
    parseProcessTable('    1 /sbin/init\n 4711 node serve --config /a b.json\n   99 [node] <defunct>\n\n'),
  ).toEqual([
    { pid: 1, args: '/sbin/init' },
    { pid: 4711, args: 'node serve --config /a b.json' },
  ]);
});
