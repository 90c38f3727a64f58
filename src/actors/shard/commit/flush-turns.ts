/** When decisions go to the store: in groups, behind the messages that wait in the mailbox now. */
import type { ActorContext } from '../../../kernel/index.ts';
import type { ShardMessage } from '../services/shard-message.ts';
import type { PartitionSet } from './partition-set.ts';

/** How long a decision that may wait for others is held before it is written. */
const lazyFlushMs = 50;

export class FlushTurns {
  readonly #context: Pick<ActorContext<ShardMessage>, 'self' | 'setTimer'>;
  readonly #partitions: Pick<PartitionSet, 'flush'>;
  #isAsked = false;
  #comesSoon = false;

  constructor(context: Pick<ActorContext<ShardMessage>, 'self' | 'setTimer'>, partitions: Pick<PartitionSet, 'flush'>) {
    this.#context = context;
    this.#partitions = partitions;
  }

  /**
   * The flush message queues behind the messages that wait now. They are decided before it, and this is how groups
   * form.
   */
  ask(): void {
    if (this.#isAsked) return;
    this.#isAsked = this.#context.self.tell({ kind: 'flush' });
    if (!this.#isAsked) this.flush();
  }

  flush(all = false): void {
    this.#isAsked = false;
    this.#partitions.flush(all);
  }

  /** The decisions that were allowed to wait are written in a moment. */
  soon(): void {
    if (this.#comesSoon) return;
    this.#comesSoon = true;
    this.#context.setTimer('flush-soon', lazyFlushMs, { kind: 'flush-soon' });
  }

  /** Writes the decisions that were allowed to wait. */
  flushRest(): void {
    this.#comesSoon = false;
    this.flush(true);
  }
}
