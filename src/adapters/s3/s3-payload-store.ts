/** Large payloads in a bucket of any server that speaks S3: one object for each, which is written once and never changed. */
import { DeleteObjectCommand, HeadObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import type { PayloadStore } from '../../application/ports/payload-store.ts';
import type { Clock, Logger, Telemetry } from '../../application/ports/runtime.ts';
import type { ObjectsMark } from '../../application/ports/store.ts';
import type { ObjectPlace } from '../../application/storage/object-id.ts';
import { createObjectPayloads } from '../../application/storage/object-payloads.ts';
import type { LinkPlaces, ObjectPlaces } from '../../application/storage/object-places.ts';
import {
  isWrongPlace,
  type MarkedPlace,
  markMaxBytes,
  markName,
  PlaceMark,
} from '../../application/storage/place-mark.ts';
import { createStoreMeasures, type StoreMeasures } from '../../application/storage/store-measures.ts';
import { startSweepLoop } from '../../application/storage/sweep-loop.ts';
import { given } from '../../domain/given.ts';
import { bucketText, isMissing, translateS3Error, unusable } from './s3-error.ts';
import { createS3Links } from './s3-links.ts';
import type { SigningKey } from './s3-presign.ts';
import { readObject, type S3Read } from './s3-read.ts';
import { type S3Place, sweepStep } from './s3-sweep.ts';
import { partBytesOf, requestTimeoutMs, type S3Object, uploadObject } from './s3-upload.ts';

export interface S3Access {
  /** Undefined: that of AWS in the region. */
  readonly endpoint?: string;
  readonly region: string;
  readonly bucket: string;
  readonly prefix: string;
  /** Those at this moment. Undefined: what the SDK finds in its environment, as for a role of a pod or a machine. */
  readonly credentials?: () => Pick<SigningKey, 'accessKeyId' | 'secretAccessKey'>;
  /** Whether the bucket is part of the path, not of the host name. */
  readonly pathStyle: boolean;
  /** The address of the server in links, where clients reach it under another one. */
  readonly linkEndpoint?: string;
}

export interface S3PayloadsOptions {
  readonly access: S3Access;
  /** Whether to write payloads. Otherwise nothing is changed in the bucket but what is erased. */
  readonly writes: boolean;
  readonly clusterId: string;
  readonly objectsMark: ObjectsMark;
  /** How long links last at most. Default: there are no links. */
  readonly linkLifetimeMs?: number;
  /** How long the answer to a read may take to begin, each time that it is tried. Default: 10 s. */
  readonly patienceMs?: number;
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
/** A slot of a worker waits for its input meanwhile, and small jobs wait for the slot. */
const defaultPatienceMs = 10_000;
/** How long a start waits for the bucket. */
const startLookMs = 10_000;
const sweepPauseMs = 1_000;
/** A sweep is three requests if there is nothing to do. */
const sweepRestMs = 600_000;

/**
 * Says in the log if the bucket cannot be used: the rest of the cluster needs no object store. A bucket that answers, and is
 * not that of this cluster, is found at the start.
 */
export async function openS3Payloads(options: S3PayloadsOptions): Promise<S3Payloads> {
  const { access, writes, clusterId, objectsMark, clock, telemetry, patienceMs = defaultPatienceMs } = options;
  const { bucket, prefix } = access;
  const client = createClient(access, clock);
  const log = options.log.child({ component: 's3' });
  const place: S3Place = { client, bucket, prefix };
  const reading = { clock, patienceMs };
  const mark = new PlaceMark(markedBucket(place, reading), clusterId, objectsMark);
  if (writes) {
    const looked = mark.ensure().catch((err: unknown) => {
      log.warn({ err, bucket }, 'large payloads cannot be stored or read now');
      if (isWrongPlace(err)) throw err;
    });
    await firstOf(clock, looked, startLookMs).catch((error: unknown) => {
      client.destroy();
      throw error;
    });
  }
  const stopSweep = startSweepLoop({
    step: async () =>
      (await mark.isOurs()) &&
      sweepStep(place, { ms: clock.nowMs(), wallMs: clock.wallMs() }, (error, failures) => {
        const err = translateS3Error(error, bucket);
        log.warn({ err, failures }, 'not all expired payloads can be removed; it is tried again');
      }),
    clock,
    pauseMs: sweepPauseMs,
    restMs: sweepRestMs,
    failed: (error) => {
      const err = translateS3Error(error, bucket);
      log.warn({ err }, 'sweep of expired payloads failed; it is retried');
    },
  });
  const measures = createStoreMeasures('s3', clock, telemetry);
  const { linkLifetimeMs: lifetimeMs } = options;
  const links = lifetimeMs === undefined ? undefined : linksTo(place, options, measures);
  const linking = lifetimeMs === undefined ? undefined : { lifetimeMs, writes };
  const places = { ...createS3Places(place, reading, measures), ...given({ links }) };
  return {
    payloads: createObjectPayloads({ places, mark, clock, ...given({ linking }) }),
    close: () => {
      stopSweep();
      client.destroy();
    },
  };
}

function createClient({ endpoint, region, credentials, pathStyle }: S3Access, clock: Clock): S3Client {
  // The SDK asks again for what is about to expire, and keeps everything else for ever.
  const present = credentials && (async () => ({ ...credentials(), expiration: new Date(clock.wallMs()) }));
  return new S3Client({
    region,
    forcePathStyle: pathStyle,
    maxAttempts: attemptsMax,
    // Servers other than AWS may not know the newer checksums. The record has one of the whole, and signatures cover parts.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      connectionTimeout: connectTimeoutMs,
      requestTimeout: requestTimeoutMs,
      socketTimeout: requestTimeoutMs,
      throwOnRequestTimeout: true,
    },
    ...given({ endpoint, credentials: present }),
  });
}

/** Waits for the work, but not longer than that. An error that comes later is dropped. */
async function firstOf(clock: Clock, work: Promise<void>, mostMs: number): Promise<void> {
  let cancel: () => void = () => undefined;
  const over = new Promise<void>((resolve) => (cancel = clock.setTimer(mostMs, resolve)));
  try {
    await Promise.race([work, over]);
  } finally {
    cancel();
    work.catch(() => undefined);
  }
}

async function translated<T>(bucket: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw translateS3Error(error, bucket);
  }
}

