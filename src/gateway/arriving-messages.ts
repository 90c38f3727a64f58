/** The messages of a client-streaming call. One is awaited at a time, for a limited time. */
import type { Clock } from '../application/ports/runtime.ts';
import { TroupeError } from '../domain/errors.ts';
import { readable } from './readable-requests.ts';

/** The longest wait for a message. */
const messageMaxMs = 30_000;

/** Yields the messages of a call. Throws if the call ends, or if the next message does not arrive in time. */
export async function* arriving<Request>(
  call: AsyncIterable<Request>,
  signal: AbortSignal,
  clock: Clock,
): AsyncGenerator<Request, void> {
  const messages = call[Symbol.asyncIterator]();
  for (;;) {
    const next = await inTime(messages.next(), signal, clock);
    if (next.done === true) return;
    yield readable(next.value);
  }
}

async function inTime<T>(message: Promise<T>, signal: AbortSignal, clock: Clock): Promise<T> {
  const over = Promise.withResolvers<never>();
  const end = (): void => over.reject(signal.reason as Error);
  const stopTimer = clock.setTimer(messageMaxMs, () => {
    const text = `no message came for ${messageMaxMs} ms`;
    over.reject(new TroupeError('CALL_DEADLINE_EXCEEDED', { message: text, metadata: { outcome: 'none' } }));
  });
  signal.addEventListener('abort', end);
  if (signal.aborted) end();
  try {
    return await Promise.race([message, over.promise]);
  } finally {
    stopTimer();
    signal.removeEventListener('abort', end);
  }
}
