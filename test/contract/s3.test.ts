/** Large payloads on a real server that speaks S3: the contract of every payload store, and what is true of a bucket alone. */
import { randomBytes, randomUUID } from 'node:crypto';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { inspect } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openS3Payloads } from '../../src/adapters/s3/s3-payload-store.ts';
import { sweepStep } from '../../src/adapters/s3/s3-sweep.ts';
import { partBytesOf, uploadObject } from '../../src/adapters/s3/s3-upload.ts';
import { payloadPartBytes, type PayloadStore } from '../../src/application/ports/payload-store.ts';
import { makeS3Harness, type S3Harness } from '../support/s3-payloads.ts';
import { clusterMark, type PayloadsUnderTest, realClock, silentLog, storeRuntime } from '../support/stores.ts';
import { describePayloads } from './payload-contract.ts';
import { describePlaces } from './place-contract.ts';

const laterMs = (): number => Date.now() + 600_000;
/** No sweep of its own. */
const unexpected = (first: unknown): never => {
  throw first;
};
const still = { clock: { ...realClock, setTimer: () => () => undefined } };
const cluster = () => ({ writes: true, ...clusterMark(), ...storeRuntime, ...still });

let harness: S3Harness | undefined;
let lack = '';
let current: PayloadsUnderTest | undefined;
let payloads: PayloadStore;

function s3(): S3Harness {
  if (harness === undefined) throw new Error(lack);
  return harness;
}

beforeAll(async () => {
  const made = await makeS3Harness();
  if ('lack' in made) {
    lack = made.lack;
    return;
  }
  harness = made;
  const first = await made.open(still);
  current = { harness: made, first, second: await made.open(still) };
  ({ payloads } = first);
}, 1_200_000);
afterAll(() => harness?.dispose());
beforeEach(({ skip }) => {
  if (harness === undefined) skip(lack);
});

describe('a bucket', () => {
  describePayloads(() => {
    if (current === undefined) throw new Error(lack);
    return current;
  });
});

describe('a prefix of a bucket', () => {
  const prefixOf = (place: string): string => `${place}/`;
  const keysOf = async (place: string): Promise<readonly string[]> => {
    const list = { Bucket: s3().access.bucket, Prefix: prefixOf(place) };
    return ((await s3().client.send(new ListObjectsV2Command(list))).Contents ?? []).map(({ Key = '' }) => Key);
  };
  const mark = (place: string) => ({ Bucket: s3().access.bucket, Key: `${prefixOf(place)}cluster-id` });
  describePlaces(() => ({
    open: (place, options) =>
      openS3Payloads({ access: { ...s3().access, prefix: prefixOf(place) }, ...storeRuntime, ...still, ...options }),
    async copy(from, to) {
      const Bucket = s3().access.bucket;
      for (const key of await keysOf(from)) {
        const Key = key.replace(prefixOf(from), prefixOf(to));
        await s3().client.send(new CopyObjectCommand({ Bucket, Key, CopySource: `${Bucket}/${key}` }));
      }
    },
    async writeMark(place, text) {
      await s3().client.send(new PutObjectCommand({ ...mark(place), Body: text }));
    },
    async removeMark(place) {
      await s3().client.send(new DeleteObjectCommand(mark(place)));
    },
    isEmpty: async (place) => (await keysOf(place)).length === 0,
  }));
});

async function* inPieces(bytes: Uint8Array, failsAt = Infinity): AsyncGenerator<Uint8Array, Uint8Array> {
  for (let from = 0; from < bytes.byteLength; from += payloadPartBytes) {
    if (from >= failsAt) throw new Error('the line was cut');
    yield bytes.subarray(from, from + payloadPartBytes);
  }
  return new Uint8Array(32);
}

async function openUploads(): Promise<number> {
  const { client, access } = s3();
  const page = await client.send(new ListMultipartUploadsCommand({ Bucket: access.bucket }));
  return page.Uploads?.length ?? 0;
}

