/**
 * A cluster of real processes for tests: one nats-server, any number of `troupe dev` processes, and a store that they
 * share.
 * Every cluster has its own folders, ports and subject root. `stop` ends every process that it started, frozen ones
 * included.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type LogLine, signalPid, startNodeProcess, type TestNode } from './cluster-node.ts';
import { startTestNats, type TestNats } from './nats.ts';
import { stopProcess } from './stopped-process.ts';

export type { TestNode } from './cluster-node.ts';

export const clusterHandlersDir = fileURLToPath(new URL('./cluster-handlers', import.meta.url));

export const checkpointHandlersDir = fileURLToPath(new URL('./checkpoint-handlers', import.meta.url));

export interface NodeOptions {
  readonly roles?: readonly ('gateway' | 'shards' | 'workers')[];
  readonly threads?: number;
  /** Default: the handlers in `cluster-handlers`. */
  readonly handlerDirs?: readonly string[];
  /** `host:port` of a proxy in front of the cluster's nats-server. Default: no proxy. */
  readonly nats?: string;
  /** Configuration keys and their values. */
  readonly settings?: Readonly<Record<string, string | number | boolean>>;
  /** The port of an earlier process. Default: a free port. */
  readonly port?: number;
  /** Options of Node for the process. */
  readonly nodeArgs?: readonly string[];
  /** Additional environment variables of the process. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface TestCluster {
  readonly dir: string;
  readonly root: string;
  readonly sqlitePath: string;
  readonly broker: TestNats;
  startNode(name: string, options?: NodeOptions): Promise<TestNode>;
  /** Starts a node again under its name, in its folder and with its old options. */
  restartNode(node: TestNode, options?: NodeOptions): Promise<TestNode>;
  /** Who took this shard last, according to the logs of the nodes. */
  ownerOf(shard: number): { readonly node: TestNode; readonly epoch: number } | undefined;
  /** What all nodes have logged, those that have ended included. */
  lines(): readonly LogLine[];
  /** Resolves once the server stands still: it may answer for a moment after the signal. */
  freezeNats(): Promise<void>;
  thawNats(): void;
  killNats(): Promise<void>;
  restartNats(): Promise<void>;
  wipeNats(): Promise<void>;
  waitFor<T>(what: string, condition: Condition<T>, withinMs: number): Promise<NonNullable<T>>;
  stop(): Promise<void>;
}

type Falsy = false | undefined | null;
export type Condition<T> = () => T | Falsy | Promise<T | Falsy>;

export interface ClusterOptions {
  /** Settings for every node, such as the store. */
  readonly settings?: NodeOptions['settings'];
}

const pollMs = 20;

export async function startCluster(options: ClusterOptions = {}): Promise<TestCluster> {
  const dir = await mkdtemp(join(tmpdir(), 'troupe-e2e-'));
  const broker = await startTestNats();
  return new Cluster(dir, broker, options);
}

/**
 * Resolves with the value that `condition` returns. A rejection of the condition counts as "not yet". On timeout the
 * error includes the text of `state`.
 */
