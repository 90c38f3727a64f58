/** Reads a stream across lost connections. Each new call continues after the last message that was received. */
import { type RetryPacing, mayRepeat } from './retry.ts';

export interface ResumedStream<Message> {
  /** Opens the stream after the message with this token. An empty token is the beginning. */
  readonly open: (token: string) => AsyncIterable<Message>;
  /** The token with which a stream continues after this message. */
  readonly tokenOf: (message: Message) => string;
  /** Where the first call starts. Default: at the beginning. */
  readonly token?: string | undefined;
  /** Multiplies the number of tries once the stream has delivered a message. Default: 1. */
  readonly patience?: number;
  readonly signal?: AbortSignal | undefined;
}

export async function* resumedStream<Message>(
  backoff: RetryPacing,
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
