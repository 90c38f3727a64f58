/**
 * Looks keys up in the store. All questions of one message are sent together, and their answers come back as one
 * message. So a batch of submits with keys is decided together and written as one group.
 */
import type { IdempotencyEntry, JobStore } from '../../../application/ports/job-store.ts';
import { TroupeError } from '../../../domain/errors.ts';
import type { ActorContext } from '../../../kernel/index.ts';
import { type ShardMessage, whenAnswered } from '../services/shard-message.ts';

/** `row` is undefined when no job has the key. After `trouble` nothing is known. */
export type KeyAnswer = { readonly row: IdempotencyEntry | undefined } | { readonly trouble: TroupeError };

interface Question {
  readonly keyHash: string;
  /** Whether the job of a row exists. A row whose job was never committed was left behind by a crash. */
  readonly counts: (row: IdempotencyEntry) => Promise<boolean>;
  readonly then: (answer: KeyAnswer) => void;
}

export interface KeyLookupsParts {
  readonly shard: number;
  readonly store: Pick<JobStore, 'findKeys'>;
  readonly context: Pick<ActorContext<ShardMessage>, 'pipeToSelf'>;
  /** Called after the answers, so that the decisions that followed are written. */
  readonly decided: () => void;
}

export class KeyLookups {
  readonly #parts: KeyLookupsParts;
  #questions: Question[] = [];

  constructor(parts: KeyLookupsParts) {
    this.#parts = parts;
  }

  /** Other submits may be accepted before `then` is called, so `then` must look at the keys in memory first. */
  ask(question: Question): void {
    this.#questions.push(question);
  }

  /** Call this at the end of each message. */
  send(): void {
    if (this.#questions.length === 0) return;
    const questions = this.#questions;
    this.#questions = [];
    whenAnswered(this.#parts.context, 'store', this.#answers(questions), (outcome) => {
      for (const [index, { then }] of questions.entries()) {
        then(outcome.status === 'rejected' ? unanswered(outcome.reason) : (outcome.value[index] ?? { row: undefined }));
      }
      this.#parts.decided();
    });
  }

  async #answers(questions: readonly Question[]): Promise<readonly KeyAnswer[]> {
    const { store, shard } = this.#parts;
    const rows = await store.findKeys(shard, [...new Set(questions.map(({ keyHash }) => keyHash))]);
    if (rows.size === 0) return [];
    return Promise.all(questions.map((question) => answerOf(question, rows.get(question.keyHash))));
  }
}

async function answerOf({ counts }: Question, row: IdempotencyEntry | undefined): Promise<KeyAnswer> {
  try {
    return { row: row !== undefined && (await counts(row)) ? row : undefined };
  } catch (error) {
    return unanswered(error);
  }
}

/** Without an answer nothing is done. The caller gets this error and may try again. */
function unanswered(reason: unknown): KeyAnswer {
  const metadata = { outcome: 'none' };
  return { trouble: new TroupeError('STORE_UNAVAILABLE', { cause: reason, retryAfterMs: 1_000, metadata }) };
}