describe('a payload in a bucket', () => {
  it('that is larger than one request comes in parts, and is the same bytes', async () => {
    const bytes = randomBytes(20 * payloadPartBytes + 3);
    const id = await payloads.putPayload({ name: randomUUID(), bytes, expiresAtMs: laterMs() });
    const found = await payloads.getPayload(id);
    expect(found !== undefined && bytes.equals(found)).toBe(true);
    expect(await openUploads()).toBe(0);
  });

  it('whose source fails after some parts leaves neither an object nor an upload', async () => {
    const bytes = randomBytes(20 * payloadPartBytes);
    const name = randomUUID();
    const input = { name, bytes: bytes.byteLength, expiresAtMs: laterMs() };
    const written = payloads.writePayload(input, inPieces(bytes, 18 * payloadPartBytes));
    await expect(written).rejects.toThrow('the line was cut');
    expect([await s3().hasPayload(name), await openUploads()]).toEqual([false, 0]);
  });

  it('whose source refuses its own bytes at the end is no object, however small', async () => {
    for (const parts of [1, 20]) {
      const bytes = randomBytes(parts * payloadPartBytes);
      const name = randomUUID();
      async function* refused(): AsyncGenerator<Uint8Array, Uint8Array> {
        yield* inPieces(bytes);
        throw new Error('another checksum');
      }
      const written = payloads.writePayload({ name, bytes: bytes.byteLength, expiresAtMs: laterMs() }, refused());
      await expect(written).rejects.toThrow('another checksum');
      expect([await s3().hasPayload(name), await openUploads()]).toEqual([false, 0]);
    }
  });

  it('is there when the answer to the last request of its upload was lost, and the repetition finds no upload', async () => {
    const { client, access } = s3();
    const object = { Bucket: access.bucket, Key: randomUUID() };
    const bytes = randomBytes(9 * payloadPartBytes);
    async function* pieces(): AsyncGenerator<Uint8Array, void> {
      yield bytes;
    }
    const losing = new Proxy(client, {
      get: (target, key) =>
        key === 'send'
          ? async (command: CompleteMultipartUploadCommand) => {
              if (command instanceof CompleteMultipartUploadCommand) await target.send(command);
              return target.send(command);
            }
          : (Reflect.get(target, key, target) as unknown),
    });
    await uploadObject(losing, object, bytes.byteLength, pieces());
    expect((await client.send(new HeadObjectCommand(object))).ContentLength).toBe(bytes.byteLength);
  });

  it('has parts that keep within what S3 takes, up to 5 TiB', () => {
    for (const bytes of [1, 2 ** 30, 80 * 2 ** 30, 5 * 2 ** 40]) {
      expect(Math.ceil(bytes / partBytesOf(bytes))).toBeLessThanOrEqual(10_000);
      expect(partBytesOf(bytes)).toBeLessThanOrEqual(5 * 2 ** 30);
    }
    expect(partBytesOf(2 ** 30)).toBe(8 * 2 ** 20);
    // A part is what an upload holds in memory, and who takes uploads counts it.
    expect([5, 2 ** 30, 2 ** 40].map((bytes) => payloads.writeHolds?.(bytes))).toEqual([5, 8 * 2 ** 20, 105 * 2 ** 20]);
  });

  it.each([
    { name: '1 GiB', atMost: 2 ** 30, largest: 8 * 2 ** 20 },
    { name: '5 TiB', atMost: 5 * 2 ** 40, largest: 1_200 * 2 ** 20 },
  ])('has small parts at first, of a size to reach $name, where nobody knows its size', ({ atMost, largest }) => {
    let [bytes, parts, most] = [0, 0, 0];
    while (bytes < atMost) {
      parts += 1;
      most = Math.max(most, partBytesOf({ atMost }, parts));
      bytes += partBytesOf({ atMost }, parts);
    }
    expect(parts).toBeLessThanOrEqual(10_000);
    expect(most).toBeLessThanOrEqual(largest);
    expect(partBytesOf({ atMost }, 1)).toBeLessThanOrEqual(10 * 2 ** 20);
  });
});

