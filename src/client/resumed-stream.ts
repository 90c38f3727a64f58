/** Reads a stream over broken connections: each new call goes on after the last message of the one before. */
import { type Backoff, mayRepeat } from './retry.ts';

export interface ResumedStream<Message> {
  /** Calls again, from after the message that this token came with; empty: from the beginning. */
  readonly open: (token: string) => AsyncIterable<Message>;
  readonly tokenOf: (message: Message) => string;
  /** Where the first call begins; default: at the beginning. */
  readonly token?: string | undefined;
  /** Once it has begun it is tried so many times as often as a single call; default 1. */
  readonly patience?: number;
  readonly signal?: AbortSignal | undefined;
}

export async function* resumedStream<Message>(
  backoff: Backoff,
  { open, tokenOf, token: first = '', patience = 1, signal }: ResumedStream<Message>,
): AsyncGenerator<Message, void> {
  let token = first;
  let failures = 0;
  let begun = false;
  for (;;) {
    try {
      for await (const message of open(token)) {
        failures = 0;
        begun = true;
        token = tokenOf(message);
        yield message;
      }
      return;
    } catch (error) {
      failures += 1;
      const attempts = begun && backoff.maxAttempts > 1 ? backoff.maxAttempts * patience : backoff.maxAttempts;
      if (failures >= attempts || !mayRepeat(error, 'always')) throw error;
      await backoff.pause(failures, error, signal);
    }
  }
}
