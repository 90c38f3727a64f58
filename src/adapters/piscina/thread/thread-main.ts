/**
 * The file that Piscina loads in each thread, and the only place where handler code runs. One task at a time. Every
 * error is returned as data, except what kills the thread, which the cell sees.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { isHandler, type AnyHandler } from '../../../handlers/definition.ts';
import { executeHandler, outcomeOfThrown } from '../../../handlers/execution.ts';
import type { HandlerOutcome } from '../../../handlers/handler-outcome.ts';
import { ownThread } from '../protocol/child-processes.ts';
import { settleCompileCache } from '../protocol/compile-cache.ts';
import { guardInspector } from './inspector-guard.ts';
import { IntrinsicsGuard } from './intrinsics-guard.ts';
import { LeftOver } from './left-over.ts';
import { ListenerGuard } from './listener-guard.ts';
import { installModuleHooks } from './module-hooks.ts';
import { boundedOutput } from '../protocol/output-bound.ts';
import { captureOutput, RunOutput } from '../protocol/output-capture.ts';
import { RunScopes, type Scope } from './run-scopes.ts';
import { RunSlot, slotPhases } from '../protocol/run-slot.ts';
import { createThreadContext, RunVoice } from './thread-context.ts';
import { streamPort, ThreadStreams } from './thread-streams.ts';
import type {
  RunTask,
  ThreadFate,
  ThreadNote,
  ThreadResult,
  ThreadSetup,
  ThreadStarted,
  ThreadTask,
} from '../protocol/thread-messages.ts';

const setup = workerData as ThreadSetup;
const slot = new RunSlot(setup.slot);
const loaded = new Map<string, AnyHandler>();
const post: (note: ThreadNote) => void = parentPort?.postMessage.bind(parentPort) ?? (() => undefined);
const now = performance.now.bind(performance);
let guard: IntrinsicsGuard | undefined;
let listeners: ListenerGuard | undefined;
let leftOver = new LeftOver();
let voice: RunVoice | undefined;
let streams: ThreadStreams | undefined;
let ask: ReturnType<typeof streamPort> = () => undefined;
/** Code other than the present run has failed in this thread. */
let strayed = false;

settleCompileCache();
guardInspector();
installModuleHooks(setup.sources);
const scopes = new RunScopes((text) => {
  strayed = true;
  voice?.line('warn', `${text}; this run goes on, its thread is not used again`);
});
captureOutput(() => scopes.output);

export async function runTask(task: ThreadTask): Promise<ThreadResult | ThreadStarted> {
  const startedAtMs = now();
  slot.enter(slotPhases.taken);
  if (task.kind === 'start') {
    ask = streamPort(task.streams, (answer) => streams?.answered(answer));
    if (task.warm) await warm();
    return { osThread: ownThread() };
  }
  const own = new RunVoice(post, now);
  const { outcome, thread } = await run(task, own);
  return result({ outcome, durationMs: now() - startedAtMs, notes: own.sent, thread });
}

/** Without a prototype, so that a `then` that a handler added to all objects is not called. */
function result(fields: ThreadResult): ThreadResult {
  return { __proto__: null, ...fields } as ThreadResult;
}

async function run(
  task: RunTask,
  own: RunVoice,
): Promise<{ readonly outcome: HandlerOutcome; readonly thread: ThreadFate }> {
  voice = own;
  const { jobId, attempt, handler: name, input } = task.request;
  const output = new RunOutput((level, line) => own.line(level, line));
  const scope: Scope = { name: `job ${jobId} (attempt ${attempt})`, handler: name, output };
  scopes.enter(scope);
  const { runId } = task.request;
  streams = new ThreadStreams({
    runId,
    input,
    checkpoint: task.request.checkpoint,
    post: ask,
    beat: () => slot.beat(),
  });
  const questions = streams;
  const payloads = questions.streams;
  const secret = (name: string): Promise<string> => questions.secret(name);
  const { ctx, close } = createThreadContext(task, slot, { voice: own, payloads, secret });
  let outcome: HandlerOutcome;
  let startedAtMs = now();
  let changed: string | undefined;
  let left: string | undefined;
  try {
    const handler = await load(name);
    // Created after the load, because a handler's own modules may add to the globals and listeners while they are
    // imported.
    const intrinsics = (guard ??= new IntrinsicsGuard());
    listeners ??= new ListenerGuard();
    leftOver.begin();
    outcome = await scopes.within(scope, () =>
      executeHandler(handler, input, ctx, {
        streams: payloads,
        wholeMaxBytes: setup.outputMaxBytes,
        onStart() {
          startedAtMs = now();
          slot.enter(slotPhases.running);
        },
        onReturn() {
          changed = intrinsics.whenReturned();
        },
      }),
    );
    // Waits for one turn of the event loop, so that an unhandled rejection ends the thread while it still belongs to
    // this run.
    await nextTurn();
    outcome = ownBytes(boundedOutput(outcome, setup.outputMaxBytes));
    left = await leftOver.afterRun();
  } catch (thrown) {
    outcome = outcomeOfThrown(thrown);
  }
  const later = guard?.afterRun(now() - startedAtMs);
  changed ??= later;
  const heard = listeners?.restore();
  if (heard !== undefined) own.line('warn', `the handler changed who hears of ${heard}; that ends with its run`);
  if (changed !== undefined) own.line('warn', `the handler changed ${changed}; its thread is not used again`);
  if (left !== undefined) {
    const advice = left.includes('timer') ? ' (clearTimeout or unref() would save a new one)' : '';
    own.line('warn', `the handler ended and left ${left} behind; its thread ends with them${advice}`);
  }
  slot.enter(slotPhases.done);
  output.flush();
  close({ succeeded: outcome.kind === 'succeeded' });
  streams.close();
  streams = undefined;
  voice = undefined;
  scopes.enter(undefined);
  return { outcome, thread: left !== undefined ? 'busy' : changed !== undefined || strayed ? 'spent' : 'free' };
}

async function warm(): Promise<void> {
  for (const name of setup.handlers.keys()) await load(name).catch(() => undefined);
}

async function load(name: string): Promise<AnyHandler> {
  const known = loaded.get(name);
  if (known !== undefined) return known;
  const url = setup.handlers.get(name);
  if (url === undefined) throw new Error(`this cell has no handler "${name}"`);
  // The modules may add to what JavaScript provides, and may open resources that stay open. So the guards start anew.
  guard = undefined;
  listeners = undefined;
  leftOver = new LeftOver();
  const modules: Scope = { name: `the module of the handler "${name}"`, handler: name, output: undefined };
  const exports = (await scopes.within(modules, () => import(url))) as { readonly default?: unknown };
  if (!isHandler(exports.default)) throw new Error(`${url} has no default export made by defineHandler`);
  loaded.set(name, exports.default);
  return exports.default;
}

/** Cloning a view into a larger buffer would copy the whole buffer. */
function ownBytes(outcome: HandlerOutcome): HandlerOutcome {
  if (outcome.kind !== 'succeeded' || outcome.output?.kind !== 'bytes') return outcome;
  const { bytes } = outcome.output;
  const whole = bytes.byteLength === bytes.buffer.byteLength;
  return { kind: 'succeeded', output: { kind: 'bytes', bytes: whole ? bytes : new Uint8Array(bytes) } };
}
