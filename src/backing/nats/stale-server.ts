/**
 * Ensures that only one server uses a JetStream directory, because two would corrupt it.
 * A server that an earlier process left behind is stopped; we recognize it by our configuration file on its command
 * line. If the process that started it is alive and still its grandparent (a shell stands between), the directory is in
 * use and we refuse to start.
 */
import { execFile } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Logger } from '../../application/ports/runtime.ts';
import { TroupeError } from '../../domain/errors.ts';

export interface StoreDirFiles {
  readonly pidFile: string;
  readonly ownerFile: string;
  readonly configFile: string;
  readonly log: Logger;
}

const run = promisify(execFile);
const termMs = 5_000;
const pollMs = 50;

/** Stops a stale server. Rejects with BROKER_UNAVAILABLE if the directory is in use or the server does not stop. */
export async function releaseStoreDir(files: StoreDirFiles): Promise<void> {
  const pid = await readPid(files.pidFile);
  if (pid !== undefined && (await isServerOf(pid, files.configFile))) {
    const owner = await readPid(files.ownerFile);
    if (owner !== undefined && (await parentOf(await parentOf(pid))) === owner) {
      throw new TroupeError('BROKER_UNAVAILABLE', {
        message: `the data directory is in use: process ${owner} runs a nats-server (${pid}) on it; stop that process or use another dataDir`,
      });
    }
    files.log.warn({ pid }, 'stopping the nats-server of a former process');
    await stop(pid, files.configFile);
  }
  await rm(files.pidFile, { force: true });
}

async function stop(pid: number, configFile: string): Promise<void> {
  process.kill(pid, 'SIGTERM');
  for (let waitedMs = 0; waitedMs < termMs * 2; waitedMs += pollMs) {
    await delay(pollMs);
    if (!(await isServerOf(pid, configFile))) return;
    if (waitedMs === termMs) process.kill(pid, 'SIGKILL');
  }
  throw new TroupeError('BROKER_UNAVAILABLE', {
    message: `the nats-server ${pid} of a former process does not stop; end it by hand`,
  });
}

async function readPid(file: string): Promise<number | undefined> {
  const pid = Number(await readFile(file, 'utf8').catch(() => ''));
  return Number.isInteger(pid) && pid > 1 ? pid : undefined;
}

/** False for a zombie too, because it has no command line. */
async function isServerOf(pid: number, configFile: string): Promise<boolean> {
  return (await ps(pid, 'args')).includes(configFile);
}

async function parentOf(pid: number | undefined): Promise<number | undefined> {
  if (pid === undefined) return undefined;
  const parent = Number(await ps(pid, 'ppid'));
  return parent > 1 ? parent : undefined;
}

async function ps(pid: number, column: 'args' | 'ppid'): Promise<string> {
  try {
    const { stdout } = await run('ps', ['-ww', '-o', `${column}=`, '-p', String(pid)]);
    return stdout.trim();
  } catch {
    return '';
  }
}
