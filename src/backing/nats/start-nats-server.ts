/**
 * Runs a nats-server for one machine as a child process that never outlives its parent.
 * A small shell, the guardian, runs between the two. It holds the read end of a pipe whose write end only we have, and
 * stops the server when the pipe closes. The kernel closes it even if we are killed.
 * If a server is left over all the same, the next start stops it, or refuses to start if its owner is alive, see
 * `stale-server.ts`.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '../../application/ports/runtime.ts';
import { TroupeError } from '../../domain/errors.ts';
import { natsServerConfiguration } from './nats-server-config.ts';
import { releaseStoreDir } from './stale-server.ts';

/** How to start a server. */
export interface StartNatsServerOptions {
  readonly path: string;
  /** The directory of the streams, the log, the configuration and the process id file. */
  readonly storeDir: string;
  /** 0 takes a free port. */
  readonly port: number;
  /** Default 127.0.0.1. */
  readonly host?: string;
  /**
   * When JetStream syncs to disk. `always` syncs before each acknowledgement, which is right on one machine, where no
   * other copy exists. A duration (`10s`) is faster but may lose the newest messages in a power failure. Job records
   * are not affected, because they are in the store. Default `always`.
   */
  readonly syncInterval?: string;
  /** The longest start, in ms. Default one minute, because after a crash the server reads all stored messages first. */
  readonly startMaxMs?: number;
  /** Aborts the start, which then rejects and leaves nothing running. */
  readonly stop?: AbortSignal;
  readonly log: Logger;
}

/** A running server. */
export interface NatsServerHandle {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  readonly logFile: string;
  /** Resolves when the server has exited, whatever the reason. */
  readonly exited: Promise<void>;
  /** Sends SIGTERM, and SIGKILL after 10 s. Resolves when the server has exited. */
  stop(): Promise<void>;
  /** Sends SIGKILL; for crash tests. */
  kill(): Promise<void>;
}

const startDefaultMs = 60_000;
const stopTimeoutMs = 10_000;
const pollMs = 20;

/**
 * Runs the server ($1) with its configuration ($2), and beside it a subshell that reads our pipe (fd 3) and stops the
 * server at end of file. The shell must not `exec` the server: it has to wait for it and then end the reader.
 */
const guardian = `
exec 3<&0 </dev/null
"$1" -c "$2" 3<&- &
server=$!
( read -r _ <&3; kill -TERM "$server"; sleep 5; kill -KILL "$server" ) 2>/dev/null &
reader=$!
exec 3<&-
wait "$server"
code=$?
kill -KILL "$reader" 2>/dev/null
exit "$code"
`;

/**
 * Starts a server and waits until it accepts connections. Rejects with BROKER_UNAVAILABLE if the directory or the port
 * is in use, or if the server does not start in time.
 */
export async function startNatsServer(options: StartNatsServerOptions): Promise<NatsServerHandle> {
  const { storeDir } = options;
  const host = options.host ?? '127.0.0.1';
  const files = {
    config: join(storeDir, 'nats-server.conf'),
    log: join(storeDir, 'nats-server.log'),
    pid: join(storeDir, 'nats-server.pid'),
    owner: join(storeDir, 'owner.pid'),
  };
  await mkdir(storeDir, { recursive: true });
  await releaseStoreDir({ pidFile: files.pid, ownerFile: files.owner, configFile: files.config, log: options.log });
  await removePortsFiles(storeDir);
  if (options.port !== 0) await assertPortFree(host, options.port);
  await writeFile(files.config, natsServerConfiguration({ ...options, host, files }));
  await writeFile(files.owner, String(process.pid));
  const guardianProcess = spawn('sh', ['-c', guardian, 'nats-guardian', options.path, files.config], {
    stdio: ['pipe', 'ignore', 'ignore'],
    // A process group of its own: Ctrl-C in a terminal must reach only us, so that we can stop the server in the right
    // order.
    detached: true,
  });
  const exited = new Promise<void>((resolve) => {
    guardianProcess.once('exit', () => resolve());
    guardianProcess.once('error', () => resolve());
  });
  guardianProcess.unref();
  const { startMaxMs = startDefaultMs } = options;
  const start: Start = {
    storeDir,
    pidFile: files.pid,
    logFile: files.log,
    exited,
    host,
    startMaxMs,
    stop: options.stop,
  };
  const started = await waitUntilReady(start).catch(async (error: unknown) => {
    // A server left running would block the directory for our own next start.
    await endGroup(guardianProcess.pid);
    throw error;
  });
  options.log.info({ ...started, storeDir }, 'nats-server started');
  return {
    url: `nats://${host}:${started.port}`,
    ...started,
    logFile: files.log,
    exited,
    stop: () => end(guardianProcess, started.pid, 'SIGTERM', exited),
    kill: () => end(guardianProcess, started.pid, 'SIGKILL', exited),
  };
}

