/** Receives the body of a request, which counts while it comes (`request-budget.ts`). */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RequestBudget } from '../request-budget.ts';

/** `gone`: its client has left, so nobody needs an answer. */
export type ReceivedBody = Buffer | 'too_large' | 'no_room' | 'gone';

export interface ReceivedRequest {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

export function receiveBody(
  { request, response }: ReceivedRequest,
  { requests, maxBytes }: { readonly requests: Pick<RequestBudget, 'receive'>; readonly maxBytes: number },
): Promise<ReceivedBody> {
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) return Promise.resolve('too_large');
  return new Promise((resolve) => {
    const parts = new BodyParts();
    let bytes = 0;
    const settle = (received: ReceivedBody): void => {
      counted.over();
      for (const [event, listener] of listeners) request.off(event, listener);
      resolve(received);
    };
    const counted = requests.receive(request.socket, () => settle('no_room'));
    const take = (chunk: Buffer): void => {
      bytes += chunk.byteLength;
      if (bytes > maxBytes) {
        settle('too_large');
        return;
      }
      parts.add(chunk);
      counted.holds(bytes);
    };
    const listeners = [
      ['data', take],
      ['end', () => settle(parts.whole())],
      ['close', () => settle('gone')],
    ] as const;
    for (const [event, listener] of listeners) request.on(event, listener);
    // A client that waits to be asked has not sent its body yet, and need not if it is refused.
    if (request.headers.expect !== undefined) response.writeContinue();
  });
}

/** What is smaller is copied, so that what a client sends a byte at a time takes no object for each of them. */
const partMinBytes = 4_096;

class BodyParts {
  readonly #whole: Buffer[] = [];
  #open = Buffer.alloc(0);
  #used = 0;

  add(chunk: Buffer): void {
    if (this.#used + chunk.byteLength > this.#open.byteLength) {
      this.#close();
      if (chunk.byteLength >= partMinBytes) {
        this.#whole.push(chunk);
        return;
      }
      this.#open = Buffer.allocUnsafeSlow(partMinBytes);
    }
    this.#used += chunk.copy(this.#open, this.#used);
  }

  whole(): Buffer {
    this.#close();
    return Buffer.concat(this.#whole);
  }

  #close(): void {
    if (this.#used > 0) this.#whole.push(this.#open.subarray(0, this.#used));
    this.#open = Buffer.alloc(0);
    this.#used = 0;
  }
}
