// The body of a request is what came, in whatever chunks, and small chunks are not kept as they came.
import fc from 'fast-check';
import { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import { receiveBody } from '../../../../src/gateway/web/request-body.ts';

function receiving(maxBytes: number) {
  const request = Object.assign(new EventEmitter(), { headers: {}, socket: {} });
  let over = 0;
  const requests = { receive: () => ({ holds: () => undefined, over: () => (over += 1) }) };
  const response: unknown = {};
  const exchange = { request: request as unknown as IncomingMessage, response: response as ServerResponse };
  return { request, body: receiveBody(exchange, { requests, maxBytes }), timesOver: () => over };
}

const sizes = fc.array(fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9_000 })), { maxLength: 40 });

describe('a body', () => {
  it('is whole, and counts no longer, however it was cut into chunks', async () => {
    await fc.assert(
      fc.asyncProperty(sizes, async (lengths) => {
        const { request, body, timesOver } = receiving(1_000_000);
        const chunks = lengths.map((length, index) => Buffer.alloc(length, index + 1));
        const sent = Buffer.concat(chunks);
        for (const chunk of chunks) request.emit('data', chunk);
        request.emit('end');
        const received = await body;
        expect(Buffer.isBuffer(received) && received.equals(sent)).toBe(true);
        expect([timesOver(), request.listenerCount('data')]).toEqual([1, 0]);
      }),
    );
  });

  it('in tiny chunks keeps none of them, so that each byte of it takes a byte', async () => {
    const { request, body } = receiving(1_000_000);
    const chunk = Buffer.alloc(1);
    for (let index = 0; index < 10_000; index += 1) {
      chunk.fill(index % 251);
      request.emit('data', chunk);
    }
    request.emit('end');
    expect(await body).toEqual(Buffer.from(Array.from({ length: 10_000 }, (_, index) => index % 251)));
  });

  it.each([
    ['is too large', 'too_large', (request: EventEmitter) => request.emit('data', Buffer.alloc(11))],
    ['has lost its client', 'gone', (request: EventEmitter) => request.emit('close')],
  ])('that %s counts no longer', async (_, outcome, act) => {
    const { request, body, timesOver } = receiving(10);
    act(request);
    expect([await body, timesOver()]).toEqual([outcome, 1]);
  });
});
