/**
 * Writes a source to a stream, one message at a time. The next message is taken when the last one has left and the
 * budget has room.
 */
import type { Clock } from '../application/ports/runtime.ts';
import { TroupeError } from '../domain/errors.ts';
import type { AnswerRoom } from './answer-room.ts';

export interface Outgoing<Message> {
  write(message: Message, left: (error?: Error | null) => void): boolean;
}

export interface PumpParts {
  readonly room: Pick<AnswerRoom, 'ensureRoom' | 'release'>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** How long a client may leave a message unread. After that, the message only occupies memory. */
const leaveMaxMs = 30_000;

/**
 * Rejects with the reason of the signal if it is aborted, whatever the source does. So a stream that was cut never
 * looks complete.
 */
export async function pump<Message>(
  call: Outgoing<Message>,
  source: AsyncIterable<Message>,
  parts: PumpParts,
): Promise<void> {
  const { signal, room } = parts;
  try {
    for await (const message of source) {
      if (signal.aborted) break;
      room.ensureRoom();
      await sent(call, message, parts);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    room.release();
  }
  signal.throwIfAborted();
}

/** Waits until the message has left this process or the client has gone. */
async function sent<Message>(
  call: Outgoing<Message>,
  message: Message,
  { clock, signal, room }: PumpParts,
): Promise<void> {
  const over = Promise.withResolvers<undefined>();
  const done = (): void => over.resolve(undefined);
  const stopTimer = clock.setTimer(leaveMaxMs, () => {
    const text = `the client has read nothing for ${leaveMaxMs} ms`;
    over.reject(new TroupeError('OVERLOADED', { message: text, retryAfterMs: 1_000 }));
  });
  signal.addEventListener('abort', done);
  call.write(message, done);
  room.release();
  if (signal.aborted) done();
  try {
    await over.promise;
  } finally {
    stopTimer();
    signal.removeEventListener('abort', done);
  }
}
