/** A Redis that keeps every write before it answers, as BullMQ's guide for production sets it up and fsync demands. */
import { spawn } from 'node:child_process';
import { freePort } from '../../harness/free-port.ts';
import { stopChild } from '../../harness/stop-child.ts';
import type { Teardown } from '../../harness/teardown.ts';
import type { RedisProgram } from './redis-program.ts';

export interface RunningRedis {
  readonly pid: number;
  readonly port: number;
  readonly version: string;
  stop(): Promise<void>;
}

/** What differs from Redis' own defaults, printed with the figures. */
export const redisSettings: Readonly<Record<string, string>> = {
  // As durable as Troupe: an answer comes after fsync.
  appendonly: 'yes',
  appendfsync: 'always',
  // Snapshots would only add work: the log alone restores everything.
  save: '',
  // BullMQ demands it.
  'maxmemory-policy': 'noeviction',
};

const readyTimeoutMs = 30_000;
const stopTimeoutMs = 10_000;

export async function startRedis(program: RedisProgram, folder: string, teardown: Teardown): Promise<RunningRedis> {
  const port = await freePort();
  const settings = { ...redisSettings, port: String(port), bind: '127.0.0.1', dir: folder };
  const child = spawn(
    program.path,
    Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]),
    { stdio: ['ignore', 'pipe', 'pipe'], detached: true, env: { ...process.env, ...program.env } },
  );
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const stop = (): Promise<void> => stopChild(child, ended, stopTimeoutMs);
  teardown.add(stop);
  const version = await new Promise<string>((resolve, reject) => {
    let text = '';
    const fail = (why: string): void => reject(new Error(`redis-server ${why}:\n${text.slice(-2_000)}`));
    const timer = setTimeout(() => fail(`was not ready within ${readyTimeoutMs} ms`), readyTimeoutMs);
    const read = (chunk: Buffer): void => {
      if (text.length < 64_000) text += chunk.toString();
      if (!text.includes('Ready to accept connections')) return;
      clearTimeout(timer);
      resolve(/Redis version=([\d.]+)/.exec(text)?.[1] ?? '');
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.once('error', (error) => fail(error.message));
    child.once('exit', (code, signal) => {
      clearTimeout(timer);
      fail(`ended with ${signal ?? `code ${String(code)}`}`);
    });
  });
  return { pid: child.pid ?? 0, port, version, stop };
}
