/**
 * Frees the space of payloads that have expired, and of uploads that nobody finished. Keys sort by expiry, so one listing from
 * the start finds what has expired, however much there is. Several processes may sweep the same bucket.
 */
import {
  AbortMultipartUploadCommand,
  DeleteObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  type S3Client,
} from '@aws-sdk/client-s3';
import { entryExpiresAtMs, isHour } from '../../application/storage/object-id.ts';

/** An upload that began so long ago has no writer any more. */
const uploadAgeMaxMs = 24 * 3_600_000;
const sweptTogether = 100;

export interface S3Place {
  readonly client: S3Client;
  readonly bucket: string;
  /** Begins every key. */
  readonly prefix: string;
}

/** Removes a few objects. Resolves with true if there may be more. */
export async function sweepStep(
  place: S3Place,
  now: { readonly ms: number; readonly wallMs: number },
): Promise<boolean> {
  const removed = await sweepExpired(place, now.ms);
  return removed + (await sweepUploads(place, now.wallMs)) >= sweptTogether;
}

async function sweepExpired({ client, bucket, prefix }: S3Place, nowMs: number): Promise<number> {
  const page = await client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, MaxKeys: sweptTogether }));
  let removed = 0;
  for (const { Key = '' } of page.Contents ?? []) {
    const [hour = '', entry = ''] = Key.slice(prefix.length).split('/');
    const expiresAtMs = isHour(hour) ? entryExpiresAtMs(entry) : undefined;
    if (expiresAtMs === undefined) continue;
    if (expiresAtMs > nowMs) break;
    await client.send(new DeleteObjectCommand({ Bucket: bucket, Key }));
    removed += 1;
  }
  return removed;
}

async function sweepUploads({ client, bucket, prefix }: S3Place, wallMs: number): Promise<number> {
  const page = await client.send(
    new ListMultipartUploadsCommand({ Bucket: bucket, Prefix: prefix, MaxUploads: sweptTogether }),
  );
  let removed = 0;
  for (const { Key, UploadId, Initiated } of page.Uploads ?? []) {
    if (Initiated === undefined || Initiated.getTime() > wallMs - uploadAgeMaxMs) continue;
    await client.send(new AbortMultipartUploadCommand({ Bucket: bucket, Key, UploadId }));
    removed += 1;
  }
  return removed;
}
