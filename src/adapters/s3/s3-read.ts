/**
 * Reads a part of an object in requests of a bounded size and time. What comes is held against what the answer itself
 * says: an answer that breaks off, stalls, or is not the part that was asked for (of a proxy that drops the range, of a
 * page that says that somebody has to log in) is no word about the object, and is never taken for a damaged one.
 */
import { GetObjectCommand, type GetObjectCommandOutput, type S3Client } from '@aws-sdk/client-s3';
import { Readable } from 'node:stream';
import type { Clock } from '../../application/ports/runtime.ts';
import { isMissing, isPastEnd, unusable } from './s3-error.ts';
import type { S3Object } from './s3-upload.ts';

/** Bytes of one request. */
const requestMaxBytes = 8 * 1_048_576;
/** For one request with its answer, repetitions included. */
const answerMaxMs = 120_000;

export interface S3Read {
  readonly client: S3Client;
  readonly clock: Pick<Clock, 'setTimer'>;
  readonly object: S3Object;
  readonly offset: number;
  readonly bytes: number;
  /** How long the answer to a request may take to begin. */
  readonly patienceMs: number;
}

/** Fewer bytes than asked for only if the object ends there. Undefined if there is none. */
export async function readObject(read: S3Read): Promise<Uint8Array | undefined> {
  const whole = new Uint8Array(read.bytes);
  let filled = 0;
  while (filled < read.bytes) {
    const asked = Math.min(requestMaxBytes, read.bytes - filled);
    const into = whole.subarray(filled, filled + asked);
    const got = await withinTime(read.clock, (signal) => readRange(read, read.offset + filled, into, signal));
    if (got === undefined) return undefined;
    filled += got;
    if (got < asked) break;
  }
  return whole.subarray(0, filled);
}

async function withinTime<T>(clock: S3Read['clock'], work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const over = new AbortController();
  const cancel = clock.setTimer(answerMaxMs, () => over.abort());
  try {
    return await work(over.signal);
  } finally {
    cancel();
  }
}

/** How many bytes came. Undefined if there is no such object. */
async function readRange(
  { client, object, patienceMs }: S3Read,
  offset: number,
  into: Uint8Array,
  abortSignal: AbortSignal,
): Promise<number | undefined> {
  const Range = `bytes=${offset}-${offset + into.byteLength - 1}`;
  let answer: GetObjectCommandOutput;
  try {
    answer = await client.send(new GetObjectCommand({ ...object, Range }), { abortSignal, requestTimeout: patienceMs });
  } catch (error) {
    if (isPastEnd(error)) return 0;
    if (isMissing(error)) return undefined;
    throw error;
  }
  const body = answer.Body;
  const comes = bytesOfRange(answer, offset, into.byteLength);
  if (!(body instanceof Readable) || comes === undefined) {
    if (body instanceof Readable) body.destroy();
    throw unusable(object.Bucket, 'it answered with another part than was asked for');
  }
  if ((await fill(into, body, object.Bucket)) !== comes) throw unusable(object.Bucket, 'its answer was cut off');
  return comes;
}

/** Undefined if the answer does not begin where it should, or ends elsewhere than there or at the end of the object. */
function bytesOfRange({ $metadata, ContentRange = '' }: GetObjectCommandOutput, offset: number, asked: number) {
  const [, from, to, total] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(ContentRange) ?? [];
  const last = Math.min(offset + asked, Number(total)) - 1;
  const isAsked = $metadata.httpStatusCode === 206 && Number(from) === offset && Number(to) === last;
  return isAsked ? last - offset + 1 : undefined;
}

/** How many bytes came. Never more than there is room for. */
async function fill(into: Uint8Array, body: Readable, bucket: string): Promise<number> {
  let filled = 0;
  try {
    for await (const chunk of body as AsyncIterable<Uint8Array>) {
      if (filled + chunk.byteLength > into.byteLength) return Infinity;
      into.set(chunk, filled);
      filled += chunk.byteLength;
    }
  } catch {
    throw unusable(bucket, 'its answer broke off');
  }
  return filled;
}
