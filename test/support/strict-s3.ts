/**
 * Stands before gofakes3, which checks no signatures, and does with links what S3 does: it refuses one that has expired, one
 * whose signature is wrong, a request without the headers that are signed, and a body that has another size or SHA-256. It keeps
 * the checksum of what came by a link, and tells it to who asks with `x-amz-checksum-mode`.
 */
import { createHash, createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface StrictS3 {
  readonly endpoint: string;
  /** Methods and paths of what came, in order. */
  readonly came: readonly string[];
  /** Bytes that came and went, of objects. */
  readonly movedBytes: () => number;
  /** From now on no checksum is told, as by an older server. */
  forgetChecksums(): void;
  stop(): Promise<void>;
}

export interface StrictS3Options {
  readonly behind: string;
  readonly secretAccessKey: string;
  readonly wallMs: () => number;
}

export async function startStrictS3({ behind, secretAccessKey, wallMs }: StrictS3Options): Promise<StrictS3> {
  const came: string[] = [];
  const checksums = new Map<string, string>();
  let moved = 0;
  const server = createServer((asked, answer) => {
    serve(asked, answer).catch((error: unknown) => {
      answer.writeHead(500);
      answer.end(String(error));
    });
  });
  async function serve(asked: IncomingMessage, answer: ServerResponse): Promise<void> {
    const url = new URL(asked.url ?? '/', behind);
    const body = await bytesOf(asked);
    came.push(`${asked.method} ${url.pathname}`);
    const refusal = url.searchParams.has('X-Amz-Signature')
      ? whyRefused(asked, url, body, secretAccessKey, wallMs())
      : undefined;
    if (refusal !== undefined) {
      answer.writeHead(refusal === 'BadDigest' ? 400 : 403, { 'content-type': 'application/xml' });
      answer.end(`<?xml version="1.0"?><Error><Code>${refusal}</Code></Error>`);
      return;
    }
    const checksum = asked.headers['x-amz-checksum-sha256'];
    if (asked.method === 'PUT' && typeof checksum === 'string') checksums.set(url.pathname, checksum);
    for (const name of [...url.searchParams.keys()]) if (name.startsWith('X-Amz-')) url.searchParams.delete(name);
    // gofakes3 keeps any header of Amazon, and tells it unasked.
    const { 'x-amz-checksum-sha256': _, ...headers } = asked.headers;
    const passed = request(url, { method: asked.method ?? 'GET', headers: { ...headers, host: url.host } });
    passed.end(body);
    const [got] = (await once(passed, 'response')) as [IncomingMessage];
    const content = await bytesOf(got);
    moved += body.byteLength + content.byteLength;
    const known = asked.headers['x-amz-checksum-mode'] === 'ENABLED' ? checksums.get(url.pathname) : undefined;
    answer.writeHead(got.statusCode ?? 500, { ...got.headers, ...(known && { 'x-amz-checksum-sha256': known }) });
    answer.end(content);
  }
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    endpoint: `http://127.0.0.1:${port}`,
    came,
    movedBytes: () => moved,
    forgetChecksums: () => checksums.clear(),
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

async function bytesOf(message: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of message) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** The code with which S3 would refuse it. */
function whyRefused(
  { method, headers }: IncomingMessage,
  url: URL,
  body: Buffer,
  secret: string,
  wallMs: number,
): string | undefined {
  const given = (name: string): string => url.searchParams.get(`X-Amz-${name}`) ?? '';
  const date = given('Date');
  const [, year, month, day, hour, minute, second] =
    /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(date)?.map(Number) ?? [];
  const fromMs = Date.UTC(year ?? 0, (month ?? 0) - 1, day, hour, minute, second);
  if (!(wallMs < fromMs + Number(given('Expires')) * 1_000)) return 'AccessDenied';
  const names = given('SignedHeaders').split(';');
  const lines = names.map((name) => `${name}:${String(headers[name] ?? '')}\n`);
  const query = [...url.searchParams]
    .filter(([name]) => name !== 'X-Amz-Signature')
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
    .toSorted();
  const canonical = [method, url.pathname, query.join('&'), lines.join(''), names.join(';'), 'UNSIGNED-PAYLOAD'].join(
    '\n',
  );
  const [, ...scope] = given('Credential').split('/');
  const digest = createHash('sha256').update(canonical).digest('hex');
  const text = ['AWS4-HMAC-SHA256', date, scope.join('/'), digest].join('\n');
  let key: string | Buffer = `AWS4${secret}`;
  for (const part of scope) key = createHmac('sha256', key).update(part).digest();
  if (createHmac('sha256', key).update(text).digest('hex') !== given('Signature')) return 'SignatureDoesNotMatch';
  const sum = headers['x-amz-checksum-sha256'];
  return sum !== undefined && createHash('sha256').update(body).digest('base64') !== sum ? 'BadDigest' : undefined;
}