describe('the sweep of a bucket', () => {
  it('removes what has expired and uploads without a writer, and nothing else', async () => {
    const { client, access } = s3();
    const place = { client, bucket: access.bucket, prefix: access.prefix };
    const startMs = Date.now() + 3_600_000;
    const put = (name: string, expiresAtMs: number): Promise<string> =>
      payloads.putPayload({ name, bytes: randomBytes(9), expiresAtMs });
    await put('soon', startMs + 60_000);
    await put('later', startMs + 7_200_000);
    const soon = (await s3().keys()).find((key) => key.endsWith('.soon')) ?? '';
    await client.send(new CreateMultipartUploadCommand({ Bucket: access.bucket, Key: `${soon}-cut-off` }));
    const others = { Bucket: access.bucket, Key: `${access.prefix}of-somebody-else` };
    const { UploadId } = await client.send(new CreateMultipartUploadCommand(others));
    const there = (): Promise<boolean[]> => Promise.all(['soon', 'later'].map((name) => s3().hasPayload(name)));
    await sweepStep(place, { ms: startMs, wallMs: Date.now() }, unexpected);
    expect([await there(), await openUploads()]).toEqual([[true, true], 2]);
    // Nobody writes on what has expired, however young the upload is.
    await sweepStep(place, { ms: startMs + 60_000, wallMs: Date.now() }, unexpected);
    expect([await there(), await openUploads()]).toEqual([[false, true], 1]);
    await client.send(new AbortMultipartUploadCommand({ ...others, UploadId }));
  });

  it('leaves an upload alone that is old and still gets parts, as of an attempt that writes for days', async () => {
    const { client, access } = s3();
    await payloads.putPayload({ name: 'beside', bytes: randomBytes(9), expiresAtMs: laterMs() });
    const beside = (await s3().keys()).find((key) => key.endsWith('.beside')) ?? '';
    const upload = { Bucket: access.bucket, Key: `${beside}-slow` };
    const { UploadId } = await client.send(new CreateMultipartUploadCommand(upload));
    const part = { ...upload, UploadId, PartNumber: 1, Body: 'x' };
    await client.send(new UploadPartCommand(part));
    const wallMs = Date.now() + 9 * 24 * 3_600_000;
    const later = new Proxy(client, {
      get: (target, key) =>
        key === 'send'
          ? (command: DeleteObjectCommand) =>
              (command as object) instanceof ListPartsCommand
                ? Promise.resolve({ Parts: [{ LastModified: new Date(wallMs - 3_600_000) }] })
                : target.send(command)
          : (Reflect.get(target, key, target) as unknown),
    });
    const place = { bucket: access.bucket, prefix: access.prefix };
    await sweepStep({ ...place, client: later }, { ms: Date.now(), wallMs }, unexpected);
    expect(await openUploads()).toBe(1);
    await sweepStep({ ...place, client }, { ms: Date.now(), wallMs }, unexpected);
    expect(await openUploads()).toBe(0);
  });

  it('goes on past keys that are not ours and past what cannot be removed, however many there are', async () => {
    const { access, client } = s3();
    const prefix = `${randomUUID()}/`;
    const own = await openS3Payloads({ ...cluster(), access: { ...access, prefix } });
    for (let n = 100; n < 250; n += 1) {
      await client.send(new PutObjectCommand({ Bucket: access.bucket, Key: `${prefix}0-foreign-${n}`, Body: 'x' }));
    }
    for (const name of ['stuck', 'swept']) {
      await own.payloads.putPayload({ name, bytes: randomBytes(9), expiresAtMs: laterMs() });
    }
    own.close();
    const refusing = new Proxy(client, {
      get: (target, key) =>
        key === 'send'
          ? (command: DeleteObjectCommand) =>
              command instanceof DeleteObjectCommand && command.input.Key?.endsWith('.stuck') === true
                ? Promise.reject(new Error('it is locked'))
                : target.send(command)
          : (Reflect.get(target, key, target) as unknown),
    });
    const said: unknown[] = [];
    const place = { client: refusing, bucket: access.bucket, prefix };
    await sweepStep(place, { ms: laterMs() + 1, wallMs: Date.now() }, (...failed) => said.push(failed));
    expect(said).toEqual([[new Error('it is locked'), 1]]);
    expect([await s3().hasPayload('stuck'), await s3().hasPayload('swept')]).toEqual([true, false]);
  });

  it('ends on a server that begins every list at its beginning', async () => {
    const { access, client } = s3();
    const place = { client, bucket: access.bucket, prefix: `${randomUUID()}/` };
    for (let n = 0; n < 101; n += 1) {
      await client.send(new PutObjectCommand({ Bucket: access.bucket, Key: `${place.prefix}${100 + n}`, Body: 'x' }));
    }
    const forgetful = new Proxy(client, {
      get: (target, key) =>
        key === 'send'
          ? (command: ListObjectsV2Command) => {
              if (command instanceof ListObjectsV2Command) delete command.input.StartAfter;
              return target.send(command);
            }
          : (Reflect.get(target, key, target) as unknown),
    });
    const now = { ms: Date.now(), wallMs: Date.now() };
    expect(await sweepStep({ ...place, client: forgetful }, now, unexpected)).toBe(false);
  });
});

describe('an object store that is away', () => {
  it('does not keep a process from starting; its log has no secret; reads and writes say that it is away', async () => {
    const said: string[] = [];
    const log = {
      ...silentLog,
      warn: (fields: object, message: string) => void said.push(`${message} ${text(fields)}`),
    };
    const access = { ...s3().access, endpoint: 'http://127.0.0.1:9' };
    const away = await openS3Payloads({ ...cluster(), access, log: { ...log, child: () => log } });
    const put = away.payloads.putPayload({ name: 'n', bytes: randomBytes(9), expiresAtMs: laterMs() });
    await expect(put).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      retryable: true,
      message: 'the object store (bucket payloads): it does not answer',
    });
    const id = await payloads.putPayload({ name: randomUUID(), bytes: randomBytes(9), expiresAtMs: laterMs() });
    await expect(away.payloads.getPayload(id)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(said.join('\n')).toContain('large payloads cannot be stored or read now');
    expect(said.join('\n')).not.toContain(access.credentials?.().secretAccessKey ?? '?');
    away.close();
  });

  it('is named when it has no such bucket', async () => {
    const access = { ...s3().access, bucket: 'nowhere' };
    const { payloads: nowhere, close } = await openS3Payloads({ ...cluster(), access });
    await expect(
      nowhere.putPayload({ name: 'n', bytes: randomBytes(9), expiresAtMs: laterMs() }),
    ).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      message: 'the object store (bucket nowhere): it has no such bucket',
    });
    const elsewhere = await payloads.putPayload({ name: randomUUID(), bytes: randomBytes(9), expiresAtMs: laterMs() });
    await expect(nowhere.getPayload(elsewhere), 'not missing: nobody can say').rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      message: 'the object store (bucket nowhere): it has no such bucket',
    });
    close();
  });
});

/** All of it, an error with its causes included. */
function text(fields: object): string {
  return inspect(fields, { depth: 10, showHidden: true });
}
