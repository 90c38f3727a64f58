// A request in JSON is bytes until the function that serves it asks for it: callers that nobody knows cost no reading.
import { Metadata, status as grpc } from '@grpc/grpc-js';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { loadContract, type MethodCodec } from '../../../../src/contract/codec.ts';
import { createStatusCodec } from '../../../../src/contract/error-details.ts';
import { createSendBudget } from '../../../../src/gateway/send-budget.ts';
import { createStatusMapper } from '../../../../src/gateway/status-mapper.ts';
import { StreamOwners } from '../../../../src/gateway/stream-owners.ts';
import { createJsonCalls } from '../../../../src/gateway/web/json-calls.ts';
import { createWebAnswers } from '../../../../src/gateway/web/web-answer.ts';
import { createWebWriter } from '../../../../src/gateway/web/web-writer.ts';
import { natsTestTelemetry } from '../../../support/nats.ts';
import { realClock, silentLog } from '../../../support/stores.ts';
import { postJson } from '../../../support/web-calls.ts';

interface Asked {
  readonly metadata: Metadata;
  readonly request: unknown;
  readonly unread?: Buffer;
}

let server: Server | undefined;
afterEach(() => server?.close());

const path = '/test.Things/Get';

/** A door with one method, which is for callers with a credential. */
async function door() {
  const seen = { reads: 0, unread: [] as (number | undefined)[] };
  const handle = (call: Asked, callback: (error: object | null, answer?: unknown) => void): void => {
    seen.unread.push(call.unread?.byteLength);
    if (call.metadata.get('authorization').length === 0) {
      callback({ code: grpc.UNAUTHENTICATED, details: 'who are you', metadata: new Metadata() });
      return;
    }
    const requests = [call.request, call.request];
    seen.unread.push(call.unread?.byteLength);
    callback(null, requests);
  };
  const codec = {
    requestDeserialize: (bytes: Buffer) => bytes.toString(),
    responseSerialize: (answer: unknown) => Buffer.from(JSON.stringify(answer)),
  } as unknown as MethodCodec<unknown, unknown>;
  const requestBytes = (text: string): Buffer => {
    seen.reads += 1;
    return Buffer.from(`read ${text}`);
  };
  const method = { requestBytes, answerText: (bytes: Uint8Array) => Buffer.from(bytes).toString() };
  const json = { methods: new Map([[path, method]]), readable: () => undefined };
  const statusCodec = createStatusCodec(loadContract());
  const calls = createJsonCalls({
    methods: new Map([[path, { codec, handle }]]),
    json,
    answers: createWebAnswers({ statusCodec, mapper: createStatusMapper(statusCodec), json }),
    writer: createWebWriter(() => true),
    requests: { receive: () => ({ holds: () => undefined, over: () => undefined }) },
    budget: createSendBudget(1_000_000, natsTestTelemetry),
    owners: new StreamOwners(),
    messageMaxBytes: 1_000,
    clock: realClock,
    log: silentLog,
  });
  server = createServer((request, response) => void calls.serve({ request, response }, path));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, seen };
}

describe('a request', () => {
  it('of a caller that is refused is never read', async () => {
    const { port, seen } = await door();
    expect((await postJson(port, path, '{"no": "JSON of anything"')).status).toBe(401);
    expect(seen).toEqual({ reads: 0, unread: [25] });
  });

  it('is read once, and its bytes are let go', async () => {
    const { port, seen } = await door();
    const { json } = await postJson(port, path, '{}', { authorization: 'Bearer x' });
    expect(json).toEqual(['read {}', 'read {}']);
    expect(seen).toEqual({ reads: 1, unread: [2, undefined] });
  });
});
