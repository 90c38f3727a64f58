/**
 * Links to payloads of a bucket, used with `fetch` alone. Before gofakes3 stands what checks signatures and checksums as S3 does.
 */
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { DeleteObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openS3Payloads, type S3PayloadsOptions } from '../../src/adapters/s3/s3-payload-store.ts';
import { sweepStep } from '../../src/adapters/s3/s3-sweep.ts';
import type { PayloadLinks, UploadedObject, UploadLinks } from '../../src/application/ports/payload-links.ts';
import { payloadPartBytes, type PayloadStore } from '../../src/application/ports/payload-store.ts';
import { makeS3Harness, type S3Harness } from '../support/s3-payloads.ts';
import { clusterMark, realClock, storeRuntime } from '../support/stores.ts';
import { startStrictS3, type StrictS3 } from '../support/strict-s3.ts';

const lifetimeMs = 900_000;
const hourMs = 3_600_000;
const marks = clusterMark();
/** Without a sweep of its own, and with a time that a test may set forward. */
let aheadMs = 0;
/** While set, it stands still. */
let stillMs: number | undefined;
const nowMs = (): number => stillMs ?? Date.now() + aheadMs;
const clock = {
  ...realClock,
  nowMs,
  wallMs: nowMs,
  setTimer: () => () => undefined,
};

let harness: S3Harness | undefined;
let strict: StrictS3 | undefined;
let lack = '';
let payloads: PayloadStore;
let links: PayloadLinks;
let uploads: UploadLinks;

function s3(): S3Harness & { readonly strict: StrictS3 } {
  if (harness === undefined || strict === undefined) throw new Error(lack);
  return { ...harness, strict };
}

function open(options: Partial<S3PayloadsOptions> = {}): ReturnType<typeof openS3Payloads> {
  const access = { ...s3().access, endpoint: s3().strict.endpoint };
  return openS3Payloads({
    access,
    writes: true,
    linkLifetimeMs: lifetimeMs,
    ...marks,
    ...storeRuntime,
    clock,
    ...options,
  });
}

beforeAll(async () => {
  const made = await makeS3Harness();
  if ('lack' in made) {
    lack = made.lack;
    return;
  }
  harness = made;
  const { endpoint = '', credentials } = made.access;
  strict = await startStrictS3({
    behind: endpoint,
    secretAccessKey: credentials?.().secretAccessKey ?? '',
    wallMs: clock.wallMs,
  });
  ({ payloads } = await open());
  links = payloads.links ?? expect.fail('there are no links');
  uploads = links.uploads ?? expect.fail('there are no uploads');
}, 1_200_000);
afterAll(async () => {
  await strict?.stop();
  await harness?.dispose();
});
beforeEach(({ skip }) => {
  aheadMs = 0;
  stillMs = undefined;
  if (harness === undefined) skip(lack);
});

const sumOf = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();
const untouched = (): never => expect.fail('the bytes are read');

function uploadOf(bytes: Uint8Array, facts: Partial<UploadedObject> = {}): UploadedObject {
  const nowMs = clock.nowMs();
  const times = { keepByMs: nowMs + 2 * hourMs, expiresAtMs: nowMs + 24 * hourMs };
  return { name: `up-${randomUUID()}`, bytes: bytes.byteLength, sha256: sumOf(bytes), ...times, ...facts };
}

