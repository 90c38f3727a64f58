/**
 * A nats-server of our own for one machine, as a child that never outlives its parent: a small shell stands between,
 * holds the reading end of a pipe whose writing end only we have, and stops the server when that end closes, which the
 * kernel does even when we are killed. At the next start a server that still runs on the same directory is recognised
 * by its command line and stopped, unless the process that owns it is alive: then starting is refused.
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

export interface StartNatsServerOptions {
  readonly path: string;
  /** Streams, log, configuration and pid of the server. */
  readonly storeDir: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly host?: string;
  /**
   * When JetStream syncs to disk. `always` before each acknowledgement: right for one machine, where nobody else has a
   * copy. A duration (`10s`) is faster and may lose the newest messages with the power; the record is not in there.
   */
  readonly syncInterval?: string;
  /** Of a start; default a minute: after a crash it reads all that its streams hold. */
  readonly startMaxMs?: number;
  /** Nobody wants it any more: it rejects, and leaves nothing running. */
  readonly stop?: AbortSignal;
  readonly log: Logger;
}

export interface NatsServerHandle {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  readonly logFile: string;
  /** Settles when the server is gone, whatever the reason. */
  readonly exited: Promise<void>;
  stop(): Promise<void>;
  /** SIGKILL, for tests of crashes. */
  kill(): Promise<void>;
}

const startDefaultMs = 60_000;
const stopTimeoutMs = 10_000;
const pollMs = 20;

/**
 * $1 server, $2 configuration. Runs the server, and beside it a reader of our pipe (fd 3) that stops it at end of file.
 * `exec`-free on purpose: the shell must stay to wait for the server and to end the reader.
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
    // Its own group: Ctrl-C in a terminal reaches us, and we stop the server in our order.
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
    // Left running it would hold the directory against the next start, which is ours.
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

/** The server writes `<name>_<pid>.ports` once it listens. */
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
    message: `port ${port} on ${host} is taken by another program; choose another port for the embedded nats-server`,
  });
}

async function end(
  guardianProcess: ChildProcess,
  pid: number,
  signal: 'SIGTERM' | 'SIGKILL',
  exited: Promise<void>,
): Promise<void> {
  if (guardianProcess.exitCode !== null || guardianProcess.signalCode !== null) return;
  signalProcess(pid, signal);
  const late = setTimeout(() => signalProcess(pid, 'SIGKILL'), stopTimeoutMs);
  await exited;
  clearTimeout(late);
}

/** The guardian and its server are a group of their own. */
async function endGroup(leader: number | undefined): Promise<void> {
  if (leader === undefined) return;
  const endMs = performance.now() + stopTimeoutMs;
  while (signalProcess(-leader, performance.now() < endMs ? 'SIGTERM' : 'SIGKILL')) await delay(pollMs);
}

/** False: there is none. */
function signalProcess(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}
