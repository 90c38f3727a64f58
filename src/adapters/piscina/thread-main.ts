/**
 * The file Piscina loads in each thread: the only place where handler code runs. One task at a time.
 * Everything that can go wrong is returned as data; what kills the thread is seen by the cell.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { isHandler, type AnyHandler } from '../../handlers/definition.ts';
import { executeHandler, executionOfThrown, type Execution } from '../../handlers/execution.ts';
import { installModuleHooks } from './module-hooks.ts';
import { captureOutput } from './output-capture.ts';
import { RunSlot, slotPhases } from './run-slot.ts';
import { createThreadContext, RunVoice } from './thread-context.ts';
import type { RunTask, ThreadNote, ThreadResult, ThreadSetup, ThreadTask } from './thread-messages.ts';

const setup = workerData as ThreadSetup;
const loaded = new Map<string, AnyHandler>();
let voice: RunVoice | undefined;

installModuleHooks(setup.sources);
const flushOutput = captureOutput((level, line) => voice?.line(level, line));

export async function runTask(task: ThreadTask): Promise<ThreadResult> {
  const startedAtMs = performance.now();
  const slot = new RunSlot(setup.slots, task.slot);
  slot.enter(slotPhases.taken);
  if (task.kind === 'warm') {
    await warm();
    return { execution: { kind: 'succeeded' }, durationMs: 0, notes: 0 };
  }
  const own = new RunVoice(task.key, post);
  const execution = await run(task, slot, own);
  return { execution, durationMs: performance.now() - startedAtMs, notes: own.sent };
}

async function run(task: RunTask, slot: RunSlot, own: RunVoice): Promise<Execution> {
  voice = own;
  const { ctx, close } = createThreadContext(task, slot, own);
  try {
    const handler = await load(task.handler);
    const execution = await executeHandler(handler, task.input, ctx, () => slot.enter(slotPhases.running));
    // One turn of the event loop: a rejection nobody handles ends the thread now, while it is still this run's own.
    await nextTurn();
    return ownBytes(execution);
  } catch (thrown) {
    return executionOfThrown(thrown);
  } finally {
    slot.enter(slotPhases.done);
    flushOutput();
    close();
    voice = undefined;
  }
}

async function warm(): Promise<void> {
  for (const name of setup.handlers.keys()) await load(name).catch(() => undefined);
}

async function load(name: string): Promise<AnyHandler> {
  const known = loaded.get(name);
  if (known !== undefined) return known;
  const url = setup.handlers.get(name);
  if (url === undefined) throw new Error(`this cell has no handler "${name}"`);
  const exports = (await import(url)) as { readonly default?: unknown };
  if (!isHandler(exports.default)) throw new Error(`${url} has no default export made by defineHandler`);
  loaded.set(name, exports.default);
  return exports.default;
}

/** A view into a larger buffer would take all of it along when it is cloned. */
function ownBytes(execution: Execution): Execution {
  if (execution.kind !== 'succeeded' || execution.output?.kind !== 'bytes') return execution;
  const { bytes } = execution.output;
  const whole = bytes.byteLength === bytes.buffer.byteLength;
  return { kind: 'succeeded', output: { kind: 'bytes', bytes: whole ? bytes : new Uint8Array(bytes) } };
}

function post(note: ThreadNote): void {
  parentPort?.postMessage(note);
}
