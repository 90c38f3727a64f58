/**
 * A private Docker daemon that leaves nothing behind. It has its own namespaces for mounts, processes and the network,
 * so its mounts, containers, bridges and packet filters end with it.
 * It reaches the outside through slirp4netns, which needs no rights on the machine's network. If the process that
 * started it dies, the daemon and everything in it die too.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, openSync, readFileSync, readdirSync, rmSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DockerEnvironment } from './docker-programs.ts';
import { eventually } from '../nats.ts';

const readyMs = 30_000;
const stopMs = 30_000;

export interface PrivateDaemon {
  /** The value for DOCKER_HOST. */
  readonly host: string;
  stop(): Promise<void>;
}

/** Runs as process 1 of the namespaces. When the daemon exits, it exits too and takes all other processes with it. */
const bootScript = `
set -e
mount --make-rprivate /
mount -t tmpfs tmpfs /run
ip link set lo up
dockerd "$@" &
wait
`;

/** The process that `unshare` started inside the namespaces, by its process id outside of them. */
function childOf(pid: number): number | undefined {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
    return Number(children[0]) || undefined;
  } catch {
    return undefined;
  }
}

/** Starts a process that the kernel kills when this process ends, for whatever reason. */
function spawnBound(command: readonly string[], env: DockerEnvironment, log: number): ChildProcess {
  const args = ['--pdeathsig', 'KILL', ...command];
  return spawn('setpriv', args, { env: { ...process.env, ...env }, stdio: ['ignore', log, log] });
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

function logEnd(path: string): string {
  return readFileSync(path, 'utf8').trim().split('\n').slice(-5).join('\n');
}

/** Removes the control groups of the containers, because the kernel keeps empty ones. */
function removeControlGroups(name: string): void {
  const root = '/sys/fs/cgroup';
  for (const controller of readdirSync(root)) {
    for (const folder of [join(root, controller, name), join(root, name)]) {
      try {
        rmdirSync(folder);
      } catch {
        // does not exist, or belongs to others
      }
    }
  }
}

/** Starts the daemon. Rejects with the end of its log if it does not come up. */
export async function startPrivateDaemon(env: DockerEnvironment): Promise<PrivateDaemon> {
  const folder = mkdtempSync(join(tmpdir(), 'troupe-docker-'));
  const socket = join(folder, 'docker.sock');
  const logPath = join(folder, 'daemon.log');
  const log = openSync(logPath, 'a');
  const controlGroup = `troupe-docker-${process.pid}`;
  const daemon = spawnBound(
    [
      ...['unshare', '--mount', '--pid', '--net', '--fork', '--kill-child', '--mount-proc'],
      ...['sh', '-c', bootScript, 'sh'],
      ...['--host', `unix://${socket}`, '--data-root', join(folder, 'data'), '--exec-root', join(folder, 'exec')],
      ...['--pidfile', join(folder, 'dockerd.pid'), '--cgroup-parent', `/${controlGroup}`],
      // The resolver of slirp4netns. The machine's own may be on a loopback address that is unreachable in here.
      ...['--dns', '10.0.2.3', '--oom-score-adjust', '0'],
    ],
    env,
    log,
  );
  let network: ChildProcess | undefined;
  const stop = async (): Promise<void> => {
    await endDaemon(daemon);
    network?.kill('SIGKILL');
    removeControlGroups(controlGroup);
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    await eventually(() => hasEnded(daemon) || childOf(daemon.pid ?? 0) !== undefined, readyMs);
    const inside = childOf(daemon.pid ?? 0);
    if (inside === undefined) throw new Error(`no namespaces: ${logEnd(logPath)}`);
    const uplink = ['slirp4netns', '--configure', '--mtu=65520', '--disable-host-loopback', String(inside), 'tap0'];
    network = spawnBound(uplink, env, log);
    const isUp = (): boolean => readFileSync(logPath, 'utf8').includes('API listen on');
    await eventually(
      () => hasEnded(daemon) || isUp(),
      readyMs,
      () => logEnd(logPath),
    );
    if (!isUp()) throw new Error(`dockerd does not start: ${logEnd(logPath)}`);
    return { host: `unix://${socket}`, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Ends the daemon first, so that it ends its containers, then the namespaces with whatever is left in them. */
async function endDaemon(daemon: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => daemon.once('exit', resolve));
  if (hasEnded(daemon)) return;
  const boot = childOf(daemon.pid ?? 0);
  const dockerd = boot === undefined ? undefined : childOf(boot);
  if (dockerd !== undefined) process.kill(dockerd, 'SIGTERM');
  const cutOff = setTimeout(() => daemon.kill('SIGKILL'), dockerd === undefined ? 0 : stopMs);
  await ended;
  clearTimeout(cutOff);
}
