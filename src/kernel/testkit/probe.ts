/** An actor that tests talk to: it keeps what it is sent, in order, until the test asks. */
import type { ActorRef, ActorSystem } from '../index.ts';
import type { VirtualClock } from './virtual-clock.ts';

/** An actor that keeps what it is sent, for tests. */
export interface Probe<M> {
  /** Send messages here. */
  readonly ref: ActorRef<M>;
  /** Received and not yet asked for. */
  readonly pending: readonly M[];
  /** The next message, letting up to `withinMs` (default 3 s) of virtual time pass until it comes. */
  expectMessage(withinMs?: number): Promise<M>;
  /** Fails if a message comes within that time. */
  expectNoMessage(duringMs?: number): Promise<void>;
}

/** What a probe needs of the kit. */
export interface ProbeHost {
  /** What the order comes from. */
  readonly seed: number;
  /** The system of the probe. */
  readonly system: ActorSystem;
  /** Its virtual clock. */
  readonly clock: VirtualClock;
  /** Runs until nothing is ready any more, without moving time. */
  settle(): Promise<void>;
  /** Moves time by so many ms, and runs what becomes due. */
  advance(ms: number): Promise<void>;
}

const PROBE_CAPACITY = 100_000;
const EXPECT_WITHIN_MS = 3_000;
const EXPECT_NONE_DURING_MS = 100;

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
