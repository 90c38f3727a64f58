import { Server } from '@grpc/grpc-js';
import { expect, it } from 'vitest';
import { Connections } from '../../../src/gateway/connections.ts';
import { RequestBudget } from '../../../src/gateway/request-budget.ts';
import { createSendBudget } from '../../../src/gateway/send-budget.ts';
import { StreamOwners } from '../../../src/gateway/stream-owners.ts';
import { natsTestTelemetry } from '../../support/nats.ts';
import { guardStreams, shortenTimeout } from '../../../src/gateway/http2-streams.ts';

it.each([
  ['2592000S', '576H'],
  ['4294968S', '576H'],
  ['99999999H', '576H'],
  ['99999999M', '576H'],
  ['576H', '576H'],
  ['2073600S', '2073600S'],
  ['99999999m', '99999999m'],
  ['99999999u', '99999999u'],
  ['0n', '0n'],
  ['soon', 'soon'],
  ['-1S', '-1S'],
])('a timeout of %s is taken as %s', (said, taken) => {
  const headers = { 'grpc-timeout': said };
  shortenTimeout(headers);
  expect(headers['grpc-timeout']).toBe(taken);
});

it('leaves a call alone that names none', () => {
  const headers = {};
  shortenTimeout(headers);
  expect(headers).toEqual({});
});

it('finds in this version of grpc-js what it takes hold of', () => {
  const send = createSendBudget(1, natsTestTelemetry);
  const limits = { maxBytes: 1, messageMaxBytes: 1 };
  const requests = new RequestBudget({ ...limits, telemetry: natsTestTelemetry, nowMs: () => 0 });
  const connections = new Connections({
    server: 'gateway',
    limits: { max: 1, maxPerAddress: 1, maxCalls: 1 },
    telemetry: natsTestTelemetry,
  });
  const guards = {
    send,
    owners: new StreamOwners(),
    sendMaxBytes: 1,
    requests,
    inPieces: new Set<string>(),
    connections,
  };
  expect(() => guardStreams(new Server(), guards)).not.toThrow();
});
