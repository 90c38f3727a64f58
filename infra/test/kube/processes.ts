/** Programs that a test starts: each with its log, ended by its own process id, and never left behind. */
import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

const stopGraceMs = 10_000;
const pollMs = 100;

/** Ends the program when its own input ends: when it is told to stop, and also when whoever told it to run is killed. */
const keeper = [
  'exec 3<&0',
  '"$@" 3<&- </dev/null & program=$!',
  '{ cat <&3 >/dev/null; kill -TERM $program; } 2>/dev/null &',
  'wait $program',
].join('\n');

export interface RunningProgram {
  readonly isRunning: () => boolean;
  /** The end of what it wrote. */
  readonly logTail: () => string;
  /** SIGTERM, and SIGKILL after a grace. */
  readonly stop: () => Promise<void>;
}

export function startProgram(command: string, args: readonly string[], logFile: string): RunningProgram {
  const log = openSync(logFile, 'w');
  const options = { stdio: ['pipe', log, log] as ['pipe', number, number], detached: true };
  const child = spawn('sh', ['-c', keeper, 'sh', command, ...args], options);
  closeSync(log);
  child.stdin?.on('error', () => undefined);
  const { pid } = child;
  if (pid === undefined) throw new Error(`${command} does not start`);
  let isRunning = true;
  const ended = new Promise<void>((resolve) => {
    child.on('exit', () => {
      isRunning = false;
      child.stdin?.destroy();
      resolve();
    });
  });
  return {
    isRunning: () => isRunning,
    logTail: () => readFileSync(logFile, 'utf8').slice(-2_000),
    stop: async () => {
      child.stdin?.end();
      const timer = setTimeout(() => process.kill(-pid, 'SIGKILL'), stopGraceMs);
      await ended;
      clearTimeout(timer);
    },
  };
}

/** Waits until `condition` holds. Throws at the deadline, with the last answer or error. */
export async function until<T>(what: string, deadlineMs: number, condition: () => Promise<T | undefined>): Promise<T> {
  const endsAt = performance.now() + deadlineMs;
  let last = '';
  for (;;) {
    try {
      const value = await condition();
      if (value !== undefined) return value;
    } catch (error) {
      last = `: ${error instanceof Error ? error.message : String(error)}`;
    }
    if (performance.now() > endsAt) throw new Error(`not within ${deadlineMs} ms: ${what}${last}`);
    await delay(pollMs);
  }
}

/** Ports that are free now, all different. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      return server;
    }),
  );
  const ports = servers.map((server) => {
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('a server without a port');
    return address.port;
  });
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
