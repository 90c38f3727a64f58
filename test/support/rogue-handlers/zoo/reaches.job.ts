import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { openSync, readdirSync, readFileSync, readlinkSync, readSync } from 'node:fs';
import { Session } from 'node:inspector';
import { Session as PromisedSession } from 'node:inspector/promises';
import { channel } from 'node:diagnostics_channel';
import { createRequire } from 'node:module';
import { createConnection } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { SHARE_ENV, Worker, type WorkerOptions } from 'node:worker_threads';
import { defineHandler } from 'troupe/handlers';
import { z } from 'zod';

/** Tries to reach what is not its own, and reports what came of it: what it got, or the code of the refusal. */
export default defineHandler({
  name: 'reaches',
  input: z.object({
    for: z.string(),
    path: z.string().default(''),
    port: z.number().default(0),
    pids: z.array(z.number()).default([]),
  }),
  run: async ({ for: what, ...where }) => {
    const attempt = attempts.get(what);
    if (attempt === undefined) throw new Error(`nobody tries to reach ${what}`);
    try {
      return { got: await attempt(where) };
    } catch (error) {
      return { refused: error instanceof Error && 'code' in error ? String(error.code) : String(error) };
    }
  },
});

const load = createRequire(import.meta.url) as (name: string) => Readonly<Record<string, (input: unknown) => unknown>>;
const question = '1 + 1';

const attempts = new Map<
  string,
  (where: { readonly path: string; readonly port: number; readonly pids: readonly number[] }) => unknown
>([
  ['the main thread by a session', () => asked(new Session(), 'connectToMainThread')],
  ['the main thread by a session with promises', () => asked(new PromisedSession(), 'connectToMainThread')],
  ['itself by a session', () => asked(new Session(), 'connect')],
  ['itself by a port', () => load('node:inspector')['open']?.(0)],
  [
    'the binding of the inspector',
    () => Object.keys((Reflect.get(process, 'binding') as (name: string) => object)('inspector')).join(),
  ],
  [
    'what was there before',
    () => {
      const { prototype } = Session;
      Reflect.deleteProperty(prototype, 'connectToMainThread');
      Reflect.set(prototype, 'connectToMainThread', () => 'mine');
      return asked(new Session(), 'connectToMainThread');
    },
  ],
  ['a thread for hooks', () => load('node:module')['register']?.('data:text/javascript,')],
  ['flags of V8', () => setFlagsFromString('--allow-natives-syntax')],
  ['the main thread by a worker', () => fromWorker({})],
  ['the main thread by a worker with flags', () => fromWorker({ execArgv: ['--no-permission', '--allow_inspector'] })],
  ['the main thread by a worker with variables', () => fromWorker({ env: { NODE_OPTIONS: '--allow-inspector' } })],
  [
    'the main thread by a worker with shared variables',
    () => {
      process.env['NODE_OPTIONS'] = '--allow-inspector';
      return fromWorker({ env: SHARE_ENV });
    },
  ],
  ['the main thread by the class of a worker', () => fromWorker({}, leakedClass())],
  ['the main thread by the class that channels tell', () => fromWorker({}, toldClass())],
  ['the inspector of its cell', () => signalled(process.pid)],
  ['the inspector of its node', () => signalled(process.ppid)],
  ['the environment of its cell', () => readFileSync('/proc/self/environ', 'latin1').split('\0').map(nameOf).sort()],
  ['the environment of its cell in a report', () => reported()],
  ['the environment of its node', () => readFileSync(`/proc/${process.ppid}/environ`, 'latin1')],
  ['the command line of its node', () => readFileSync(`/proc/${process.ppid}/cmdline`, 'latin1')],
  ['the descriptors of its node', () => readdirSync(`/proc/${process.ppid}/fd`).map((fd) => link(process.ppid, fd))],
  ['the memory of its node', () => memoryOf(process.ppid)],
  ['the memory of its cell', () => memoryOf(process.pid)],
  ['a signal to its node', () => process.kill(process.ppid, 0)],
  ['its user', () => process.getuid?.()],
  ['the memory of another cell', ({ pids }) => memoryOf(otherOf(pids))],
  ['a signal to another cell', ({ pids }) => process.kill(otherOf(pids), 0)],
  ['to write into the memory of its cell', () => openSync('/proc/self/mem', 'r+')],
  ['the memory of its cell by a program', () => openedByProgram(`/proc/${process.pid}/mem`)],
  ['a file of its node', ({ path }) => readFileSync(path, 'utf8')],
  ['the network', ({ port }) => answerOf(port)],
  // The loader of the system looks for it: Node does not refuse to load native code.
  ['native code', () => void Reflect.apply(process.dlopen, process, [{ exports: {} }, '/nowhere/nothing.node'])],
  // Nothing waits there now. Otherwise it would be read.
  ['what is sent to its cell', () => readSync(cellDescriptor, Buffer.alloc(1), 0, 1, null)],
]);

