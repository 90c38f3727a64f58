/** The WORK messages of a shard harness that its stream still has, for tests in which nodes take them in any order. */
import fc from 'fast-check';
import type { WorkMessage } from '../../src/application/ports/bus.ts';
import type { AttemptOutcome } from '../../src/domain/attempt-outcome.ts';
import type { FlowRule } from '../../src/domain/flow-rule.ts';
import type { ShardHarness } from './shard-harness.ts';

export class WorkStream {
  readonly shard: ShardHarness;
  /** Messages that the stream has, by their place in `shard.work`. */
  readonly stream = new Map<number, WorkMessage>();
  #read = 0;

  constructor(shard: ShardHarness) {
    this.shard = shard;
  }

  read(): void {
    for (; this.#read < this.shard.work.length; this.#read += 1) {
      const message = this.shard.work[this.#read];
      if (message !== undefined) this.stream.set(this.#read, message);
    }
  }

  drop(places: readonly number[]): void {
    this.shard.lose(places.flatMap((place) => this.stream.get(place) ?? []));
    for (const place of places) this.stream.delete(place);
  }

  picked(at: number, count: number): readonly number[] {
    this.read();
    const places = [...this.stream.keys()];
    return places.length === 0 ? [] : places.slice(at % places.length).slice(0, count);
  }
}

/** A rule of each kind. */
export const anyRule: fc.Arbitrary<FlowRule> = fc.oneof(
  fc.constant({}),
  fc.constant({ paused: true }),
  fc.record({ maxRunning: fc.integer({ min: 1, max: 3 }) }),
  fc.record({ maxRunningPerKey: fc.integer({ min: 1, max: 2 }) }),
  fc.record({ rate: fc.record({ perSecond: fc.integer({ min: 1, max: 20 }), burst: fc.integer({ min: 1, max: 3 }) }) }),
  fc.constant({ fairnessWeights: { a: 3 } }),
);

export const failedAttempt: AttemptOutcome = {
  kind: 'failed',
  retryable: true,
  failure: { reason: 'HANDLER_FAILED', message: 'no' },
};
