/**
 * Writes an object of any size: at once if it fits one request, otherwise in parts, of which one is in memory at a time. The
 * object comes into being with the last request. If anything fails, the parts are given up.
 *
 * S3 takes 10,000 parts. If the size is known, all parts are alike. If only its bound is known, they grow so that the bound
 * is within reach: the first is small, and none is larger than twice what a known size would take.
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
import type { AtMost } from '../../application/ports/payload-store.ts';

/** For one request that carries little. Also the longest silence within its answer. */
export const requestTimeoutMs = 60_000;

const mib = 1_048_576;
/** S3 takes parts from 5 MiB on, except the last, and 10,000 of them. */
const partMinBytes = 8 * mib;
const partsMax = 10_000;

/** The slowest line that is waited for: a second for each MiB, as of clients. */
const slowestBytesPerMs = 1_048;

/** How long a request may take that writes so many bytes. A part may have 1 GiB, which takes minutes. */
function timeFor({ byteLength }: Uint8Array): { readonly requestTimeout: number } {
  return { requestTimeout: requestTimeoutMs + Math.ceil(byteLength / slowestBytesPerMs) };
}

export interface S3Object {
  readonly Bucket: string;
  readonly Key: string;
}

/** Bytes of the part with this number, from 1. */
export function partBytesOf(bytes: number | AtMost, part = 1): number {
  if (typeof bytes === 'number') return Math.max(partMinBytes, Math.ceil(bytes / partsMax / mib) * mib);
  const beyond = Math.max(0, bytes.atMost - partsMax * partMinBytes);
  const growth = Math.ceil((2 * beyond) / (partsMax * partsMax));
  return partMinBytes + Math.ceil((part * growth) / mib) * mib;
}

export async function uploadObject(
  client: S3Client,
  object: S3Object,
  bytes: number | AtMost,
  pieces: AsyncIterable<Uint8Array>,
): Promise<void> {
  const parts = inParts(pieces, bytes);
  try {
    const { value: first } = await parts.next();
    if (first === undefined) return;
    if (first.isLast) await client.send(new PutObjectCommand({ ...object, Body: first.bytes }), timeFor(first.bytes));
    else await uploadParts(client, object, first, parts);
  } finally {
    await parts.return(undefined);
  }
}

async function uploadParts(
  client: S3Client,
  object: S3Object,
  first: Part,
  rest: AsyncIterator<Part, undefined>,
): Promise<void> {
  const { UploadId } = await client.send(new CreateMultipartUploadCommand(object));
  try {
    let sentBytes = 0;
    const done: { readonly PartNumber: number; readonly ETag: string | undefined }[] = [];
    for (let part: Part | undefined = first; part !== undefined; part = (await rest.next()).value) {
      const PartNumber = done.length + 1;
      const command = new UploadPartCommand({ ...object, UploadId, PartNumber, Body: part.bytes });
      const { ETag } = await client.send(command, timeFor(part.bytes));
      done.push({ PartNumber, ETag });
      sentBytes += part.bytes.byteLength;
    }
    const MultipartUpload = { Parts: done };
    await client
      .send(new CompleteMultipartUploadCommand({ ...object, UploadId, MultipartUpload }))
      .catch((error: unknown) => expectComplete(client, object, sentBytes, error));
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

interface Part {
  readonly bytes: Uint8Array;
  readonly isLast: boolean;
}

/**
 * Gathers the pieces into parts. The last one comes when the source has ended well, because a source may refuse its own
 * bytes at the end. An empty object is one empty part.
 */
async function* inParts(pieces: AsyncIterable<Uint8Array>, bytes: number | AtMost): AsyncGenerator<Part, undefined> {
  const announced = typeof bytes === 'number' ? bytes : undefined;
  let leftBytes = announced ?? (bytes as AtMost).atMost;
  let number = 1;
  let part = new Growing(Math.min(partBytesOf(bytes), leftBytes));
  for await (const piece of pieces) {
    if (piece.byteLength > leftBytes) throw new RangeError(`more than the announced bytes`);
    leftBytes -= piece.byteLength;
    for (let from = 0; from < piece.byteLength;) {
      if (part.isFull) {
        yield { bytes: part.content, isLast: false };
        number += 1;
        part = new Growing(Math.min(partBytesOf(bytes, number), piece.byteLength - from + leftBytes));
      }
      from += part.add(piece.subarray(from));
    }
  }
  if (announced !== undefined && leftBytes > 0) {
    throw new RangeError(`${leftBytes} of the announced ${announced} bytes did not come`);
  }
  yield { bytes: part.content, isLast: true };
}

/** A part that is being filled. It takes memory as its bytes come, because the last part may be small. */
class Growing {
  readonly #mostBytes: number;
  #bytes: Uint8Array;
  #filled = 0;

  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes;
    this.#bytes = new Uint8Array(Math.min(mostBytes, partMinBytes));
  }

  get isFull(): boolean {
    return this.#filled === this.#mostBytes;
  }
  get content(): Uint8Array {
    return this.#bytes.subarray(0, this.#filled);
  }

  /** Returns how many bytes it took. */
  add(bytes: Uint8Array): number {
    if (this.#filled === this.#bytes.byteLength && !this.isFull) {
      const larger = new Uint8Array(Math.min(2 * this.#filled, this.#mostBytes));
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    const taken = bytes.subarray(0, this.#bytes.byteLength - this.#filled);
    this.#bytes.set(taken, this.#filled);
    this.#filled += taken.byteLength;
    return taken.byteLength;
  }
}