export async function waitFor<T>(
  what: string,
  condition: Condition<T>,
  withinMs: number,
  state: () => string = () => '',
): Promise<NonNullable<T>> {
  const endMs = performance.now() + withinMs;
  let trouble: unknown;
  for (;;) {
    try {
      const found = await condition();
      trouble = undefined;
      if (found !== false && found !== undefined && found !== null) return found;
    } catch (error) {
      trouble = error;
    }
    if (performance.now() > endMs) {
      const last = trouble instanceof Error ? `; last: ${trouble.message}` : '';
      throw new Error(`not within ${withinMs} ms: ${what}${last}\n${state()}`, { cause: trouble });
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

class Cluster implements TestCluster {
  readonly dir: string;
  readonly root: string;
  readonly sqlitePath: string;
  readonly broker: TestNats;
  readonly #options: ClusterOptions;
  readonly #nodes: { readonly node: TestNode; readonly options: NodeOptions }[] = [];

  constructor(dir: string, broker: TestNats, options: ClusterOptions) {
    this.dir = dir;
    this.broker = broker;
    this.root = `t${broker.port}`;
    this.sqlitePath = join(dir, 'shared.db');
    this.#options = options;
  }

  async startNode(name: string, options: NodeOptions = {}): Promise<TestNode> {
    const cwd = join(this.dir, name);
    await mkdir(cwd, { recursive: true });
    const { env, nodeArgs = [] } = options;
    const node = await startNodeProcess({ name, cwd, args: this.#args(name, options), nodeArgs, ...(env && { env }) });
    this.#nodes.push({ node, options });
    return node;
  }

  async restartNode(node: TestNode, more: NodeOptions = {}): Promise<TestNode> {
    const former = this.#nodes.findLast((known) => known.node === node)?.options;
    const port = node.address === undefined ? {} : { port: Number(node.address.split(':').at(-1)) };
    return this.startNode(node.name, { ...former, ...port, ...more });
  }

  ownerOf(shard: number): { readonly node: TestNode; readonly epoch: number } | undefined {
    let owner: { readonly node: TestNode; readonly epoch: number } | undefined;
    for (const { node } of this.#nodes) {
      for (const line of node.lines) {
        if (line.event !== 'shard.taken' || line.shard !== shard) continue;
        const epoch = line.epoch ?? 0;
        if (owner === undefined || epoch > owner.epoch) owner = { node, epoch };
      }
    }
    return owner;
  }

  lines = (): readonly LogLine[] => this.#nodes.flatMap(({ node }) => node.lines);
  freezeNats = (): Promise<void> => stopProcess(this.broker.pid());
  thawNats = (): void => signalPid(this.broker.pid(), 'SIGCONT');
  killNats = (): Promise<void> => this.broker.kill();
  restartNats = (): Promise<void> => this.broker.restart();
  wipeNats = (): Promise<void> => this.broker.restart({ wipe: true });

  waitFor<T>(what: string, condition: Condition<T>, withinMs: number): Promise<NonNullable<T>> {
    return waitFor(what, condition, withinMs, () => this.#describe());
  }

  async stop(): Promise<void> {
    this.thawNats();
    await Promise.all(this.#nodes.map(({ node }) => node.discard()));
    await this.broker.stop();
    await rm(this.dir, { recursive: true, force: true });
  }

  #args(name: string, options: NodeOptions): string[] {
    const settings = {
      'nats.subjectRoot': this.root,
      'store.sqlite.path': this.sqlitePath,
      'shutdown.graceMs': 3_000,
      // The same as the nats-server of these tests.
      'nats.syncIntervalMs': 10_000,
      ...this.#options.settings,
      ...options.settings,
    };
    const handlers = options.handlerDirs ?? [clusterHandlersDir];
    return [
      '--no-samples',
      ...['--node-id', name],
      ...['--data-dir', join(this.dir, name, 'data')],
      ...['--nats', options.nats ?? `127.0.0.1:${this.broker.port}`],
      ...['--port', String(options.port ?? 0)],
      ...['--http-port', '0', '--web-port', '0'],
      ...['--threads', String(options.threads ?? 2)],
      ...(options.roles === undefined ? [] : ['--roles', options.roles.join(',')]),
      ...handlers.flatMap((path) => ['--handlers', path]),
      ...Object.entries(settings).flatMap(([key, value]) => ['--set', `${key}=${value}`]),
    ];
  }

  #describe(): string {
    const tail = (lines: readonly LogLine[]): string =>
      lines
        .slice(-12)
        .map((line) => `    ${line.text.slice(0, 300)}`)
        .join('\n');
    return this.#nodes
      .map(({ node }) => `  ${node.name} pid ${node.pid} ${node.isAlive ? 'alive' : 'gone'}\n${tail(node.lines)}`)
      .join('\n');
  }
}
