/** One Troupe process under test: `troupe dev` as a user starts it, with ways to disturb it by process id. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type ClientOptions, connect, type TroupeClient } from '../../src/client/index.ts';

const mainFile = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const readyTimeoutMs = 120_000;
const keptLines = 2_000;
/** Longer than a drain may take with the flags that `startNode` passes. */
const stopTimeoutMs = 20_000;

export interface LogLine {
  readonly level?: string;
  readonly event?: string;
  readonly shard?: number;
  readonly epoch?: number;
  readonly msg?: string;
  readonly text: string;
}

export interface TestNode {
  readonly name: string;
  readonly pid: number;
  /** Undefined if the node has no gateway role. */
  readonly address: string | undefined;
  readonly httpUrl: string;
  readonly natsUrl: string;
  readonly isAlive: boolean;
  readonly exited: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  readonly lines: readonly LogLine[];
  client(options?: Partial<ClientOptions>): TroupeClient;
  /** Sends SIGKILL to the process only. The processes that it started must end by themselves. */
  kill(): Promise<void>;
  /** Sends SIGSTOP to the process and all its descendants, like a machine that stalls. */
  freeze(): void;
  thaw(): void;
  /** Sends SIGTERM and waits for the drain. Resolves with the exit code. */
  stop(): Promise<number | null>;
  /** The process ids of all descendants. */
  children(): readonly number[];
  /** Sends SIGKILL to the process and all its descendants, at the end of a test. */
  discard(): Promise<void>;
}

export interface NodeCommand {
  readonly name: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** Options of Node. */
  readonly nodeArgs?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** All processes of this test file that still run. They are killed on exit, in case the test run is cut short. */
const alive = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of alive) killTree(child.pid ?? 0);
});

/** Starts the process. Resolves when it reports that it is ready, with the ports that it has bound. */
export async function startNodeProcess(command: NodeCommand): Promise<TestNode> {
  const nodeArgs = ['--disable-warning=ExperimentalWarning', ...(command.nodeArgs ?? [])];
  const child = spawn(process.execPath, [...nodeArgs, mainFile, 'dev', ...command.args], {
    cwd: command.cwd,
    env: { ...cleanEnvironment(), ...command.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  alive.add(child);
  watch(child);
  const lines: LogLine[] = [];
  const said = new Map<string, string>();
  const ready = Promise.withResolvers<undefined>();
  const exited = new Promise<Awaited<TestNode['exited']>>((resolve) => {
    child.once('exit', (code, signal) => {
      alive.delete(child);
      resolve({ code, signal });
    });
  });
  const keep = (text: string): void => {
    lines.push(readLine(text));
    if (lines.length > keptLines) lines.splice(0, keptLines / 2);
  };
  createInterface({ input: child.stdout }).on('line', keep);
  createInterface({ input: child.stderr }).on('line', (text) => {
    keep(text);
    const [, key, value] = /^ {2}(gRPC|HTTP|NATS|store) +(\S+)/.exec(text) ?? [];
    if (key !== undefined && value !== undefined) said.set(key, value);
    if (key === 'store') ready.resolve(undefined);
  });
  const tail = (): string =>
    lines
      .slice(-15)
      .map((line) => line.text.slice(0, 600))
      .join('\n');
  void exited.then(({ code }) => ready.reject(new Error(`${command.name} ended with ${String(code)}:\n${tail()}`)));
  const late = setTimeout(() => ready.reject(new Error(`${command.name} is not ready:\n${tail()}`)), readyTimeoutMs);
  try {
    await ready.promise;
  } catch (error) {
    killTree(child.pid ?? 0);
    throw error;
  } finally {
    clearTimeout(late);
  }
  return nodeOf(command.name, child, { said, lines, exited });
}

/**
 * Kills the child if this process disappears, even by SIGKILL: the kernel then closes the pipe that the watchdog reads.
 */
function watch(child: ChildProcess): void {
  const script = 'read -r _; kill -KILL "$1" 2>/dev/null';
  const watchdog = spawn('sh', ['-c', script, 'watchdog', String(child.pid)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  watchdog.unref();
  child.once('exit', () => watchdog.kill('SIGKILL'));
}

interface Known {
  readonly said: ReadonlyMap<string, string>;
  readonly lines: readonly LogLine[];
  readonly exited: TestNode['exited'];
}

function nodeOf(name: string, child: ChildProcess, { said, lines, exited }: Known): TestNode {
  const pid = child.pid ?? 0;
  const address = said.get('gRPC');
  const clients = new Set<TroupeClient>();
  void exited.then(() => {
    for (const client of clients) client.close();
  });
  const toTree = (signal: NodeJS.Signals): void => {
    for (const one of [pid, ...descendants(pid)]) signalPid(one, signal);
  };
  return {
    name,
    pid,
    address,
    httpUrl: said.get('HTTP') ?? '',
    natsUrl: said.get('NATS') ?? '',
    get isAlive() {
      return alive.has(child);
    },
    exited,
    lines,
    client(options = {}) {
      if (address === undefined) throw new Error(`${name} has no gateway`);
      const client = connect({ address, ...options });
      clients.add(client);
      return client;
    },
    async kill() {
      signalPid(pid, 'SIGKILL');
      await exited;
    },
    freeze: () => toTree('SIGSTOP'),
    thaw: () => toTree('SIGCONT'),
    async stop() {
      toTree('SIGCONT');
      signalPid(pid, 'SIGTERM');
      const late = setTimeout(() => killTree(pid), stopTimeoutMs);
      const { code } = await exited;
      clearTimeout(late);
      return code;
    },
    children: () => descendants(pid),
    async discard() {
      if (!alive.has(child)) return;
      killTree(pid);
      await exited;
    },
  };
}

function readLine(text: string): LogLine {
  if (!text.startsWith('{')) return { text };
  try {
    return { ...(JSON.parse(text) as object), text };
  } catch {
    return { text };
  }
}

/**
 * Removes settings for Troupe and test tools from the environment, so that the shell of the tests does not affect the
 * process.
 */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([key]) => !/^(TROUPE_|VITEST|NODE_OPTIONS|NODE_ENV)/.test(key));
  const server = process.env['TROUPE_NATS_SERVER'];
  return { ...Object.fromEntries(kept), ...(server !== undefined && { TROUPE_NATS_SERVER: server }) };
}

export function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

/** All descendants, found by the parent ids in /proc. */
function descendants(root: number): readonly number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
      parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]));
    } catch {
      // the process ended in the meantime
    }
  }
  const found = new Set([root]);
  for (let before = 0; before < found.size;) {
    before = found.size;
    for (const [pid, parent] of parents) if (found.has(parent)) found.add(pid);
  }
  found.delete(root);
  return [...found];
}

export function signalPid(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // the process has already ended
  }
}

function killTree(pid: number): void {
  for (const one of [pid, ...descendants(pid)]) signalPid(one, 'SIGKILL');
}
