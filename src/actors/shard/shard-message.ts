/** What a shard actor is told: batches from outside, and its own flushes, timers and orders. */
import type { TroupeError } from '../../domain/errors.ts';
import type { ActorContext } from '../../kernel/index.ts';
import type { LookTurn } from './dispatch/work-looks.ts';

/** Items of one verb, from outside. */
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
  /** Somebody whom the shard had asked has answered, or has failed to. `handle` goes on with what the question was for. */
  | { readonly kind: 'answered'; readonly by: Answerer; readonly handle: () => void }
  | { readonly kind: 'tick' }
  | { readonly kind: 'deadline' }
  | { readonly kind: 'flow-rules' }
  /** What the limiters need of their quotas has changed, or the time to ask their homes has come. */
  | { readonly kind: 'quota-needs-changed' }
  | { readonly kind: 'quota-due' }
  /** A shard that did not say what it uses of limits is to be asked again. */
  | { readonly kind: 'usage-due'; readonly shard: number }
  /** It is this shard's turn to look at the stream of work. */
  | { readonly kind: 'look-turn'; readonly turn: LookTurn }
  /** JetStream was wiped, and its streams are new. */
  | { readonly kind: 'streams-replaced' }
  /** Nothing of a bucket is left to publish. */
  | { readonly kind: 'bucket-published' }
  /** Graceful hand-over: stop taking, flush, publish what can be published within the grace, then stop. */
  | { readonly kind: 'hand-over'; readonly done: () => void };

type Answerer = 'store' | 'stream' | 'shard';

/** Continues with the outcome of a question as a message of its own, so that it never runs in the middle of another. */
export function whenAnswered<T>(
  context: Pick<ActorContext<ShardMessage>, 'pipeToSelf'>,
  by: Answerer,
  answer: Promise<T>,
  then: (outcome: PromiseSettledResult<T>) => void,
): void {
  context.pipeToSelf(answer, (outcome) => ({ kind: 'answered', by, handle: () => then(outcome) }));
}
