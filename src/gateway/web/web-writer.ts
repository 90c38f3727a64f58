/**
 * Writes answers of the door. They count until they have left (`send-budget.ts`), and a client that does not read its answer
 * loses its connection.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { UnreadAnswers } from '../unread-answers.ts';
import type { FileAnswer } from './console-answer.ts';
import type { WebAnswer } from './web-answer.ts';
import { requestIdOf } from './web-call.ts';

/** Time for a client to send the rest of a request that was refused before its end. Else it might not read why. */
const restMaxMs = 2_000;

export interface WebWriter {
  /** `hold` counts bytes until the returned function is called. */
  write(response: ServerResponse, answer: WebAnswer, hold?: (bytes: number) => () => void): void;
  writeFile(response: ServerResponse, answer: FileAnswer, isHead: boolean): void;
  /** Answers before the request is whole, and ends the connection. */
  writeEarly(request: IncomingMessage, response: ServerResponse, answer: WebAnswer): void;
}

/** `isLast`: whether the connection ends with this answer. */
export function createWebWriter(isLast: (response: ServerResponse) => boolean): WebWriter {
  const unread = new UnreadAnswers(() => performance.now());

  function begin(response: ServerResponse, { status, headers, body }: WebAnswer, ends: boolean): Buffer {
    const bytes = Buffer.from(body);
    response.writeHead(status, {
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      ...headers,
      'content-length': String(bytes.byteLength),
      ...(ends ? { connection: 'close' } : {}),
    });
    return bytes;
  }

  return {
    write(response, answer, hold = () => () => undefined) {
      if (response.destroyed || response.headersSent) return;
      const bytes = begin(response, answer, isLast(response));
      const free = hold(bytes.byteLength);
      const left = unread.wait({ close: () => response.socket?.destroy() }, bytes.byteLength);
      response.once('close', () => {
        free();
        left();
      });
      response.end(bytes);
    },

    writeFile(response, { status, headers, body }, isHead) {
      const closing = isLast(response) ? { connection: 'close' } : {};
      const length = status === 304 ? {} : { 'content-length': String(body.byteLength) };
      response.writeHead(status, { ...headers, ...length, ...closing });
      const left = unread.wait({ close: () => response.socket?.destroy() }, body.byteLength);
      response.once('close', left);
      response.end(isHead ? undefined : body);
    },

    writeEarly(request, response, answer) {
      if (response.destroyed || response.headersSent) return;
      // The length is known, so the client has the whole answer before the connection ends.
      const known = { 'x-request-id': requestIdOf(request.headers) };
      response.write(begin(response, { ...answer, headers: { ...known, ...answer.headers } }, true));
      const end = (): void => void response.end();
      const timer = setTimeout(end, restMaxMs).unref();
      response.once('close', () => clearTimeout(timer));
      request.once('end', end);
      request.resume();
    },
  };
}
