/** Clients that begin requests and do not end them: what a gateway holds of these is bounded, and the others go on. */
import { connect } from 'node:http2';
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { loadContract } from '../../src/contract/codec.ts';
import { openEdge, until } from './gateway-edge.ts';
import type { Edge } from './gateway-edge.ts';

const mib = 1_048_576;
const maxBytesInFlight = 8 * mib;
const { jobs } = loadContract();

let edge: Edge;
let address: string;
beforeAll(async () => {
  edge = await openEdge();
  const { port } = await edge.openGateway({ limits: { payloadMaxBytes: 2 * mib, maxBytesInFlight } });
  address = `127.0.0.1:${String(port)}`;
});
afterAll(() => edge.close());

function connected(): ClientHttp2Session {
  return connect(`http://${address}`).on('error', () => undefined);
}

async function heldBytes(): Promise<number> {
  const text = await edge.telemetry.metricsText();
  return Number(/^troupe_gateway_request_bytes (\d+)/m.exec(text)?.[1]);
}

/** A message of which the first bytes are sent, and no more. */
function begin(session: ClientHttp2Session, frame: Buffer, headers = {}): ClientHttp2Stream {
  const path = { ':method': 'POST', ':path': jobs.SubmitJob.path };
  const stream = session.request({ ...path, 'content-type': 'application/grpc', te: 'trailers', ...headers });
  stream.on('error', () => undefined);
  stream.write(frame);
  return stream;
}

function framed(message: Buffer, announcedBytes: number, flag = 0): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(flag, 0);
  head.writeUInt32BE(announcedBytes, 1);
  return Buffer.concat([head, message]);
}

it('40 requests of a megabyte that never end hold 8 MiB, keep nobody out, and give all back when they go', async () => {
  const session = connected();
  const frame = framed(Buffer.alloc(mib), 2 * mib);
  const streams = Array.from({ length: 40 }, () => begin(session, frame));
  const refused = (): number => streams.filter(({ closed }) => closed).length;
  await until('those past the bound are refused', () => refused() >= 32);
  expect(refused()).toBeLessThanOrEqual(34);
  const held = await heldBytes();
  expect(held).toBeGreaterThan(6 * mib);
  expect(held).toBeLessThanOrEqual(maxBytesInFlight);
  const other = edge.client({ address, retry: { maxAttempts: 1 } });
  expect((await other.submit('test.echo', 'x'.repeat(50_000))).jobId).not.toBe('');
  session.destroy();
  await until('all is given back', async () => (await heldBytes()) === 0);
});

it('what is deflated counts as what it becomes: a hundred small bombs are not inflated at once', async () => {
  const session = connected();
  const bomb = gzipSync(Buffer.alloc(2 * mib));
  // Whole messages, whose calls never end: grpc-js inflates them all the same.
  const frame = framed(bomb, bomb.byteLength, 1);
  const streams = Array.from({ length: 100 }, () => begin(session, frame, { 'grpc-encoding': 'gzip' }));
  await until('most are refused', () => streams.filter(({ closed }) => closed).length >= 95);
  expect(await heldBytes()).toBeLessThanOrEqual(maxBytesInFlight);
  session.destroy();
  await until('all is given back', async () => (await heldBytes()) === 0);
});
