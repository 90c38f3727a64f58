/**
 * Answers of a server, or of something on the way to it, that say nothing about an object: cut off, stalled, of another
 * thing. None of them makes a payload missing or damaged, because that would end its job for good.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createHash, randomBytes } from 'node:crypto';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openS3Payloads } from '../../src/adapters/s3/s3-payload-store.ts';
import type { Clock } from '../../src/application/ports/runtime.ts';
import type { PayloadStore } from '../../src/application/ports/payload-store.ts';
import { objectIdText } from '../../src/application/storage/object-id.ts';
import { clusterMark, realClock, storeRuntime } from '../support/stores.ts';

const bytes = randomBytes(3_000_000);
const sha256 = createHash('sha256').update(bytes).digest();
const id = objectIdText({ name: 'n', bytes: bytes.byteLength, sha256, expiresAtMs: Date.now() + 600_000 });

type Answer = (response: ServerResponse, request: IncomingMessage) => void;

let accessKeyId: string;
/** By whom requests were signed. */
let signers: Set<string | undefined>;
let answers: Partial<Record<'HEAD' | 'GET' | 'mark', Answer>>;
let timers: (() => void)[];
let server: Server;
let payloads: PayloadStore;
let close: () => void;
let clock: Clock;

const head: Answer = (response) => response.writeHead(200, { etag: '"e"', 'content-length': bytes.byteLength }).end();
const rangeOf = ({ headers }: IncomingMessage): readonly [from: number, to: number] => {
  const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '') ?? [];
  return [Number(from), Math.min(Number(to), bytes.byteLength - 1)];
};
const headersOf = (from: number, to: number) => ({
  etag: '"e"',
  'content-range': `bytes ${from}-${to}/${bytes.byteLength}`,
  'content-length': to - from + 1,
});
const part: Answer = (response, request) => {
  const [from, to] = rangeOf(request);
  response.writeHead(206, headersOf(from, to)).end(bytes.subarray(from, to + 1));
};
const page: Answer = (response) => {
  const text = '<html>Please log in</html>';
  response.writeHead(200, { 'content-type': 'text/html', 'content-length': text.length }).end(text);
};
const notFound: Answer = (response) => response.writeHead(404, { 'content-length': 0 }).end();