/** The descriptor of the pipe from a cell to its node. */
const cellDescriptor = 3;
const nameOf = (variable: string): string => variable.split('=', 1)[0] ?? '';

async function asked(session: Session | PromisedSession, how: 'connect' | 'connectToMainThread'): Promise<unknown> {
  session[how]();
  const post = session.post.bind(session) as (
    method: string,
    params: object,
    done: (...all: unknown[]) => void,
  ) => void;
  return new Promise((resolve) => post('Runtime.evaluate', { expression: question }, (...all) => resolve(all)));
}

async function fromWorker(options: WorkerOptions, Class = Worker): Promise<unknown> {
  const source = `
    const { parentPort } = require('node:worker_threads');
    try {
      const session = new (require('node:inspector').Session)();
      session.connectToMainThread();
      session.post('Runtime.evaluate', { expression: ${JSON.stringify(question)} }, (...all) => parentPort.postMessage({ got: all }));
    } catch (error) {
      parentPort.postMessage({ refused: error.code });
    }`;
  const worker = new Class(source, { ...options, eval: true });
  const [{ got, refused }] = (await once(worker, 'message')) as [{ got?: unknown; refused?: string }];
  await worker.terminate();
  if (refused !== undefined) throw Object.assign(new Error('refused'), { code: refused });
  return got;
}

/** A worker knows its class, and that the class it was made of. */
function leakedClass(): typeof Worker {
  const worker = new Worker('', { eval: true });
  const { constructor } = Object.getPrototypeOf(worker) as { readonly constructor: typeof Worker };
  void worker.terminate();
  return constructor;
}

/** Node tells of each worker on a channel. */
function toldClass(): typeof Worker {
  let told: typeof Worker = Worker;
  channel('worker_threads').subscribe((message) => {
    told = (message as { readonly worker: object }).worker.constructor as typeof Worker;
  });
  void new Worker('', { eval: true }).terminate();
  return told;
}

/** Node opens this port when it hears the signal. */
async function signalled(pid: number): Promise<string> {
  process.kill(pid, 'SIGUSR1');
  for (let times = 0; times < 20; times += 1) {
    const socket = createConnection({ port: 9_229, host: '127.0.0.1' });
    const state = await Promise.race([once(socket, 'connect').then(() => 'open'), once(socket, 'error')]).catch(
      () => '',
    );
    socket.destroy();
    if (state === 'open') return 'open';
    await sleep(50);
  }
  throw Object.assign(new Error('nobody listens'), { code: 'ECONNREFUSED' });
}

function otherOf(pids: readonly number[]): number {
  return pids.find((pid) => pid !== process.pid) ?? 0;
}

function openedByProgram(path: string): string {
  try {
    return execFileSync('/bin/sh', ['-c', `exec 3<${path} && echo open`], {
      stdio: ['ignore', 'pipe', 'ignore'],
    }).toString();
  } catch {
    throw Object.assign(new Error('the program could not open it'), { code: 'EACCES' });
  }
}

async function answerOf(port: number): Promise<string> {
  const socket = createConnection({ port, host: '127.0.0.1' });
  const [answer] = (await once(socket, 'data')) as [Buffer];
  socket.destroy();
  return answer.toString();
}

function reported(): readonly string[] {
  const { environmentVariables } = process.report.getReport() as { readonly environmentVariables: object };
  return Object.keys(environmentVariables).sort();
}

function link(pid: number, fd: string): string {
  return readlinkSync(`/proc/${pid}/fd/${fd}`);
}

/** Bytes of a place that is written to, read by a file of the system. */
function memoryOf(pid: number): number {
  const memory = openSync(`/proc/${pid}/mem`, 'r');
  const [place = '0'] = /^[0-9a-f]+(?=-[0-9a-f]+ rw-p)/m.exec(readFileSync(`/proc/${pid}/maps`, 'latin1')) ?? [];
  return readSync(memory, Buffer.alloc(16), 0, 16, Number.parseInt(place, 16));
}
