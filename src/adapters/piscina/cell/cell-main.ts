/**
 * The process of a cell. Only its threads run user code. The main loop therefore always answers, and the parent kills a
 * cell that does not. A cell never outlives its parent.
 */
import { Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { describeThrown } from '../../../handlers/execution.ts';
import { CellChannel } from '../protocol/cell-channel.ts';
import { parseCommands } from '../protocol/cell-frame-shape.ts';
import {
  cellDescriptor,
  pulseEveryMs,
  type CellCommand,
  type CellEvent,
  type CellSetup,
  type CellVitals,
} from '../protocol/cell-frames.ts';
import { CellMemory } from './cell-memory.ts';
import { CellOutbox } from './cell-outbox.ts';
import { CellRuns } from './cell-runs.ts';
import { CellThreads } from './cell-threads.ts';
import { settleCompileCache } from '../protocol/compile-cache.ts';
import { endOrphans, endProcessTree } from '../protocol/child-processes.ts';
import { bootHandlers } from './handler-boot.ts';
import { HandlerLimits, problemOfMemory } from './handler-limits.ts';
import { becomeUser } from './cell-user.ts';
import { readChannelKeys } from './channel-keys.ts';

let runs: CellRuns | undefined;
let threads: CellThreads | undefined;
const { toCell, toNode } = readChannelKeys();
const channel = new CellChannel<readonly CellCommand[], readonly CellEvent[]>(new Socket({ fd: cellDescriptor }), {
  macs: { sent: toNode, received: toCell },
  parse: parseCommands,
  onFrame(frame) {
    for (const command of frame) obey(command);
  },
  // Either a thread of this cell reads from the pipe as well, or the parent is not our node process.
  onBroken: (why) => fail(`of its parent: ${why}`),
  // Ends at once. `process.exit` would wait for a thread that is in native code.
  onClosed: end,
});
const outbox = new CellOutbox({
  send: (frame) => channel.send(frame),
  patienceMs: () => runs?.patienceMs ?? 0,
});

function emit(event: CellEvent): void {
  outbox.emit(event);
  // The parent replaces a cell that has leaked too many threads. This pulse saves it from waiting for the next one.
  if (event.kind === 'stuck') outbox.emit({ kind: 'pulse', vitals: vitals() });
}

async function setUp(setup: CellSetup): Promise<void> {
  settleCompileCache();
  if (setup.uid !== undefined) becomeUser(setup.uid);
  const booted = await bootHandlers({
    files: setup.files,
    sources: setup.sources,
    env: setup.handlerEnv,
    memoryMb: setup.memory.defaultMb,
    onImporting(url) {
      emit({ kind: 'importing', url });
      return outbox.flush();
    },
  });
  const tooLarge = booted.handlers.flatMap((handler) => problemOfMemory(handler, setup.memory.maxMb) ?? []);
  const handlers = booted.handlers.filter(({ url }) => !tooLarge.some((problem) => problem.url === url));
  threads = new CellThreads({
    threads: setup.threads,
    defaultMb: setup.memory.defaultMb,
    sources: setup.sources,
    env: setup.handlerEnv,
    outputMaxBytes: setup.outputMaxBytes,
    handlers: new Map(handlers.map(({ manifest, url }) => [manifest.name, url])),
    onRoom: () => runs?.pump(),
    onNote: (thread, note) => runs?.hear(thread, note),
    onAsk: (thread, ask) => runs?.asked(thread, ask),
    onFailing: fail,
  });
  const limits = new HandlerLimits(setup, handlers);
  runs = new CellRuns({ threads, emit, limits, waitMaxMs: setup.waitMaxMs, gatherMs: setup.gatherMs });
  new CellMemory(runs, threads, setup.rssMaxBytes).watch();
  await threads.started;
  emit({ kind: 'up', handlers, problems: [...booted.problems, ...tooLarge] });
}

function fail(reason: string): void {
  emit({ kind: 'failed', reason });
  void outbox.flush().then(end);
}

/** Also ends the processes that its threads have started. */
function end(): void {
  endProcessTree(process.pid);
}

function obey(command: CellCommand): void {
  switch (command.kind) {
    case 'setup':
      setUp(command.setup).catch((error: unknown) => fail(describeThrown(error)));
      return;
    case 'run':
      runs?.run(command.request);
      return;
    case 'cancel':
      runs?.cancel(command.runId);
      return;
    case 'checkpointed':
      runs?.checkpointed(command.runId, command.number, command.saved);
      return;
    case 'stream-answer':
      runs?.answered(command.runId, command.number, command.answer);
      return;
    case 'profile':
      runs?.profile(command.runId, command.durationMs);
      return;
  }
}

let loopAtLastPulse = performance.eventLoopUtilization();

function vitals(): CellVitals {
  const before = loopAtLastPulse;
  loopAtLastPulse = performance.eventLoopUtilization();
  return {
    rssBytes: process.memoryUsage.rss(),
    eventLoopUtilization: performance.eventLoopUtilization(loopAtLastPulse, before).utilization,
    threadsAlive: threads?.live ?? 0,
    leaked: threads?.leaked ?? 0,
    orphans: endOrphans(),
    runs: runs?.vitals() ?? [],
  };
}

// The parent decides when the cell stops, so the cell ignores signals.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
setInterval(() => {
  threads?.tend();
  emit({ kind: 'pulse', vitals: vitals() });
}, pulseEveryMs);