beforeEach(async () => {
  accessKeyId = 'a';
  signers = new Set();
  answers = {};
  timers = [];
  server = createServer((request, response) => {
    signers.add(/Credential=(\w+)\//.exec(request.headers.authorization ?? '')?.[1]);
    const isMark = request.url?.includes('cluster-id') === true;
    const answer = isMark ? answers.mark : answers[request.method as 'HEAD' | 'GET'];
    (answer ?? notFound)(response, request);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const setTimer = (_ms: number, fire: () => void): (() => void) => {
    timers.push(fire);
    return () => undefined;
  };
  clock = { ...realClock, setTimer };
  ({ payloads, close } = await open(false));
});
afterEach(() => {
  close();
  server.closeAllConnections();
  server.close();
});

function open(
  writes: boolean,
  more: { readonly patienceMs?: number; readonly linkLifetimeMs?: number } = {},
): ReturnType<typeof openS3Payloads> {
  const { port } = server.address() as AddressInfo;
  const access = {
    endpoint: `http://127.0.0.1:${port}`,
    region: 'us-east-1',
    bucket: 'payloads',
    prefix: '',
    credentials: () => ({ accessKeyId, secretAccessKey: 's' }),
    pathStyle: true,
  };
  return openS3Payloads({ access, writes, ...clusterMark(), ...storeRuntime, clock, ...more });
}

async function drain(): Promise<number> {
  let read = 0;
  for await (const piece of (await payloads.openPayload(id))?.readFrom(0) ?? []) read += piece.byteLength;
  return read;
}

it('are asked for with the credentials of the moment, and links are signed with them', async () => {
  answers = { HEAD: head, GET: part };
  const linked = await open(false, { linkLifetimeMs: 600_000 });
  const linkOf = async (): Promise<URL> => {
    const link = await linked.payloads.links?.toRead({ id, encoding: 'bytes' }, Date.now() + 600_000);
    return new URL(link?.url ?? '');
  };
  await drain();
  expect([...signers]).toEqual(['a']);
  signers.clear();
  accessKeyId = 'b';
  await drain();
  expect([...signers]).toEqual(['b']);
  const { searchParams } = await linkOf();
  expect(searchParams.get('X-Amz-Credential')).toMatch(/^b\//);
  // Files say nothing of an end, so the link lasts as long as links do.
  expect(Number(searchParams.get('X-Amz-Expires'))).toBeGreaterThan(500);
  linked.close();
});

it('that are right are the payload', async () => {
  answers = { HEAD: head, GET: part };
  expect(await payloads.getPayload(id)).toEqual(new Uint8Array(bytes));
  expect(await drain()).toBe(bytes.byteLength);
});

const broken: readonly (readonly [string, typeof answers])[] = [
  ['a part that is cut off', { HEAD: head, GET: cutOff }],
  ['the whole in place of the part', { HEAD: head, GET: (response) => void response.writeHead(200).end(bytes) }],
  [
    'another part',
    { HEAD: head, GET: (response) => void response.writeHead(206, headersOf(1, 9)).end(bytes.subarray(1, 10)) },
  ],
  [
    'more than was announced',
    {
      HEAD: head,
      GET: (response, request) => {
        const [from, to] = rangeOf(request);
        response.writeHead(206, { ...headersOf(from, to), 'content-length': bytes.byteLength + 9 });
        response.end(Buffer.concat([bytes, Buffer.alloc(9)]));
      },
    },
  ],
  ['a page for a part', { HEAD: head, GET: page }],
  ['a page for everything', { HEAD: page, GET: page, mark: page }],
  ['nothing found, the mark neither', { HEAD: notFound, GET: notFound, mark: notFound }],
  ['nothing found, and a page for the mark', { HEAD: notFound, GET: notFound, mark: page }],
  ['an error of the server', { HEAD: head, GET: (response) => response.writeHead(503).end() }],
];

it.each([...broken])('of %s are no word about the payload', async (_what, given) => {
  answers = given;
  await expect(payloads.getPayload(id)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  await expect(drain()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
});

it('that stall are given up', async () => {
  let stalled: () => void = () => undefined;
  const isStalled = new Promise<void>((resolve) => (stalled = resolve));
  answers = {
    HEAD: head,
    GET: (response, request) => {
      response.writeHead(206, headersOf(...rangeOf(request)));
      response.write(bytes.subarray(0, 9), stalled);
    },
  };
  timers = [];
  const read = payloads.getPayload(id);
  await isStalled;
  for (const fire of timers) fire();
  await expect(read).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
});

it('that never begin are given up after a few tries, whatever is asked', async () => {
  const hasty = await open(false, { patienceMs: 300 });
  answers = { HEAD: () => undefined };
  await expect(hasty.payloads.getPayload(id)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  hasty.close();
  const other = await open(false, { patienceMs: 300 });
  answers = { HEAD: head, GET: () => undefined };
  const opened = await payloads.openPayload(id);
  expect(opened?.bytes).toBe(bytes.byteLength);
  await expect(other.payloads.getPayload(id)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  other.close();
});

it('that never come hold up no start', async () => {
  let asked: () => void = () => undefined;
  const isAsked = new Promise<void>((resolve) => (asked = resolve));
  answers = { mark: () => asked() };
  const opened = open(true);
  await isAsked;
  for (const fire of timers) fire();
  (await opened).close();
});

it('of a shorter object are damage', async () => {
  const short: Answer = (response, request) => {
    const [from] = rangeOf(request);
    if (from > 99) response.writeHead(416).end();
    else response.writeHead(206, { 'content-range': `bytes ${from}-99/100` }).end(bytes.subarray(from, 100));
  };
  answers = { HEAD: head, GET: short };
  await expect(drain()).rejects.toMatchObject({ code: 'INTERNAL_ERROR', metadata: { payloadId: id } });
  await expect(payloads.getPayload(id)).rejects.toMatchObject({ code: 'INTERNAL_ERROR' });
});

function cutOff(response: ServerResponse, request: IncomingMessage): void {
  const [from, to] = rangeOf(request);
  response.writeHead(206, headersOf(from, to));
  response.write(bytes.subarray(from, from + 100_000), () => response.socket?.destroy());
}
