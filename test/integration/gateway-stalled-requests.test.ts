/** Clients that begin requests and do not end them: what a gateway holds of these is bounded, and the others go on. */
import { once } from 'node:events';
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type IncomingHttpHeaders,
} from 'node:http2';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { loadContract } from '../../src/contract/codec.ts';
import { type Edge, openEdge, until } from './gateway-edge.ts';

const mib = 1_048_576;
const maxBytesInFlight = 8 * mib;
const { jobs } = loadContract();
const upload = jobs.SubmitJobStream.path;

let edge: Edge;
let address: string;
beforeAll(async () => {
  edge = await openEdge();
  const { port } = await edge.openGateway({ limits: { payloadMaxBytes: 2 * mib, maxBytesInFlight } });
  address = `127.0.0.1:${port}`;
});
afterAll(() => edge.close());

/** By itself it would take answers amiss while it has much to send. */
const maxSessionMemory = 1_000;

function connected(port?: number): ClientHttp2Session {
  const target = port === undefined ? address : `127.0.0.1:${port}`;
  return connect(`http://${target}`, { maxSessionMemory }).on('error', () => undefined);
}

async function heldBytes(): Promise<number> {
  const text = await edge.telemetry.metricsText();
  return Number(/^troupe_gateway_request_bytes (\d+)/m.exec(text)?.[1]);
}

/** A message of which the first bytes are sent, and no more. */
function begin(
  session: ClientHttp2Session,
  frame: Buffer,
  headers = {},
  path = jobs.SubmitJob.path,
): ClientHttp2Stream {
  const target = { ':method': 'POST', ':path': path };
  const stream = session.request({ ...target, 'content-type': 'application/grpc', te: 'trailers', ...headers });
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

describe('messages of 8 MiB and more, short of their end, on one connection', () => {
  const half = framed(Buffer.alloc(8 * mib), 16 * mib);
  const maxBytes = 64 * mib;
  let port: number;
  let session: ClientHttp2Session;
  beforeAll(async () => {
    ({ port } = await edge.openGateway({ limits: { payloadMaxBytes: 16 * mib, maxBytesInFlight: maxBytes } }));
  });
  beforeEach(() => {
    session = connected(port);
  });
  afterEach(async () => {
    session.destroy();
    await until('all is given back', async () => (await heldBytes()) === 0);
  });

  it.each([jobs.SubmitJob.path, upload])('hold what is stated, and keep nobody out: %s', async (path) => {
    // Admission takes 10 uploads of the 60, whose halves are more than the bound all the same.
    const streams = Array.from({ length: 60 }, () => begin(session, half, {}, path));
    const calm = constants.NGHTTP2_ENHANCE_YOUR_CALM;
    await until('some are refused', () => streams.filter(({ rstCode }) => rstCode === calm).length >= 2);
    await until('the bound is used', async () => (await heldBytes()) > 40 * mib);
    expect(await heldBytes()).toBeLessThanOrEqual(maxBytes);
    const other = edge.client({ address: `127.0.0.1:${port}`, retry: { maxAttempts: 1 } });
    expect((await other.submit('test.echo', 'x'.repeat(50_000))).jobId).not.toBe('');
  });

  it('an upload that was answered goes, though its client goes on with it', async () => {
    const stream = begin(session, half, { 'grpc-timeout': '4S' }, upload);
    const answer = once(stream.resume(), 'response') as Promise<[IncomingHttpHeaders]>;
    await until('it has begun', async () => (await heldBytes()) > 0);
    expect((await answer)[0]['grpc-status']).toBe('4');
    const held = await heldBytes();
    stream.write(Buffer.alloc(8 * mib));
    const over = once(stream, 'close');
    // What comes now is let go of, and what came is not.
    await until('it has left', () => stream.writableLength === 0);
    expect(held).toBeGreaterThan(0);
    expect(await heldBytes()).toBe(held);
    await over;
    expect(stream.rstCode).toBe(constants.NGHTTP2_NO_ERROR);
  });

  it('a piece that is too long is refused, deflated or not', async () => {
    const piece = Buffer.concat([Buffer.from([0x12, 0x80, 0x80, 0x40]), Buffer.alloc(mib)]);
    const small = gzipSync(piece);
    const plain = begin(session, framed(piece, piece.byteLength), {}, upload);
    const gzip = { 'grpc-encoding': 'gzip' };
    const inflated = begin(session, framed(small, small.byteLength, 1), gzip, upload);
    const answers = [plain, inflated].map((stream) => once(stream.resume(), 'response'));
    for (const [headers] of (await Promise.all(answers)) as [IncomingHttpHeaders][]) {
      expect(headers['grpc-status']).toBe('3');
      const details = Buffer.from(String(headers['grpc-status-details-bin']), 'base64').toString();
      expect(details).toContain('must take at most 263168 bytes, not 1048580');
    }
  });
});
