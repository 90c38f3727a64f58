/**
 * Three real nats-servers that form a cluster, each with its own store, on free ports. `losePower` kills one and
 * restarts it with the copied state of its store.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { eventually, natsServerPath } from './nats.ts';
import { stopProcess } from './stopped-process.ts';

export interface NatsCluster {
  readonly servers: readonly string[];
  urlOf(server: string): string;
  /** The server that leads a stream. */
  leaderOf(stream: string): Promise<string | undefined>;
  /** Copies the store of a server. The server is stopped meanwhile, so the copy is consistent. */
  copyStore(server: string): Promise<void>;
  /** Sends SIGKILL. `start` restarts the server with the data that it had. */
  kill(server: string): Promise<void>;
  start(server: string): void;
  /** Restarts a server with the copied store, so everything after the copy is lost. */
  losePower(server: string): Promise<void>;
  stop(): Promise<void>;
}

interface Server {
  readonly name: string;
  readonly dir: string;
  readonly port: number;
  process: ChildProcess;
}

const servers = ['a', 'b', 'c'];

/** A cluster whose servers ask for logins. */
export interface ClusterAccounts {
  /** Further keys of the configuration of each server. */
  readonly settings: string;
  readonly env: Readonly<Record<string, string>>;
  /** With what it is found out that every server answers. */
  readonly login: { readonly user: string; readonly pass: string };
}

export async function startNatsCluster(accounts?: ClusterAccounts): Promise<NatsCluster> {
  const path = await natsServerPath();
  const dir = await mkdtemp(join(tmpdir(), 'troupe-nats-cluster-'));
  const ports = await freePorts(2 * servers.length);
  const routes = ports.slice(servers.length).map((port) => `nats://127.0.0.1:${port}`);
  const running = new Map<string, Server>();
  const start = (home: string): ChildProcess =>
    spawn(path, ['-c', join(home, 'server.conf')], { stdio: 'ignore', env: { ...process.env, ...accounts?.env } });
  for (const [index, name] of servers.entries()) {
    const home = join(dir, name);
    await mkdir(home);
    const port = ports[index] ?? 0;
    const own = configuration({ name, home, port, route: routes[index] ?? '', routes });
    await writeFile(join(home, 'server.conf'), `${own}${accounts?.settings ?? ''}\n`);
    running.set(name, { name, dir: home, port, process: start(home) });
  }
  const serverOf = (name: string): Server => {
    const server = running.get(name);
    if (server === undefined) throw new Error(`no server ${name}`);
    return server;
  };
  const urlOf = (name: string): string => `nats://127.0.0.1:${serverOf(name).port}`;
  const kill = async ({ process: child }: Server): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  };
  const cluster: NatsCluster = {
    servers,
    urlOf,
    async leaderOf(stream) {
      const connection = await connect({ servers: servers.map(urlOf) });
      try {
        return (await (await jetstreamManager(connection)).streams.info(stream)).cluster?.leader;
      } finally {
        await connection.close();
      }
    },
    async copyStore(name) {
      const { dir: home, process } = serverOf(name);
      await stopProcess(process.pid ?? 0);
      try {
        await cp(join(home, 'jetstream'), join(home, 'copy'), { recursive: true });
      } finally {
        process.kill('SIGCONT');
      }
    },
    kill: (name) => kill(serverOf(name)),
    start(name) {
      const server = serverOf(name);
      server.process = start(server.dir);
    },
    async losePower(name) {
      const server = serverOf(name);
      await kill(server);
      await rm(join(server.dir, 'jetstream'), { recursive: true, force: true });
      await cp(join(server.dir, 'copy'), join(server.dir, 'jetstream'), { recursive: true });
      server.process = start(server.dir);
    },
    async stop() {
      await Promise.all([...running.values()].map(kill));
      await rm(dir, { recursive: true, force: true });
    },
  };
  try {
    await eventually(() => answers(servers.map(urlOf), accounts?.login));
  } catch (error) {
    await cluster.stop();
    throw error;
  }
  return cluster;
}

interface Settings {
  readonly name: string;
  readonly home: string;
  readonly port: number;
  readonly route: string;
  readonly routes: readonly string[];
}

function configuration({ name, home, port, route, routes }: Settings): string {
  return [
    `server_name: ${name}`,
    `listen: 127.0.0.1:${port}`,
    `log_file: ${JSON.stringify(join(home, 'server.log'))}`,
    `jetstream { store_dir: ${JSON.stringify(home)}, max_file_store: 1TB }`,
    `cluster { name: troupe, listen: "${route.replace('nats://', '')}", routes: ${JSON.stringify(routes)} }`,
    '',
  ].join('\n');
}

/** True if JetStream answers on every server, so it has a leader that all of them know. */
async function answers(urls: readonly string[], login?: ClusterAccounts['login']): Promise<boolean> {
  const connections: NatsConnection[] = [];
  try {
    for (const url of urls)
      connections.push(await connect({ servers: url, timeout: 1_000, reconnect: false, ...login }));
    // A login of a role may not ask that.
    if (login !== undefined) return true;
    for (const connection of connections) await jetstreamManager(connection, { timeout: 1_000 });
    return true;
  } catch {
    return false;
  } finally {
    await Promise.all(connections.map((connection) => connection.close()));
  }
}

async function freePorts(count: number): Promise<number[]> {
  const listeners = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(listeners.map((listener) => once(listener, 'listening')));
  const ports = listeners.map((listener) => (listener.address() as AddressInfo).port);
  await Promise.all(listeners.map((listener) => once(listener.close(), 'close')));
  return ports;
}
