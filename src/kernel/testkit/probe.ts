/** An actor that keeps the messages it receives, in order, until the test asks for them. */
import type { ActorRef, ActorSystem } from '../index.ts';
import type { VirtualClock } from './virtual-clock.ts';

/** A test's end of a conversation with actors. */
export interface Probe<M> {
  /** Sends messages to the probe. */
  readonly ref: ActorRef<M>;
  /** Messages received and not yet returned by `expectMessage`. */
  readonly pending: readonly M[];
  /**
   * Returns the next message. If there is none, virtual time advances by up to `withinMs` (default 3,000) until one
   * arrives. Rejects with the seed if none does.
   */
  expectMessage(withinMs?: number): Promise<M>;
  /** Rejects if a message arrives within `duringMs` (default 100) of virtual time, or is already pending. */
  expectNoMessage(duringMs?: number): Promise<void>;
}

/** What a probe needs from the test kit. */
export interface ProbeHost {
  /** The seed of the run; failures print it. */
  readonly seed: number;
  /** The system in which the probe is spawned. */
  readonly system: ActorSystem;
  /** The virtual clock of that system. */
  readonly clock: VirtualClock;
  /** Runs actors until none has work left, without advancing the clock. */
  settle(): Promise<void>;
  /** Advances the clock by `ms` and runs what becomes due. */
  advance(ms: number): Promise<void>;
}

const PROBE_CAPACITY = 100_000;
const EXPECT_WITHIN_MS = 3_000;
const EXPECT_NONE_DURING_MS = 100;

/** Spawns a probe at the top of the host's system. The name must be unique there. */
export function createProbe<M>(host: ProbeHost, name: string): Probe<M> {
  const pending: M[] = [];
  const ref = host.system.spawn<M>(name, {
    kind: 'probe',
    mailboxCapacity: PROBE_CAPACITY,
    start: () => ({ receive: (message) => void pending.push(message) }),
  });
  return {
    ref,
    pending,
    async expectMessage(withinMs = EXPECT_WITHIN_MS) {
      const untilMs = host.clock.monotonicMs() + withinMs;
      do await host.settle();
      while (pending.length === 0 && host.clock.step(untilMs));
      if (pending.length === 0) {
        throw new Error(`seed ${host.seed}: ${name} got no message within ${withinMs} ms`);
      }
      return pending.shift() as M;
    },
    async expectNoMessage(duringMs = EXPECT_NONE_DURING_MS) {
      await host.advance(duringMs);
      if (pending.length === 0) return;
      throw new Error(`seed ${host.seed}: ${name} got ${JSON.stringify(pending[0])}, expected none`);
    },
  };
}