type Reading = Pick<S3Read, 'clock' | 'patienceMs'>;

function markedBucket({ client, bucket, prefix }: S3Place, reading: Reading): MarkedPlace {
  const object: S3Object = { Bucket: bucket, Key: `${prefix}${markName}` };
  return {
    where: bucketText(bucket),
    markAt: `the object ${object.Key}`,
    readMark: () =>
      translated(bucket, () => readObject({ client, object, offset: 0, bytes: markMaxBytes, ...reading })),
    writeMark: (bytes) =>
      translated(bucket, async () => {
        await client.send(new PutObjectCommand({ ...object, Body: bytes }));
      }),
  };
}

function createS3Places({ client, bucket, prefix }: S3Place, reading: Reading, measures: StoreMeasures): ObjectPlaces {
  const measured = <T>(name: string, work: () => Promise<T>): Promise<T> =>
    measures.query(name, () => translated(bucket, work));
  const at = ({ hour, entry }: ObjectPlace): S3Object => ({ Bucket: bucket, Key: `${prefix}${hour}/${entry}` });
  const sizeOf = async (place: ObjectPlace): Promise<number | undefined> => {
    const found = await client
      .send(new HeadObjectCommand(at(place)), { requestTimeout: reading.patienceMs })
      .catch(missingIsUndefined);
    // Whatever speaks S3 names one. A page of something else would pass for an object of another size.
    if (found !== undefined && found.ETag === undefined) throw unusable(bucket, 'its answer is not one of S3');
    return found && (found.ContentLength ?? 0);
  };
  return {
    writeHolds: (bytes) => Math.min(bytes, partBytesOf(bytes)),
    // Not measured, because it waits for the pieces, which may come from afar.
    put: (place, bytes, pieces) => translated(bucket, () => uploadObject(client, at(place), bytes, pieces)),
    sizeOf: (place) => measured('open_payload', () => sizeOf(place)),
    read: (place, offset, bytes) =>
      measured('read_payload', async () => {
        if (bytes > 0) return readObject({ client, object: at(place), offset, bytes, ...reading });
        return (await sizeOf(place)) === undefined ? undefined : new Uint8Array();
      }),
    remove: (place) =>
      measured('delete_payload', async () => {
        await client.send(new DeleteObjectCommand(at(place)));
      }),
  };
}

function linksTo(
  place: S3Place,
  { access, clock, patienceMs = defaultPatienceMs }: S3PayloadsOptions,
  measures: StoreMeasures,
): LinkPlaces {
  const { pathStyle, credentials, endpoint, linkEndpoint } = access;
  return createS3Links({
    ...place,
    pathStyle,
    credentials,
    endpoint: linkEndpoint ?? endpoint,
    patienceMs,
    clock,
    asked: (name, work) => measures.query(name, () => translated(place.bucket, work)),
  });
}

function missingIsUndefined(error: unknown): undefined {
  if (!isMissing(error)) throw error;
}
