/**
 * The process of a cell. Its main loop runs no user code, only its threads do; so it always answers, and when it does
 * not the parent ends it. It never outlives its parent.
 */
import type { HandlerManifest } from '../../domain/handler-manifest.ts';
import { describeThrown } from '../../handlers/execution.ts';
import { pulseEveryMs, type CellCommand, type CellEvent, type CellSetup, type CellVitals } from './cell-frames.ts';
import { CellOutbox } from './cell-outbox.ts';
import { CellRuns } from './cell-runs.ts';
import { CellThreads } from './cell-threads.ts';
import { bootHandlers } from './handler-boot.ts';

/** Pulses with threads missing, after which the cell is started anew. */
const missingPulsesMax = 10;

let runs: CellRuns | undefined;
const outbox = new CellOutbox({
  send: (frame) =>
    new Promise((resolve) => {
      process.send?.(frame, undefined, undefined, () => resolve());
    }),
  patienceMs: () => runs?.patienceMs ?? 0,
});

function emit(event: CellEvent): void {
  outbox.emit(event);
}

async function setUp(setup: CellSetup): Promise<void> {
  const { handlers, problems } = await bootHandlers({
    files: setup.files,
    sources: setup.sources,
    memoryMb: setup.memoryMb,
    onImporting(url) {
      emit({ kind: 'importing', url });
      return outbox.flush();
    },
  });
  const graceMs = new Map(handlers.map(({ manifest }) => [manifest.name, graceOf(manifest, setup)]));
  const threads = new CellThreads({
    threads: setup.threads,
    memoryMb: memoryOf(setup, handlers),
    sources: setup.sources,
    handlers: new Map(handlers.map(({ manifest, url }) => [manifest.name, url])),
    onIdle: () => runs?.pump(),
    onNote: (note) => runs?.hear(note),
  });
  const graceMsOf = (handler: string): number => graceMs.get(handler) ?? setup.cancelGraceMs;
  runs = new CellRuns({ threads, emit, graceMsOf, waitMaxMs: setup.waitMaxMs, gatherMs: setup.gatherMs });
  await threads.started;
  emit({ kind: 'up', handlers, problems });
  watchThreads(threads, setup.threads);
}

function graceOf(manifest: HandlerManifest, setup: CellSetup): number {
  return manifest.cancelGraceMs ?? setup.cancelGraceMs;
}

/** One memory class for now: large enough for the handler that asks for most. */
function memoryOf(setup: CellSetup, handlers: readonly { readonly manifest: HandlerManifest }[]): number {
  return Math.max(setup.memoryMb, ...handlers.map(({ manifest }) => manifest.memoryMb ?? 0));
}

/** Piscina gives up replacing threads once one died before it was ready; only a new process helps then. */
function watchThreads(threads: CellThreads, wanted: number): void {
  let missing = 0;
  setInterval(() => {
    missing = threads.live < wanted ? missing + 1 : 0;
    if (missing >= missingPulsesMax) fail('threads die before they are ready');
  }, pulseEveryMs);
}

let loopAtLastPulse = performance.eventLoopUtilization();

function vitals(): CellVitals {
  const before = loopAtLastPulse;
  loopAtLastPulse = performance.eventLoopUtilization();
  return {
    rssBytes: process.memoryUsage.rss(),
    eventLoopUtilization: performance.eventLoopUtilization(loopAtLastPulse, before).utilization,
    ...(runs?.vitals() ?? { leaked: 0, runs: [] }),
  };
}

function fail(reason: string): void {
  emit({ kind: 'failed', reason });
  void outbox.flush().then(() => process.kill(process.pid, 'SIGKILL'));
}

function obey(command: CellCommand): void {
  switch (command.kind) {
    case 'setup':
      setUp(command.setup).catch((error: unknown) => fail(describeThrown(error)));
      return;
    case 'run':
      runs?.run(command);
      return;
    case 'cancel':
      runs?.cancel(command.key);
      return;
    case 'profile':
      runs?.profile(command.key, command.durationMs);
      return;
  }
}

process.on('message', (frame: readonly CellCommand[]) => {
  for (const command of frame) obey(command);
});
// At once, whatever the threads do: `process.exit` would wait for one that is in native code.
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
// A terminal's Ctrl-C reaches the whole process group; when to stop is the parent's decision.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
setInterval(() => emit({ kind: 'pulse', vitals: vitals() }), pulseEveryMs);
