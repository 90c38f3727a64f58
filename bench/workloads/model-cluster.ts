/**
 * A cluster on a modelled store: a nats-server, a process with gateway and workers, and some processes with shards,
 * each with an equal share of them.
 */
import { fork } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { connect } from '../../src/client/index.ts';
import { startTestNats } from '../../test/support/nats.ts';
import type { Teardown } from '../harness/teardown.ts';
import type { ModelProcessInput, ModelProcessPorts } from './model-process.ts';
import type { Target } from './session.ts';

export interface ModelClusterOptions {
  readonly shardProcesses: number;
  readonly shardCount: number;
  readonly commitMs: number;
  readonly teardown: Teardown;
}

export interface ModelProcess extends ModelProcessPorts {
  readonly pid: number;
}

export interface ModelCluster extends Target {
  readonly natsPid: number;
  readonly edge: ModelProcess;
  readonly shards: readonly ModelProcess[];
  stop(): Promise<void>;
}

const handlers = fileURLToPath(new URL('../handlers/', import.meta.url));
const pollMs = 200;
const spreadTimeoutMs = 60_000;

export async function startModelCluster(options: ModelClusterOptions): Promise<ModelCluster> {
  const { shardProcesses, shardCount, commitMs, teardown } = options;
  const folder = await mkdtemp(join(tmpdir(), 'troupe-bench-'));
  const nats = await startTestNats();
  const stops: (() => Promise<void>)[] = [
    () => rm(folder, { recursive: true, force: true, maxRetries: 3 }),
    () => nats.stop(),
  ];
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> =>
    (stopping ??= (async () => {
      for (const one of stops.reverse()) await one();
    })());
  teardown.add(stop);
  const begin = async (name: string, settings: ModelProcessInput['settings']): Promise<ModelProcess> => {
    const common = {
      nodeId: name,
      dataDir: join(folder, name),
      'nats.servers': [nats.url],
      'gateway.port': 0,
      'http.port': 0,
      'log.level': 'warn',
      'shards.weight': 1,
    };
    const { process, ended } = await startModelProcess({ settings: { ...common, ...settings }, commitMs, shardCount });
    stops.push(ended);
    return process;
  };
  const workers = { 'workers.handlerDirs': [handlers], 'workers.threads': 1 };
  const edge = await begin('edge', { roles: ['gateway', 'workers'], ...workers });
  const names = Array.from({ length: shardProcesses }, (_, n) => `shards-${n}`);
  const shards = await Promise.all(names.map((name) => begin(name, { roles: ['shards'] })));
  const address = `127.0.0.1:${edge.gatewayPort}`;
  await spread(address, shardCount / shardProcesses, shardCount);
  return { address, natsUrl: nats.url, natsPid: nats.pid(), edge, shards, stop };
}

async function startModelProcess(
  input: ModelProcessInput,
): Promise<{ readonly process: ModelProcess; readonly ended: () => Promise<void> }> {
  const child = fork(fileURLToPath(new URL('./model-process.ts', import.meta.url)), [], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    execArgv: ['--disable-warning=ExperimentalWarning'],
    // Ctrl-C must reach only the bench, which then stops everything in order.
    detached: true,
  });
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const ended = (): Promise<void> => {
    child.kill('SIGKILL');
    return gone;
  };
  const ports = await new Promise<ModelProcessPorts>((resolve, reject) => {
    child.once('message', (answer: { readonly ports: ModelProcessPorts } | { readonly error: string }) => {
      if ('ports' in answer) resolve(answer.ports);
      else reject(new Error(answer.error));
    });
    child.once('exit', () => reject(new Error('a process of the modelled cluster ended at its start')));
    child.send(input);
  });
  return { process: { ...ports, pid: child.pid ?? 0 }, ended };
}

/** Waits until every process has its share. Processes that start together give shards to each other at first. */
async function spread(address: string, share: number, shardCount: number): Promise<void> {
  const client = connect({ address });
  const endMs = performance.now() + spreadTimeoutMs;
  try {
    for (;;) {
      const { shards } = await client.cluster.shards();
      const counts = new Map<string, number>();
      for (const { node } of shards) counts.set(node ?? '', (counts.get(node ?? '') ?? 0) + 1);
      if (shards.length === shardCount && [...counts.values()].every((count) => count === share)) return;
      if (performance.now() > endMs) throw new Error(`the shards are not spread: ${JSON.stringify([...counts])}`);
      await sleep(pollMs);
    }
  } finally {
    client.close();
  }
}
