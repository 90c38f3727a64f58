/**
 * An actor system in virtual time and seeded order. Nothing runs until `settle`, `advance` or a probe's `expect…`; the same
 * seed gives the same run. Real input and output has no place here: only promises that settle without it.
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

/** A system in virtual time, with seeded order. */
export interface TestKit {
  /** What the order comes from; printed when a test fails. */
  readonly seed: number;
  /** The system under test. */
  readonly system: ActorSystem;
  /** Its virtual clock. */
  readonly clock: VirtualClock;
  /** Its seeded chance. */
  readonly random: Random;
  /** What was measured. */
  readonly telemetry: RecordingTelemetry;
  /** What was logged, in order. */
  readonly logEntries: readonly LogEntry[];
  /** Events of the lives of actors, in order. */
  readonly events: readonly SystemEvent[];
  /** Runs until nothing is ready any more; time stands still. */
  settle(): Promise<void>;
  /** Lets `ms` pass, timer by timer, each run to quiescence. */
  advance(ms: number): Promise<void>;
  /** An actor that keeps what it is sent. */
  probe<M>(name?: string): Probe<M>;
  /** Settles, moving time up to `withinMs`, until the promise has; its outcome. */
  outcome<T>(promise: Promise<T>, withinMs?: number): Promise<T>;
}

/** More steps than any test needs: past it actors are sending to each other without end. */
const MAX_STEPS = 1_000_000;
const MAX_EVENTS = 100_000;
const DEFAULT_WITHIN_MS = 60_000;

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

/** A turn of the event loop: every promise that can settle without input and output has. */
function microtasks(): Promise<void> {
  // eslint-disable-next-line no-restricted-globals -- drives real promises from virtual time
  return new Promise((resolve) => setImmediate(resolve));
}

/** Hides from control-flow analysis that a callback may have changed the variable. */
function isTrue(value: boolean): boolean {
  return value;
}

/** How many orders to try. */
export interface InterleavingOptions {
  /** How many seeds to run. */
  readonly runs: number;
  /** The first seed; to repeat a failed run give its seed and `runs: 1`. */
  readonly seed?: number;
}

/** Runs a scenario under many orders; a failure names the seed that repeats it. */
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