interface Start {
  readonly storeDir: string;
  readonly pidFile: string;
  readonly logFile: string;
  readonly exited: Promise<void>;
  readonly host: string;
  readonly startMaxMs: number;
  readonly stop: AbortSignal | undefined;
}

async function waitUntilReady(start: Start): Promise<{ readonly port: number; readonly pid: number }> {
  const gone = new AbortController();
  void start.exited.then(() => gone.abort());
  const endMs = performance.now() + start.startMaxMs;
  while (!gone.signal.aborted && start.stop?.aborted !== true && performance.now() < endMs) {
    const port = await readPort(start.storeDir);
    const pid = Number(await readFile(start.pidFile, 'utf8').catch(() => ''));
    if (port !== undefined && pid > 0 && (await accepts(start.host, port))) return { port, pid };
    await delay(pollMs);
  }
  const lines = (await readFile(start.logFile, 'utf8').catch(() => '')).trimEnd().split('\n').slice(-3).join(' | ');
  throw new TroupeError('BROKER_UNAVAILABLE', {
    message: `nats-server did not start${gone.signal.aborted ? '' : ` within ${start.startMaxMs} ms`}: ${lines}`,
  });
}

/** The port, from the `<name>_<pid>.ports` file that the server writes once it listens. */
async function readPort(storeDir: string): Promise<number | undefined> {
  for (const name of await readdir(storeDir)) {
    if (!name.endsWith('.ports')) continue;
    const text = await readFile(join(storeDir, name), 'utf8').catch(() => '');
    const port = /"nats"\s*:\s*\[\s*"nats:\/\/[^"]*:(\d+)"/.exec(text)?.[1];
    if (port !== undefined) return Number(port);
  }
  return undefined;
}

async function removePortsFiles(storeDir: string): Promise<void> {
  for (const name of await readdir(storeDir)) {
    if (name.endsWith('.ports')) await rm(join(storeDir, name), { force: true });
  }
}

function accepts(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    socket.setTimeout(1_000);
    const done = (answer: boolean) => (): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', done(true)).once('error', done(false)).once('timeout', done(false));
  });
}

async function assertPortFree(host: string, port: number): Promise<void> {
  if (!(await accepts(host, port))) return;
  throw new TroupeError('BROKER_UNAVAILABLE', {
    message: `port ${port} on ${host} is in use by another program; choose another port for the embedded nats-server`,
  });
}

async function end(
  guardianProcess: ChildProcess,
  pid: number,
  signal: 'SIGTERM' | 'SIGKILL',
  exited: Promise<void>,
): Promise<void> {
  if (guardianProcess.exitCode !== null || guardianProcess.signalCode !== null) return;
  // Otherwise this process would end, if it has nothing else to do, in the moment between the last signal and the end.
  guardianProcess.ref();
  signalProcess(pid, signal);
  const late = setTimeout(() => signalProcess(pid, 'SIGKILL'), stopTimeoutMs);
  await exited;
  clearTimeout(late);
}

/** Ends the process group of the guardian and its server. */
async function endGroup(leader: number | undefined): Promise<void> {
  if (leader === undefined) return;
  const endMs = performance.now() + stopTimeoutMs;
  while (signalProcess(-leader, performance.now() < endMs ? 'SIGTERM' : 'SIGKILL')) await delay(pollMs);
}

/** Returns false if the process does not exist. */
function signalProcess(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}