describe('a link to read', () => {
  it('gives the bytes of a payload, also of one that was written in parts, and ranges of it', async () => {
    for (const bytes of [randomBytes(9), randomBytes(20 * payloadPartBytes + 3)]) {
      const name = randomUUID();
      const id = await payloads.putPayload({ name, bytes, expiresAtMs: clock.nowMs() + hourMs });
      const link = await links.toRead({ id, encoding: 'bytes' }, Infinity);
      if (link === undefined) throw new Error('no link');
      const answer = await fetch(link.url);
      const whole = Buffer.from(await answer.arrayBuffer());
      expect([answer.status, whole.equals(bytes)]).toEqual([200, true]);
      expect([link.bytes, sumOf(whole).equals(link.sha256)]).toEqual([bytes.byteLength, true]);
      const part = await fetch(link.url, { headers: { range: 'bytes=3-5' } });
      expect(Buffer.from(await part.arrayBuffer())).toEqual(bytes.subarray(3, 6));
    }
  });

  it('lasts its time, and never longer than was asked for or than the payload', async () => {
    stillMs = Date.now();
    const put = (lastsMs: number): Promise<string> =>
      payloads.putPayload({ name: randomUUID(), bytes: randomBytes(9), expiresAtMs: clock.nowMs() + lastsMs });
    const lasts = async (id: string, untilMs: number): Promise<number | undefined> => {
      const link = await links.toRead({ id, encoding: 'json' }, untilMs);
      return link && Math.ceil((link.expiresAtMs - clock.nowMs()) / 1_000);
    };
    expect(await lasts(await put(hourMs), Infinity)).toBe(900);
    expect(await lasts(await put(hourMs), clock.nowMs() + 60_900)).toBe(60);
    expect(await lasts(await put(30_900), Infinity)).toBe(30);
    expect(await lasts(await put(hourMs), clock.nowMs() + 900)).toBeUndefined();
  });

  it('is refused by the server after its end, and with anything of it changed', async () => {
    const id = await payloads.putPayload({
      name: randomUUID(),
      bytes: randomBytes(9),
      expiresAtMs: clock.nowMs() + hourMs,
    });
    const url = (await links.toRead({ id, encoding: 'json' }, Infinity))?.url ?? '';
    const other = new URL(url);
    other.pathname = other.pathname.replace(/.$/, 'x');
    const longer = url.replace('X-Amz-Expires=900', 'X-Amz-Expires=9000');
    expect(longer).not.toBe(url);
    const statuses = await Promise.all([url, String(other), longer].map(async (at) => (await fetch(at)).status));
    expect(statuses).toEqual([200, 403, 403]);
    expect((await fetch(url, { method: 'PUT', body: 'x' })).status).toBe(403);
    aheadMs = lifetimeMs;
    expect((await fetch(url)).status).toBe(403);
  });

  it('leads nowhere when the payload is erased, and there is none to what is gone', async () => {
    const id = await payloads.putPayload({
      name: randomUUID(),
      bytes: randomBytes(9),
      expiresAtMs: clock.nowMs() + hourMs,
    });
    const url = (await links.toRead({ id, encoding: 'bytes' }, Infinity))?.url ?? '';
    await payloads.deletePayload(id);
    expect((await fetch(url)).status).toBe(404);
    expect(await links.toRead({ id, encoding: 'bytes' }, Infinity)).toBeUndefined();
    for (const foreign of ['toString', 'object:1:2', '']) {
      expect(await links.toRead({ id: foreign, encoding: 'bytes' }, Infinity)).toBeUndefined();
    }
  });

  it('has the address that clients use, if that is another one', async () => {
    const access = { ...s3().access, endpoint: s3().strict.endpoint, linkEndpoint: 'https://files.example.com' };
    const other = await open({ access });
    const id = await payloads.putPayload({
      name: randomUUID(),
      bytes: randomBytes(9),
      expiresAtMs: clock.nowMs() + hourMs,
    });
    const link = await other.payloads.links?.toRead({ id, encoding: 'bytes' }, Infinity);
    expect(link?.url).toMatch(/^https:\/\/files\.example\.com\/payloads\/troupe\//);
    other.close();
  });
});

describe('an upload by a link', () => {
  it('is found with its size and checksum, without a byte of it read, and is a payload when it is kept', async () => {
    for (const bytes of [randomBytes(0), randomBytes(3_000_000)]) {
      const upload = uploadOf(bytes);
      const { url, headers } = await uploads.begin(upload);
      expect(await uploads.find(upload, untouched)).toBeUndefined();
      expect((await fetch(url, { method: 'PUT', headers, body: bytes })).status).toBe(200);
      const moved = s3().strict.movedBytes();
      expect(await uploads.find(upload, untouched)).toEqual({ bytes: bytes.byteLength, sha256: sumOf(bytes) });
      const id = await uploads.keep(upload);
      expect(s3().strict.movedBytes() - moved, 'the mark of the place, and no more').toBeLessThan(1_000);
      expect(await uploads.keep(upload), 'again').toBe(id);
      const found = await payloads.getPayload(id ?? '');
      expect(found !== undefined && bytes.equals(found)).toBe(true);
    }
  });

  it('is refused by the server with other bytes, another size, or without the headers; then the right bytes are taken', async () => {
    const bytes = randomBytes(1_000);
    const upload = uploadOf(bytes);
    const { url, headers } = await uploads.begin(upload);
    const put = async (body: Uint8Array<ArrayBuffer>, given: Record<string, string>): Promise<number> =>
      (await fetch(url, { method: 'PUT', headers: given, body })).status;
    const own = { ...headers };
    expect(await put(randomBytes(1_000), own)).toBe(400);
    expect(await put(randomBytes(1_001), { 'x-amz-checksum-sha256': headers['x-amz-checksum-sha256'] ?? '' })).toBe(
      403,
    );
    expect(await put(bytes, {})).toBe(403);
    const others = randomBytes(1_000);
    const sum = sumOf(others).toString('base64');
    expect(await put(others, { ...own, 'x-amz-checksum-sha256': sum })).toBe(403);
    expect(await uploads.find(upload, untouched)).toBeUndefined();
    expect([await put(bytes, own), await put(bytes, own)], 'twice, as after a lost answer').toEqual([200, 200]);
    expect(await uploads.find(upload, untouched)).toBeDefined();
  });

  it('to a server that keeps no checksum is read by the gateway, piece by piece, while its caller waits', async () => {
    const bytes = randomBytes(3 * payloadPartBytes);
    const upload = uploadOf(bytes);
    const { url, headers } = await uploads.begin(upload);
    await fetch(url, { method: 'PUT', headers: { ...headers }, body: bytes });
    s3().strict.forgetChecksums();
    let looks = 0;
    expect(await uploads.find(upload, () => void (looks += 1))).toEqual({ bytes: upload.bytes, sha256: sumOf(bytes) });
    expect(looks).toBeGreaterThanOrEqual(3);
    const leaving = uploads.find(upload, () => {
      throw new Error('the caller is gone');
    });
    await expect(leaving).rejects.toThrow('the caller is gone');
    // An object of another size is not read at all.
    const other = { ...upload, bytes: 5 };
    expect(await uploads.find(other, untouched)).toMatchObject({ bytes: bytes.byteLength });
  });

  it('cannot begin after the end of the link', async () => {
    const bytes = randomBytes(10);
    const { url, headers } = await uploads.begin(uploadOf(bytes));
    aheadMs = lifetimeMs;
    expect((await fetch(url, { method: 'PUT', headers: { ...headers }, body: bytes })).status).toBe(403);
  });

  it('is not offered by a process that writes no large payloads, which links to those that are there', async () => {
    const id = await payloads.putPayload({
      name: randomUUID(),
      bytes: randomBytes(9),
      expiresAtMs: clock.nowMs() + hourMs,
    });
    const reading = await open({ writes: false });
    expect(reading.payloads.links?.uploads).toBeUndefined();
    expect(await reading.payloads.links?.toRead({ id, encoding: 'bytes' }, Infinity)).toBeDefined();
    reading.close();
  });

  it('is not begun in the place of another cluster', async () => {
    const other = await open({ ...clusterMark('another'), writes: false });
    await expect(
      other.payloads.links?.toRead({ id: idThatIsNotThere(), encoding: 'bytes' }, Infinity),
    ).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
    });
    other.close();
  });
});

