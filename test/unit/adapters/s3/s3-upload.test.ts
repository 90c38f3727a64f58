/** Requests that write a part have time for its bytes: a part may have 1 GiB, which takes minutes on a slow line. */
import { PutObjectCommand, S3Client, UploadPartCommand } from '@aws-sdk/client-s3';
import { expect, it } from 'vitest';
import { uploadObject } from '../../../../src/adapters/s3/s3-upload.ts';

const mib = 1 << 20;
const object = { Bucket: 'b', Key: 'k' };

/** What is sent, in place of sending it: the bytes of each part, and how long its request may take. */
function recordedClient() {
  const sent: { readonly bytes: number; readonly mostMs: number }[] = [];
  const send = async (command: unknown, options?: { readonly requestTimeout?: number }): Promise<object> => {
    if (command instanceof PutObjectCommand || command instanceof UploadPartCommand) {
      const bytes = (command.input.Body as Uint8Array).byteLength;
      sent.push({ bytes, mostMs: options?.requestTimeout ?? NaN });
    }
    return { UploadId: 'u', ETag: 'e' };
  };
  const client = new Proxy(new S3Client({ region: 'r' }), {
    get: (target, key) => (key === 'send' ? send : (Reflect.get(target, key, target) as unknown)),
  });
  return { client, sent };
}

async function* pieces(count: number): AsyncGenerator<Uint8Array> {
  for (let piece = 0; piece < count; piece += 1) yield new Uint8Array(mib);
}

it.each([
  { count: 1, parts: [1] },
  { count: 30, parts: [9, 9, 9, 3] },
])('a write of $count MiB has time for each of its parts', async ({ count, parts }) => {
  const { client, sent } = recordedClient();
  await uploadObject(client, object, { atMost: 5 * 2 ** 40 }, pieces(count));
  expect(sent.map(({ bytes }) => bytes / mib)).toEqual(parts);
  // A second for each MiB, beside what a request without bytes has.
  for (const { bytes, mostMs } of sent) expect(mostMs).toBeGreaterThanOrEqual(60_000 + (bytes / mib) * 1_000);
});
