/** A real cell pool for tests. Each run has a promise, and everything that it reports is recorded. */
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { CellPoolOptions } from '../../../src/adapters/piscina/node/cell-pool-options.ts';
import { createCellPool } from '../../../src/adapters/piscina/node/cell-pool.ts';
import type { RunOutcome, RunPool, RunRequest, RunStreams } from '../../../src/application/ports/run-pool.ts';
import type { RunOutput, RunPayload } from '../../../src/domain/attempt-outcome.ts';
import type { Clock, Logger, Telemetry } from '../../../src/application/ports/runtime.ts';
import type { HandlerManifest } from '../../../src/domain/handler-manifest.ts';
import type { JobId } from '../../../src/domain/job-id.ts';

export const zooDir = fileURLToPath(new URL('./zoo', import.meta.url));

export interface LogEntry {
  readonly level: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface Ended {
  readonly outcome: RunOutcome;
  readonly durationMs: number;
  /** From `run()` to `ended`, in ms. */
  readonly tookMs: number;
}

export interface StartedRun {
  readonly runId: string;
  readonly started: Promise<unknown>;
  readonly ended: Promise<Ended>;
  readonly progress: { readonly fraction: number; readonly note: string }[];
  readonly checkpoints: RunOutput[];
  readonly lines: { readonly level: string; readonly text: string }[];
  /** The number of calls of `ended`, which must be 1 at the end. */
  ends: number;
}

export interface Harness {
  readonly pool: RunPool;
  readonly manifests: readonly HandlerManifest[];
  readonly log: readonly LogEntry[];
  /** Each time the pool said that it may have room: its capacity then. */
  readonly rooms: readonly number[];
  run(handler: string, input?: unknown, more?: Partial<RunRequest>, streams?: RunStreams): StartedRun;
  stop(): Promise<void>;
}

/**
 * A run that waits for a thread is not released, and one that works is not ended, however slow the machine is. Tests of
 * these set a shorter limit.
 */
const patientMs = 60_000;

export async function startPool(
  options: Partial<CellPoolOptions> & { readonly handlerDirs: readonly string[] },
): Promise<Harness> {
  const log: LogEntry[] = [];
  const rooms: number[] = [];
  const runs = new Map<string, StartedRun & { onStarted(): void; onEnded(ended: Ended): void; atMs: number }>();
  const parts = { threads: 2, clock: realClock, log: recorder(log), telemetry: noTelemetry };
  const pool = createCellPool({ ...parts, lookaheadMs: patientMs, ...options });
  const manifests = await pool.start((event) => {
    if (event.kind === 'room') {
      rooms.push(pool.capacity());
      return;
    }
    const run = runs.get(event.runId);
    switch (event.kind) {
      case 'started':
        run?.onStarted();
        break;
      case 'progress':
        run?.progress.push({ fraction: event.fraction, note: event.note });
        break;
      case 'log':
        run?.lines.push({ level: event.level, text: event.text });
        break;
      case 'checkpoint':
        run?.checkpoints.push(event.payload);
        pool.checkpointed(event.runId, event.number, true);
        break;
      case 'ended':
        if (run === undefined) throw new Error(`ended an unknown run ${event.runId}`);
        run.ends += 1;
        run.onEnded({
          outcome: event.outcome,
          durationMs: event.durationMs,
          tookMs: performance.now() - run.atMs,
        });
        break;
    }
  });
  let count = 0;
  return {
    pool,
    manifests,
    log,
    rooms,
    run(handler, input = {}, more = {}, streams) {
      count += 1;
      const runId = `${handler}#${count}`;
      const started = Promise.withResolvers<undefined>();
      const ended = Promise.withResolvers<Ended>();
      const run = {
        runId,
        started: started.promise,
        ended: ended.promise,
        progress: [],
        checkpoints: [],
        lines: [],
        ends: 0,
        onStarted: () => started.resolve(undefined),
        onEnded: ended.resolve,
        atMs: performance.now(),
      };
      runs.set(runId, run);
      const request = {
        runId,
        jobId: `job-${count}` as JobId,
        tenant: 'default',
        attempt: 1,
        handler,
        input: payloadOf(input),
        executionTimeoutMs: 2 * patientMs,
        suspect: false,
        ...more,
      };
      pool.run(request, streams);
      return run;
    },
    stop: () => pool.stop(0),
  };
}

function payloadOf(input: unknown): RunPayload {
  return input instanceof Uint8Array ? { kind: 'bytes', bytes: input } : { kind: 'json', json: JSON.stringify(input) };
}

/** Polls until the condition holds. The deadline only bounds failures. */
export async function eventually(what: string, holds: () => boolean, withinMs = 30_000): Promise<void> {
  const endMs = performance.now() + withinMs;
  while (!holds()) {
    if (performance.now() > endMs) throw new Error(`not within ${withinMs} ms: ${what}`);
    await sleep(10);
  }
}

const realClock: Clock = {
  nowMs: () => Date.now(),
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  setTimer(delayMs, fire) {
    const timer = setTimeout(fire, delayMs);
    return () => clearTimeout(timer);
  },
};

const nothing = { add: () => undefined, set: () => undefined, remove: () => undefined, observe: () => undefined };
const noTelemetry: Telemetry = { counter: () => nothing, gauge: () => nothing, histogram: () => nothing };

function recorder(entries: LogEntry[]): Logger {
  const at = (level: string) => (fields: Readonly<Record<string, unknown>>, message: string) =>
    void entries.push({ level, message, fields });
  const log: Logger = {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: () => log,
  };
  return log;
}
