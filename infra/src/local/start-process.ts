/**
 * Starts a process of this machine, detached, and waits until it is ready. Its pid file is written at once. If this
 * program dies before that, the next start or stop finds the process by its command line. A process that does not get
 * ready is stopped, and the error contains the last lines of its log. So terraform never sees a partial start.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { z } from 'zod';
import { assertPortsFree } from './ports.ts';
import { removeRecord, writeRecord } from './process-record.ts';
import type { DeployedProcess, ProcessSpec } from './process-spec.ts';
import { findMarked } from './process-table.ts';
import { isReady } from './readiness.ts';
import { end, type Say } from './stop-process.ts';

export interface StartContext {
  readonly say: Say;
  /** Aborted if the deploy is interrupted. */
  readonly signal: AbortSignal;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

const pollMs = 100;
const logLines = 15;
/** The first time, this includes building a nats-server or downloading Cassandra. */
const prepareTimeoutMs = 15 * 60_000;

const runnableSchema = z.object({ command: z.string(), args: z.array(z.string()), cwd: z.string() });
type Runnable = z.infer<typeof runnableSchema>;

export const logFileOf = ({ dataDir, name }: ProcessSpec): string => `${dataDir}/logs/${name}.log`;

export async function startProcess({ spec, generation }: DeployedProcess, context: StartContext): Promise<void> {
  const { name, dataDir, mark } = spec;
  for (const { pid } of findMarked([mark])) {
    context.say(`${name}: process ${pid} was left behind by a deploy that was cut short; it is stopped first`);
    await end({ name, pid, mark, stopSeconds: spec.stopSeconds }, context.say);
  }
  removeRecord(dataDir, name);
  await assertPortsFree(spec);
  writeConfiguration(spec);
  const beganMs = performance.now();
  const child = launch(spec, await runnableOf(spec, context), context);
  const started = { name, generation, startedAt: new Date().toISOString() };
  if (child.pid !== undefined) writeRecord(dataDir, { ...started, pid: child.pid });
  try {
    await untilReady(spec, child, context.signal);
  } catch (error) {
    if (child.pid !== undefined) await end({ ...spec, pid: child.pid }, context.say);
    removeRecord(dataDir, name);
    throw error;
  }
  if (spec.readiness.kind === 'exit') writeRecord(dataDir, started);
  context.say(
    `${name}: ready after ${((performance.now() - beganMs) / 1_000).toFixed(1)} s (process ${child.pid ?? 0})`,
  );
}

function writeConfiguration({ file }: ProcessSpec): void {
  if (file === undefined) return;
  mkdirSync(dirname(file.path), { recursive: true });
  writeFileSync(file.path, file.content);
}

/**
 * Removes variables of terraform, npm and Troupe, which are not meant for the process. Its configuration is in a file.
 */
function cleanEnvironment(environment: StartContext['environment']): Record<string, string | undefined> {
  const isForeign = (name: string): boolean => /^(TROUPE_|TF_|CDKTF_|LOCAL_PROCESS|npm_)/.test(name);
  return Object.fromEntries(
    Object.entries(environment).filter(([name]) => name === 'TROUPE_NATS_SERVER' || !isForeign(name)),
  );
}

async function runnableOf(spec: ProcessSpec, { environment, signal }: StartContext): Promise<Runnable> {
  const [command = '', ...args] = spec.command.argv;
  if (spec.command.kind === 'run') return { command, args, cwd: spec.dataDir };
  try {
    const { stdout } = await promisify(execFile)(command, args, {
      env: cleanEnvironment(environment),
      timeout: prepareTimeoutMs,
      signal,
    });
    return runnableSchema.parse(JSON.parse(stdout));
  } catch (error) {
    const { stderr } = error as { readonly stderr?: string };
    throw new Error(`${spec.name}: cannot be prepared: ${stderr?.trim() || String(error)}`, { cause: error });
  }
}

function launch(spec: ProcessSpec, { command, args, cwd }: Runnable, { environment }: StartContext): ChildProcess {
  const logFile = logFileOf(spec);
  mkdirSync(dirname(logFile), { recursive: true });
  // Keep the log of the last start, because it shows why that process ended.
  if (existsSync(logFile)) renameSync(logFile, `${logFile}.1`);
  const log = openSync(logFile, 'a');
  try {
    // Detached, in its own session, so that neither the end of terraform nor Ctrl-C reaches the process.
    const env = cleanEnvironment(environment);
    const child = spawn(command, args, { cwd, env, detached: true, stdio: ['ignore', log, log] });
    child.unref();
    return child;
  } finally {
    closeSync(log);
  }
}

async function untilReady(spec: ProcessSpec, child: ChildProcess, signal: AbortSignal): Promise<void> {
  const { name, readySeconds, readiness } = spec;
  const life: { isDone: boolean; end?: string } = { isDone: false };
  child.once('error', (error) => (life.end = `does not start: ${error.message}`));
  child.once('exit', (code, signalName) => {
    life.isDone = code === 0 && readiness.kind === 'exit';
    life.end = `ended with ${signalName ?? `exit code ${code ?? '?'}`}`;
  });
  const endMs = performance.now() + readySeconds * 1_000;
  for (;;) {
    if (life.isDone || (await isReady(readiness))) return;
    if (life.end !== undefined) throw new Error(`${name}: ${life.end}${lastLines(spec)}`);
    if (signal.aborted) throw new Error(`${name}: the deploy was interrupted before it was ready`);
    if (performance.now() > endMs) throw new Error(`${name}: not ready within ${readySeconds} s${lastLines(spec)}`);
    await delay(pollMs);
  }
}

function lastLines(spec: ProcessSpec): string {
  const file = logFileOf(spec);
  const text = existsSync(file) ? readFileSync(file, 'utf8').trimEnd() : '';
  return `; the end of ${file}:\n${text.split('\n').slice(-logLines).join('\n').slice(-4_000)}`;
}