function idThatIsNotThere(): string {
  return `object:${clock.nowMs() + hourMs}:9:${randomBytes(32).toString('base64url')}:${randomUUID()}`;
}

describe('the sweep and uploads', () => {
  const swept = async (atMs: number): Promise<void> => {
    const { client, access } = s3();
    const place = { client, bucket: access.bucket, prefix: access.prefix };
    await sweepStep(place, { ms: atMs, wallMs: Date.now() }, (first) => {
      throw first;
    });
  };
  const written = async (upload: UploadedObject, bytes: Uint8Array<ArrayBuffer>): Promise<void> => {
    const { url, headers } = await uploads.begin(upload);
    expect((await fetch(url, { method: 'PUT', headers: { ...headers }, body: bytes })).status).toBe(200);
  };
  const lies = async (upload: UploadedObject): Promise<boolean> =>
    (await s3().keys()).some((key) => key.endsWith(upload.name));

  it('one that nobody keeps goes 10 minutes after its time, with its ticket, and no earlier', async () => {
    const bytes = randomBytes(10);
    const upload = uploadOf(bytes);
    await written(upload, bytes);
    await swept(upload.keepByMs + 599_000);
    expect(await lies(upload)).toBe(true);
    await swept(upload.keepByMs + 600_000);
    expect(await lies(upload)).toBe(false);
    // A ticket whose upload never came goes as well.
    const empty = uploadOf(bytes);
    await uploads.begin(empty);
    await swept(empty.keepByMs + 600_000);
    expect(await lies(empty)).toBe(false);
  });

  it('one that is kept stays until it expires, as any payload does', async () => {
    const bytes = randomBytes(10);
    const upload = uploadOf(bytes);
    await written(upload, bytes);
    await uploads.keep(upload);
    await swept(upload.expiresAtMs - 1);
    expect(await lies(upload)).toBe(true);
    await swept(upload.expiresAtMs);
    expect(await lies(upload)).toBe(false);
  });

  it('one cannot be kept any more a minute before a sweep may begin with it, by whatever clock', async () => {
    const bytes = randomBytes(10);
    const upload = uploadOf(bytes);
    await written(upload, bytes);
    aheadMs = 2 * hourMs + 600_000 - 60_000;
    expect(await uploads.keep(upload)).toBeUndefined();
    // Its ticket is still there.
    await swept(upload.keepByMs + 600_000);
    expect(await lies(upload)).toBe(false);
  });

  it('a submit that looks at an upload while a sweep is removing it never gets it', async () => {
    const bytes = randomBytes(10);
    const upload = uploadOf(bytes);
    await written(upload, bytes);
    const { client, access } = s3();
    const listed = Promise.withResolvers<undefined>();
    const goesOn = Promise.withResolvers<undefined>();
    const slow = new Proxy(client, {
      get: (target, key) =>
        key === 'send'
          ? async (command: Parameters<typeof client.send>[0]) => {
              if (command instanceof DeleteObjectCommand) {
                listed.resolve(undefined);
                await goesOn.promise;
              }
              return target.send(command);
            }
          : (Reflect.get(target, key, target) as unknown),
    });
    const place = { client: slow, bucket: access.bucket, prefix: access.prefix };
    // By a clock that is a minute ahead of that of the submit.
    const sweeping = sweepStep(place, { ms: upload.keepByMs + 600_000, wallMs: Date.now() }, () => undefined);
    await listed.promise;
    aheadMs = 2 * hourMs + 540_000;
    expect(await uploads.find(upload, untouched), 'it lies there').toBeDefined();
    expect(await uploads.keep(upload)).toBeUndefined();
    goesOn.resolve(undefined);
    await sweeping;
    expect(await lies(upload)).toBe(false);
  });

  it('a sweep that is cut off between an upload and its ticket ends its work the next time', async () => {
    const bytes = randomBytes(10);
    const upload = uploadOf(bytes);
    await written(upload, bytes);
    const { client, access } = s3();
    let deletes = 0;
    const dying = new Proxy(client, {
      get: (target, key) =>
        key === 'send'
          ? (command: Parameters<typeof client.send>[0]) => {
              if (command instanceof DeleteObjectCommand && (deletes += 1) > 1) {
                return Promise.reject(new Error('killed'));
              }
              return target.send(command);
            }
          : (Reflect.get(target, key, target) as unknown),
    });
    const place = { client: dying, bucket: access.bucket, prefix: access.prefix };
    await sweepStep(place, { ms: upload.keepByMs + 600_000, wallMs: Date.now() }, () => undefined);
    expect(await lies(upload), 'its ticket is left').toBe(true);
    await swept(upload.keepByMs + 600_000);
    expect(await lies(upload)).toBe(false);
  });
});
