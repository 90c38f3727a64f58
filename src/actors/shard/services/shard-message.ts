/** The messages of a shard actor: batches from outside, and its own flushes, timers and orders. */
import type { TroupeError } from '../../../domain/errors.ts';
import type { ActorContext } from '../../../kernel/index.ts';
import type { LookTurn } from './work-looks.ts';

/** Items of one verb, sent by a caller. */
export interface Batch {
  readonly kind: 'batch';
  readonly perform: () => void;
  readonly refuse: (error: TroupeError) => void;
}

export type ShardMessage =
  | Batch
  | { readonly kind: 'flush' }
  | { readonly kind: 'flush-soon' }
  | { readonly kind: 'flushed'; readonly bucket: number; readonly outcome: PromiseSettledResult<'applied' | 'deposed'> }
  /** A question of this shard was answered or has failed. `handle` continues the work that needed the answer. */
  | { readonly kind: 'answered'; readonly by: Answerer; readonly handle: () => void }
  | { readonly kind: 'tick' }
  | { readonly kind: 'deadline' }
  | { readonly kind: 'flow-rules' }
  /** Limiters have more turns than one message may take. */
  | { readonly kind: 'turns-left' }
  /** The limiters need different quotas than before, or it is time to ask the homes. */
  | { readonly kind: 'quota-needs-changed' }
  | { readonly kind: 'quota-due' }
  /** Ask this shard again how much it uses of the limits, because it has not answered. */
  | { readonly kind: 'usage-due'; readonly shard: number }
  /** It is this shard's turn to look at the WORK stream. */
  | { readonly kind: 'look-turn'; readonly turn: LookTurn }
  /** JetStream was wiped, and its streams are new. */
  | { readonly kind: 'streams-replaced' }
  /** A bucket has nothing left to publish. */
  | { readonly kind: 'bucket-published' }
  /** Hands the shard over: accept nothing more, flush, publish as much as the grace period allows, then stop. */
  | { readonly kind: 'hand-over'; readonly done: () => void };

type Answerer = 'store' | 'stream' | 'shard';

/**
 * Delivers the outcome of a question as a message of the actor, so that it is never handled in the middle of another
 * message.
 */
export function whenAnswered<T>(
  context: Pick<ActorContext<ShardMessage>, 'pipeToSelf'>,
  by: Answerer,
  answer: Promise<T>,
  then: (outcome: PromiseSettledResult<T>) => void,
): void {
  context.pipeToSelf(answer, (outcome) => ({ kind: 'answered', by, handle: () => then(outcome) }));
}
