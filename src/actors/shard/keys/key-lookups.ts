/**
 * Questions to the store about keys. All that come up in one message go as one question, and their answers come back as
 * one message: so a batch of submits with keys is decided together, and written as one group.
 */
import type { IdempotencyEntry, JobStore } from '../../../application/ports/job-store.ts';
import { TroupeError } from '../../../domain/errors.ts';
import type { ActorContext } from '../../../kernel/index.ts';
import { type ShardMessage, whenAnswered } from '../shard-message.ts';

/** `row` is undefined when nobody has the key. After `trouble` nothing is known. */
export type KeyAnswer = { readonly row: IdempotencyEntry | undefined } | { readonly trouble: TroupeError };

interface Question {
  readonly keyHash: string;
  /** Whether the job of a row counts: the row of one that was never committed is an orphan of a crash. */
  readonly counts: (row: IdempotencyEntry) => Promise<boolean>;
  readonly then: (answer: KeyAnswer) => void;
}

export interface KeyLookupsParts {
  readonly shard: number;
  readonly store: Pick<JobStore, 'findKeys'>;
  readonly context: Pick<ActorContext<ShardMessage>, 'pipeToSelf'>;
  /** After the answers: what was decided on them is to be written. */
  readonly decided: () => void;
}

export class KeyLookups {
  readonly #parts: KeyLookupsParts;
  #questions: Question[] = [];

  constructor(parts: KeyLookupsParts) {
    this.#parts = parts;
  }

  /** Others may be accepted before `then` is called: it must look at the keys in memory first. */
  ask(question: Question): void {
    this.#questions.push(question);
  }

  /** At the end of each message. */
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

/** Nothing is done without an answer: whoever waits is told, and may come again. */
function unanswered(reason: unknown): KeyAnswer {
  const metadata = { outcome: 'none' };
  return { trouble: new TroupeError('STORE_UNAVAILABLE', { cause: reason, retryAfterMs: 1_000, metadata }) };
}
