/**
 * Runs one Cassandra node as a child process and says when it answers. Its output goes to `cassandra.log` in the data
 * folder. The data folder survives `stop` and `kill`: started again on it, the node has what it had.
 */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, open, readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { TroupeError } from '../../domain/errors.ts';
import {
  cassandraYaml,
  dataCenter,
  javaArguments,
  logbackXml,
  type CassandraNodeOptions,
  type RingPlace,
} from './cassandra-config.ts';
import type { CassandraInstall } from './cassandra-install.ts';

/** A cold start takes 10 s on two free cores; this is for busy ones. */
const startTimeoutMs = 120_000;
const stopTimeoutMs = 30_000;
const probeIntervalMs = 100;
/** An idle conditional commit waits for it about three times, and a longer one gained no throughput. */
export const defaultCommitLogWindowMs = 1;

export interface CassandraProcess {
  /** `host:port` */
  readonly contactPoints: readonly string[];
  readonly localDataCenter: string;
  readonly pid: number;
  /** Settles when it is gone, whatever the reason. */
  readonly exited: Promise<void>;
  /** Flushes and ends; SIGKILL when that takes too long. */
  stop(): Promise<void>;
  /** SIGKILL, for tests of durability. */
  kill(): Promise<void>;
}

/** An OPTIONS frame of protocol version 4; a server that is up answers SUPPORTED. */
const optionsFrame = Buffer.from([4, 0, 0, 0, 5, 0, 0, 0, 0]);
const supportedOpcode = 6;

async function answersCql(host: string, port: number): Promise<boolean> {
  const socket = connect({ host, port });
  try {
    const deadline = AbortSignal.timeout(2_000);
    socket.once('connect', () => socket.write(optionsFrame));
    const [reply] = (await once(socket, 'data', { signal: deadline })) as [Buffer];
    return reply[4] === supportedOpcode;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

function hostOf({ ring }: CassandraNodeOptions): string {
  return ring?.address ?? '127.0.0.1';
}

async function lastLines(path: string): Promise<string> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return text.trimEnd().split('\n').slice(-5).join('\n').slice(-1_500);
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

async function end(child: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  if (hasEnded(child)) return;
  const ended = once(child, 'exit');
  child.kill(signal);
  const timer = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs);
  await ended;
  clearTimeout(timer);
}

async function untilReady(
  child: ChildProcess,
  options: CassandraNodeOptions,
  logPath: string,
  stop?: AbortSignal,
): Promise<void> {
  const deadline = performance.now() + startTimeoutMs;
  while (!(await answersCql(hostOf(options), options.nativePort))) {
    if (hasEnded(child) || performance.now() > deadline || stop?.aborted === true) {
      await end(child, 'SIGKILL');
      throw new TroupeError('STORE_UNAVAILABLE', {
        message: `Cassandra did not start, see ${logPath}:\n${await lastLines(logPath)}`,
      });
    }
    await sleep(probeIntervalMs);
  }
}

/** Writes the files of its configuration. Resolves with the arguments of `java`, which runs it in the foreground. */
export async function prepareJava(libDir: string, options: CassandraNodeOptions): Promise<readonly string[]> {
  const confDir = join(options.dataDir, 'conf');
  await mkdir(confDir, { recursive: true });
  await writeFile(join(confDir, 'cassandra.yaml'), cassandraYaml(options));
  await writeFile(join(confDir, 'logback.xml'), logbackXml);
  return javaArguments(options, confDir, libDir);
}

async function spawnJava(libDir: string, options: CassandraNodeOptions, logPath: string): Promise<ChildProcess> {
  const args = await prepareJava(libDir, options);
  const log = await open(logPath, 'a');
  try {
    const child = spawn('java', [...args], {
      cwd: options.dataDir,
      stdio: ['ignore', log.fd, log.fd],
      // A group of its own: a Ctrl-C in the terminal reaches whoever started it, who then stops it in order.
      detached: true,
    });
    await once(child, 'spawn');
    return child;
  } catch (error) {
    throw new TroupeError('STORE_UNAVAILABLE', {
      message: 'Cassandra needs java, which cannot be started',
      cause: error,
    });
  } finally {
    await log.close();
  }
}

/** Untried where no Docker daemon runs: the official image with the same settings, its data inside the container. */
async function startContainer(
  image: string,
  options: CassandraNodeOptions,
  logPath: string,
): Promise<CassandraProcess> {
  const name = `troupe-cassandra-${options.nativePort}`;
  await mkdir(options.dataDir, { recursive: true });
  const heap = `${options.heapMb}M`;
  const log = await open(logPath, 'a');
  const port = `127.0.0.1:${options.nativePort}:9042`;
  const env = ['-e', `MAX_HEAP_SIZE=${heap}`, '-e', `HEAP_NEWSIZE=100M`];
  const child = spawn('docker', ['run', '--rm', '--name', name, '-p', port, ...env, image], {
    stdio: ['ignore', log.fd, log.fd],
  });
  await log.close();
  await untilReady(child, options, logPath);
  const container = promisify(execFile);
  const finish = async (verb: 'stop' | 'kill'): Promise<void> => {
    await container('docker', [verb, name]).catch(() => undefined);
    await end(child, 'SIGTERM');
  };
  return describeProcess(
    child,
    options,
    () => finish('stop'),
    () => finish('kill'),
  );
}

function describeProcess(
  child: ChildProcess,
  options: CassandraNodeOptions,
  stop: () => Promise<void>,
  kill: () => Promise<void>,
): CassandraProcess {
  return {
    contactPoints: [`${hostOf(options)}:${options.nativePort}`],
    localDataCenter: dataCenter,
    pid: child.pid ?? 0,
    exited: hasEnded(child) ? Promise.resolve() : once(child, 'exit').then(() => undefined),
    stop,
    kill,
  };
}

export async function startCassandra(input: {
  readonly install: CassandraInstall;
  /** Must be absolute; made if need be. */
  readonly dataDir: string;
  readonly nativePort: number;
  readonly storagePort: number;
  readonly heapMb: number;
  /** Default 1 ms. */
  readonly commitLogWindowMs?: number;
  readonly ring?: RingPlace;
  readonly moreSettings?: string;
  /** Nobody wants it any more: it rejects, and leaves nothing running. */
  readonly stop?: AbortSignal;
}): Promise<CassandraProcess> {
  const { install, commitLogWindowMs = defaultCommitLogWindowMs, stop, ...rest } = input;
  const options: CassandraNodeOptions = { ...rest, commitLogWindowMs };
  const logPath = join(options.dataDir, 'cassandra.log');
  if (install.kind === 'docker') return startContainer(install.image, options, logPath);
  const child = await spawnJava(install.libDir, options, logPath);
  // It does not outlive whoever started it, unless that one is killed by SIGKILL.
  const endWithParent = (): void => {
    child.kill('SIGTERM');
  };
  process.once('exit', endWithParent);
  child.once('exit', () => process.removeListener('exit', endWithParent));
  await untilReady(child, options, logPath, stop);
  return describeProcess(
    child,
    options,
    () => end(child, 'SIGTERM'),
    () => end(child, 'SIGKILL'),
  );
}
