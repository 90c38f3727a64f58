/**
 * An actor system in virtual time and in a seeded order.
 * Nothing runs until `settle`, `advance`, `outcome` or a probe's `expect…` is called, and the same seed gives the same
 * run. Actors under test must not do real I/O: the kit waits only for promises that settle without it.
 */
import type { Random } from '../../application/ports/runtime.ts';
import { type ActorSystem, createActorSystem, type SystemEvent } from '../index.ts';
import { createProbe, type Probe } from './probe.ts';
import {
  createRecordingLogger,
  createRecordingTelemetry,
  type LogEntry,
  type RecordingTelemetry,
} from './recorders.ts';
import { createSeededRandom } from './seeded-random.ts';
import { createSeededScheduler } from './seeded-scheduler.ts';
import { createVirtualClock, type VirtualClock } from './virtual-clock.ts';

/** An actor system for one test. */
export interface TestKit {
  /** Determines the order of events. Failures print it. */
  readonly seed: number;
  /** The system under test. */
  readonly system: ActorSystem;
  /** Its virtual clock. */
  readonly clock: VirtualClock;
  /** Its seeded random source. */
  readonly random: Random;
  /** Its recorded counters. */
  readonly telemetry: RecordingTelemetry;
  /** What was logged, in order. */
  readonly logEntries: readonly LogEntry[];
  /** Life-cycle events and dead letters, in order. */
  readonly events: readonly SystemEvent[];
  /** Runs actors until none has work left. The clock does not advance. Rejects if they never become idle. */
  settle(): Promise<void>;
  /** Advances the clock by `ms`, one timer at a time, and settles after each. */
  advance(ms: number): Promise<void>;
  /** Starts a probe. The default name is `probe`; names must be unique. */
  probe<M>(name?: string): Probe<M>;
  /**
   * Settles, advancing the clock by up to `withinMs` (default 60,000) until the promise has settled, and returns its
   * outcome. Rejects if it is still pending.
   */
  outcome<T>(promise: Promise<T>, withinMs?: number): Promise<T>;
}

/** Far more steps than any test needs. Beyond it, actors are sending messages to each other endlessly. */
const MAX_STEPS = 1_000_000;
const MAX_EVENTS = 100_000;
const DEFAULT_WITHIN_MS = 60_000;

/** Creates an actor system for a test. The default seed is 1. */
export function createTestKit(options: { readonly seed?: number } = {}): TestKit {
  const seed = options.seed ?? 1;
  const clock = createVirtualClock();
  const random = createSeededRandom(seed);
  const scheduler = createSeededScheduler(createSeededRandom(seed ^ 0x5eed));
  const logEntries: LogEntry[] = [];
  const events: SystemEvent[] = [];
  const telemetry = createRecordingTelemetry();
  const system = createActorSystem({ clock, random, log: createRecordingLogger(logEntries), telemetry, scheduler });
  system.subscribe((event) => {
    if (events.length < MAX_EVENTS) events.push(event);
  });

  const settle = async (): Promise<void> => {
    let steps = 0;
    for (;;) {
      let ran = false;
      while (scheduler.runOne()) {
        ran = true;
        if (++steps > MAX_STEPS) throw new Error(`seed ${seed}: no quiescence after ${MAX_STEPS} steps`);
      }
      await microtasks();
      if (!ran && !scheduler.hasReady) return;
    }
  };

  const advance = async (ms: number): Promise<void> => {
    const untilMs = clock.monotonicMs() + ms;
    do await settle();
    while (clock.step(untilMs));
  };

  const kit: TestKit = {
    seed,
    system,
    clock,
    random,
    telemetry,
    logEntries,
    events,
    settle,
    advance,
    probe: <M>(name = 'probe') => createProbe<M>(kit, name),
    async outcome(promise, withinMs = DEFAULT_WITHIN_MS) {
      let open = true;
      const close = (): void => {
        open = false;
      };
      promise.then(close, close);
      const untilMs = clock.monotonicMs() + withinMs;
      do await settle();
      while (isTrue(open) && clock.step(untilMs));
      if (isTrue(open)) throw new Error(`seed ${seed}: still pending after ${withinMs} ms`);
      return promise;
    },
  };
  return kit;
}

/** Waits one turn of the event loop. By then every promise that needs no I/O has settled. */
function microtasks(): Promise<void> {
  // eslint-disable-next-line no-restricted-globals -- drives real promises from virtual time
  return new Promise((resolve) => setImmediate(resolve));
}

/** Hides from control-flow analysis that a callback may have changed the variable. */
function isTrue(value: boolean): boolean {
  return value;
}

/** Which seeds to run. */
export interface InterleavingOptions {
  /** The number of seeds. */
  readonly runs: number;
  /** The first seed (default 1). To repeat a failed run, pass its seed and `runs: 1`. */
  readonly seed?: number;
}

/** Runs a scenario under many interleavings. Rejects at the first failure and names the seed that reproduces it. */
export async function underInterleavings(
  options: InterleavingOptions,
  scenario: (kit: TestKit) => Promise<void>,
): Promise<void> {
  const first = options.seed ?? 1;
  for (let seed = first; seed < first + options.runs; seed++) {
    try {
      await scenario(createTestKit({ seed }));
    } catch (error) {
      const what = error instanceof Error ? error.message : String(error);
      throw new Error(`seed ${seed}: ${what}`, { cause: error });
    }
  }
}
