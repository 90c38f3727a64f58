/** Large payloads in a bucket of any server that speaks S3: one object for each, which is written once and never changed. */
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import type { PayloadStore } from '../../application/ports/payload-store.ts';
import type { Clock, Logger, Telemetry } from '../../application/ports/runtime.ts';
import type { ObjectPlace } from '../../application/storage/object-id.ts';
import { createObjectPayloads, type ObjectPlaces } from '../../application/storage/object-payloads.ts';
import { createStoreMeasures, type StoreMeasures } from '../../application/storage/store-measures.ts';
import { startSweepLoop } from '../../application/storage/sweep-loop.ts';
import { given } from '../../domain/given.ts';
import { isMissing, isPastEnd, translateS3Error } from './s3-error.ts';
import { type S3Place, sweepStep } from './s3-sweep.ts';
import { type S3Object, uploadObject } from './s3-upload.ts';

export interface S3Access {
  /** Undefined: that of AWS in the region. */
  readonly endpoint?: string;
  readonly region: string;
  readonly bucket: string;
  readonly prefix: string;
  /** Undefined: what the SDK finds in its environment, as for a role of a pod or a machine. */
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string };
  /** Whether the bucket is part of the path, not of the host name. */
  readonly pathStyle: boolean;
}

export interface S3PayloadsOptions {
  readonly access: S3Access;
  readonly clock: Clock;
  readonly log: Logger;
  readonly telemetry: Telemetry;
}

export interface S3Payloads {
  readonly payloads: PayloadStore;
  readonly close: () => void;
}

/** Requests in all, the first included. The SDK pauses between them with jitter. */
const attemptsMax = 3;
const connectTimeoutMs = 3_000;
/** For one request: a part of 8 MiB, or a piece of 1 MiB. */
const requestTimeoutMs = 60_000;
const sweepPauseMs = 1_000;
/** A sweep is two requests if there is nothing to do. */
const sweepRestMs = 600_000;

/** Says in the log if the bucket cannot be used. The rest of the cluster needs no object store. */
export async function openS3Payloads({ access, clock, log, telemetry }: S3PayloadsOptions): Promise<S3Payloads> {
  const { endpoint, region, bucket, prefix, credentials, pathStyle } = access;
  const client = new S3Client({
    region,
    forcePathStyle: pathStyle,
    maxAttempts: attemptsMax,
    // Servers other than AWS may not know the newer checksums. The record has one of the whole, and signatures cover parts.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      connectionTimeout: connectTimeoutMs,
      requestTimeout: requestTimeoutMs,
      throwOnRequestTimeout: true,
    },
    ...given({ endpoint, credentials }),
  });
  const s3Log = log.child({ component: 's3' });
  await client.send(new HeadBucketCommand({ Bucket: bucket })).catch((error: unknown) => {
    s3Log.warn({ err: translateS3Error(error, bucket), bucket }, 'large payloads cannot be stored or read now');
  });
  const place: S3Place = { client, bucket, prefix };
  const stopSweep = startSweepLoop({
    step: () =>
      sweepStep(place, { ms: clock.nowMs(), wallMs: clock.wallMs() }, (error, failures) => {
        const err = translateS3Error(error, bucket);
        s3Log.warn({ err, failures }, 'not all expired payloads can be removed; it is tried again');
      }),
    clock,
    pauseMs: sweepPauseMs,
    restMs: sweepRestMs,
    failed: (error) => {
      const err = translateS3Error(error, bucket);
      s3Log.warn({ err }, 'sweep of expired payloads failed; it is retried');
    },
  });
  const places = createS3Places(place, createStoreMeasures('s3', clock, telemetry));
  return {
    payloads: createObjectPayloads(places, clock),
    close: () => {
      stopSweep();
      client.destroy();
    },
  };
}

function createS3Places({ client, bucket, prefix }: S3Place, measures: StoreMeasures): ObjectPlaces {
  const translated = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw translateS3Error(error, bucket);
    }
  };
  const measured = <T>(name: string, work: () => Promise<T>): Promise<T> =>
    measures.query(name, () => translated(work));
  const at = ({ hour, entry }: ObjectPlace): S3Object => ({ Bucket: bucket, Key: `${prefix}${hour}/${entry}` });
  const sizeOf = async (place: ObjectPlace): Promise<number | undefined> => {
    const found = await client.send(new HeadObjectCommand(at(place))).catch(missingIsUndefined);
    // The answer to HEAD has no body, so it does not tell a missing object from a missing bucket.
    if (found === undefined) await client.send(new HeadBucketCommand({ Bucket: bucket }));
    return found && (found.ContentLength ?? 0);
  };
  const read = async (place: ObjectPlace, offset: number, bytes: number): Promise<Uint8Array | undefined> => {
    if (bytes === 0) return (await sizeOf(place)) === undefined ? undefined : new Uint8Array();
    const Range = `bytes=${offset}-${offset + bytes - 1}`;
    try {
      const { Body } = await client.send(new GetObjectCommand({ ...at(place), Range }));
      return (await Body?.transformToByteArray()) ?? new Uint8Array();
    } catch (error) {
      if (isPastEnd(error)) return new Uint8Array();
      missingIsUndefined(error);
      return undefined;
    }
  };
  return {
    // Not measured, because it waits for the pieces, which may come from afar.
    put: (place, bytes, pieces) => translated(() => uploadObject(client, at(place), bytes, pieces)),
    sizeOf: (place) => measured('open_payload', () => sizeOf(place)),
    read: (place, offset, bytes) => measured('read_payload', () => read(place, offset, bytes)),
    remove: (place) =>
      measured('delete_payload', async () => {
        await client.send(new DeleteObjectCommand(at(place)));
      }),
  };
}

function missingIsUndefined(error: unknown): undefined {
  if (!isMissing(error)) throw error;
}
