/**
 * Runs one Cassandra node as a child process and waits until it answers. Its output goes to `cassandra.log` in the data
 * folder.
 * The data folder survives `stop` and `kill`, so a node that is started on it again has all its data.
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

/** A cold start takes 10 s on two idle cores; this leaves room for busy ones. */
const startTimeoutMs = 120_000;
const stopTimeoutMs = 30_000;
const probeIntervalMs = 100;
/**
 * An idle conditional commit waits for this window about three times. Longer windows gained no throughput in our
 * measurements.
 */
export const defaultCommitLogWindowMs = 1;

/** A running node. */
export interface CassandraProcess {
  /** As `host:port`. */
  readonly contactPoints: readonly string[];
  readonly localDataCenter: string;
  readonly pid: number;
  /** Resolves when the process has exited, whatever the reason. */
  readonly exited: Promise<void>;
  /** Sends SIGTERM, so that the node flushes, and SIGKILL after 30 s. */
  stop(): Promise<void>;
  /** Sends SIGKILL; for durability tests. */
  kill(): Promise<void>;
}

/** An OPTIONS frame of protocol version 4. A server that is ready answers with SUPPORTED. */
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

/** Writes the configuration files. Returns the arguments for `java`, which runs the node in the foreground. */
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
      // A process group of its own: Ctrl-C in a terminal must reach only the process that started the node, which then
      // stops it in order.
      detached: true,
    });
    await once(child, 'spawn');
    return child;
  } catch (error) {
    throw new TroupeError('STORE_UNAVAILABLE', {
      message: 'Cassandra needs Java, but the command `java` cannot be started: install a JDK 17',
      cause: error,
    });
  } finally {
    await log.close();
  }
}

/**
 * Runs the official image with the same heap; its data stays inside the container. Not tested where no Docker daemon
 * runs.
 */
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

/** Starts a node and waits until it answers. Rejects with STORE_UNAVAILABLE and the last log lines if it does not. */
export async function startCassandra(input: {
  readonly install: CassandraInstall;
  /** Absolute path; created if it does not exist. */
  readonly dataDir: string;
  readonly nativePort: number;
  readonly storagePort: number;
  readonly heapMb: number;
  /** In ms; default 1. See `CassandraNodeOptions`. */
  readonly commitLogWindowMs?: number;
  readonly ring?: RingPlace;
  readonly moreSettings?: string;
  /** Aborts the start, which then rejects and leaves nothing running. */
  readonly stop?: AbortSignal;
}): Promise<CassandraProcess> {
  const { install, commitLogWindowMs = defaultCommitLogWindowMs, stop, ...rest } = input;
  const options: CassandraNodeOptions = { ...rest, commitLogWindowMs };
  const logPath = join(options.dataDir, 'cassandra.log');
  if (install.kind === 'docker') return startContainer(install.image, options, logPath);
  const child = await spawnJava(install.libDir, options, logPath);
  // Ends the node when this process exits normally. SIGKILL of this process leaves it running.
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
