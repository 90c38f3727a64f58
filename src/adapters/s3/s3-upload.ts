/**
 * Writes an object of any size: at once if it fits one request, otherwise in parts, of which one is in memory at a time. The
 * object comes into being with the last request. If anything fails, the parts are given up.
 */
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  HeadObjectCommand,
  PutObjectCommand,
  type S3Client,
  S3ServiceException,
  UploadPartCommand,
} from '@aws-sdk/client-s3';

const mib = 1_048_576;
/** S3 takes parts from 5 MiB on, except the last, and 10,000 of them. */
const partMinBytes = 8 * mib;
const partsMax = 10_000;

export interface S3Object {
  readonly Bucket: string;
  readonly Key: string;
}

export function partBytesOf(bytes: number): number {
  return Math.max(partMinBytes, Math.ceil(bytes / partsMax / mib) * mib);
}

export async function uploadObject(
  client: S3Client,
  object: S3Object,
  bytes: number,
  pieces: AsyncIterable<Uint8Array>,
): Promise<void> {
  const parts = inParts(pieces, bytes, partBytesOf(bytes));
  if (bytes <= partBytesOf(bytes)) {
    for await (const whole of parts) await client.send(new PutObjectCommand({ ...object, Body: whole }));
    return;
  }
  const { UploadId } = await client.send(new CreateMultipartUploadCommand(object));
  try {
    const done: { readonly PartNumber: number; readonly ETag: string | undefined }[] = [];
    for await (const Body of parts) {
      const PartNumber = done.length + 1;
      const { ETag } = await client.send(new UploadPartCommand({ ...object, UploadId, PartNumber, Body }));
      done.push({ PartNumber, ETag });
    }
    const MultipartUpload = { Parts: done };
    await client
      .send(new CompleteMultipartUploadCommand({ ...object, UploadId, MultipartUpload }))
      .catch((error: unknown) => expectComplete(client, object, bytes, error));
  } catch (error) {
    // What cannot be given up now is swept.
    await client.send(new AbortMultipartUploadCommand({ ...object, UploadId })).catch(() => undefined);
    throw error;
  }
}

/**
 * A request that is repeated because its answer was lost finds no upload any more, if the first one has ended it. Then the
 * object is there: nobody else writes under its name.
 */
async function expectComplete(client: S3Client, object: S3Object, bytes: number, error: unknown): Promise<void> {
  if (!(error instanceof S3ServiceException) || error.name !== 'NoSuchUpload') throw error;
  const found = await client.send(new HeadObjectCommand(object)).catch(() => undefined);
  if (found?.ContentLength !== bytes) throw error;
}

/**
 * Gathers the pieces into parts of `partBytes`, the last one smaller. The last one comes when the source has ended well,
 * because a source may refuse its own bytes at the end. An empty object is one empty part.
 */
async function* inParts(
  pieces: AsyncIterable<Uint8Array>,
  bytes: number,
  partBytes: number,
): AsyncGenerator<Uint8Array, void> {
  let leftBytes = bytes;
  let part = new Uint8Array(Math.min(partBytes, leftBytes));
  let filled = 0;
  for await (const piece of pieces) {
    for (let from = 0; from < piece.byteLength;) {
      const taken = piece.subarray(from, from + part.byteLength - filled);
      if (taken.byteLength === 0) throw new RangeError(`more than the announced ${bytes} bytes`);
      part.set(taken, filled);
      filled += taken.byteLength;
      from += taken.byteLength;
      leftBytes -= taken.byteLength;
      if (filled < part.byteLength || leftBytes === 0) continue;
      yield part;
      part = new Uint8Array(Math.min(partBytes, leftBytes));
      filled = 0;
    }
  }
  if (leftBytes > 0) throw new RangeError(`${leftBytes} of the announced ${bytes} bytes did not come`);
  yield part;
}
