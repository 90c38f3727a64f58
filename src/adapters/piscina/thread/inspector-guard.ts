/**
 * Closes the ways by which code of a thread reaches other isolates of its cell. V8's inspector is one: a session of a
 * thread can evaluate code in the main isolate, which has the keys of the cell and hears what all its threads say.
 * - Node's permission model refuses the inspector below JavaScript, but then the cell cannot profile the thread either. So
 *   here the inspector is taken out of what JavaScript can name, before the first line of a handler runs. A session of
 *   the thread with itself goes as well, because it shows the closures of Node's own code, and so what was taken out.
 * - A worker that a handler starts has JavaScript as it was. Nobody profiles that one, so it gets the permission model,
 *   with everything allowed but the inspector.
 * - A thread for hooks (`module.register`) cannot be given options, so there is none. `registerHooks` needs no thread.
 * - Flags of V8 hold for the whole process, so no thread sets them.
 * Native code and V8's own faults are beyond this; SECURITY.md says so.
 */
import { createRequire, syncBuiltinESMExports } from 'node:module';
import { ownVariables } from '../protocol/own-variables.ts';

const load = createRequire(import.meta.url);

/** All that Node may refuse under its permission model, except for the inspector. */
const allowed = [
  '--allow-fs-read=*',
  '--allow-fs-write=*',
  '--allow-addons',
  '--allow-child-process',
  '--allow-wasi',
  '--allow-worker',
  // Later versions of Node refuse these as well.
  '--allow-ffi',
  '--allow-net',
  '--allow-openssl-store',
].filter((flag) => process.allowedNodeEnvironmentFlags.has(flag.split('=')[0] ?? flag));
const quiet = ['--disable-warning=SecurityWarning', '--disable-warning=ExperimentalWarning'];

export function guardInspector(): void {
  closeInspector();
  fix(load('node:module') as object, 'register', refuse('module.register', 'use module.registerHooks'));
  fix(
    load('node:v8') as object,
    'setFlagsFromString',
    refuse('v8.setFlagsFromString', 'they are those of all threads'),
  );
  const threads = load('node:worker_threads') as { Worker: WorkerClass };
  const guarded = guardedWorker(threads.Worker);
  fix(threads.Worker.prototype as object, 'constructor', guarded);
  fix(threads, 'Worker', guarded);
  syncBuiltinESMExports();
}

function closeInspector(): void {
  // Loaded first, because it takes what it needs from the binding.
  const modules = ['node:inspector', 'node:inspector/promises'].map((name) => load(name) as InspectorModule);
  const why = 'it reaches the main thread of the cell; troupe profile shows what a job does';
  for (const inspector of modules) {
    for (const method of ['connect', 'connectToMainThread'])
      fix(inspector.Session.prototype, method, refuse(`inspector.Session.${method}`, why));
    for (const name of ['open', 'waitForDebugger']) fix(inspector, name, refuse(`inspector.${name}`, why));
  }
  const binding = Reflect.get(process, 'binding') as ((name: string) => object) | undefined;
  const native = binding?.call(process, 'inspector') ?? {};
  for (const name of Object.keys(native)) Reflect.deleteProperty(native, name);
}

interface InspectorModule {
  readonly Session: { readonly prototype: object };
}

type WorkerOptions = Readonly<Record<string, unknown>>;
type WorkerClass = new (file: unknown, options: WorkerOptions) => object;

function guardedWorker(Worker: WorkerClass): WorkerClass {
  return new Proxy(Worker, {
    construct: (_, [file, options]: [unknown, WorkerOptions | undefined], target) =>
      Reflect.construct(Worker, [file, guardedOptions({ ...options })], target) as object,
  });
}

/** The options are a copy, so nothing in them changes after we have looked. */
function guardedOptions(options: WorkerOptions): WorkerOptions {
  const { env, execArgv } = options;
  // Variables that are shared with another worker could change after we have looked, so these are a copy as well.
  const variables: Record<string, unknown> = { ...(typeof env === 'object' && env !== null ? env : ownVariables) };
  delete variables['NODE_OPTIONS'];
  const flags = Array.isArray(execArgv) ? execArgv.map(String).filter((flag) => !isGuarded(flag)) : [];
  return { ...options, env: variables, execArgv: [...quiet, '--permission', ...allowed, ...flags] };
}

/** Node takes `_` for `-`. */
function isGuarded(flag: string): boolean {
  return /permission|^--(no-)?allow|^--(no-)?inspect/.test(flag.replaceAll('_', '-'));
}

function refuse(what: string, why: string): () => never {
  return () => {
    throw Object.assign(new Error(`${what} is not there for handlers: ${why}`), { code: 'ERR_ACCESS_DENIED' });
  };
}

/** A handler cannot put back what is not configurable. */
function fix(holder: object, name: string, value: unknown): void {
  Object.defineProperty(holder, name, { value, writable: false, configurable: false, enumerable: true });
}
