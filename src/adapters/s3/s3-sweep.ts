/**
 * Frees the space of payloads that have expired, and of uploads that nobody finished. Keys sort by expiry, so one listing from
 * the start finds what has expired, however much there is. Several processes may sweep the same bucket.
 */
import {
  AbortMultipartUploadCommand,
  DeleteObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  ListPartsCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { entryExpiresAtMs, isHour } from '../../application/storage/object-id.ts';
import { placeOfTicket } from '../../application/storage/upload-ticket.ts';
import { type GoesOn, pastFailures } from '../../application/storage/sweep-loop.ts';
import { executionTimeoutRange } from '../../domain/setting-ranges.ts';
import { given } from '../../domain/given.ts';

/**
 * An upload that got no part for so long has no writer any more: an attempt may compute for a week between two parts. One
 * whose object would have expired has none either.
 */
const uploadIdleMaxMs = executionTimeoutRange.max + 24 * 3_600_000;
/** How many objects a step removes, and how many keys a listing has. */
const sweptTogether = 100;

export interface S3Place {
  readonly client: S3Client;
  readonly bucket: string;
  /** Begins every key. */
  readonly prefix: string;
}

interface SweepTime {
  readonly ms: number;
  /** By which the server dates its uploads. */
  readonly wallMs: number;
}

interface Swept {
  readonly removed: number;
  /** Where the next page begins. Undefined if there is none that matters. */
  readonly next: string | undefined;
}

/**
 * Removes a few objects. Resolves with true if there may be more. What is not ours, and what cannot be removed, keeps nothing
 * behind it from going.
 */
export async function sweepStep(
  place: S3Place,
  now: SweepTime,
  failed: (first: unknown, failures: number) => void,
): Promise<boolean> {
  const removed = await pastFailures(
    async (goesOn) =>
      (await throughPages((from) => sweepExpired(place, now.ms, { from, goesOn }))) +
      (await throughPages((from) => sweepUploads(place, now, { from, goesOn }))),
    failed,
  );
  return removed >= sweptTogether;
}

/** Page after page, until a few objects are removed or no page is left. */
async function throughPages(sweepPage: (from: string | undefined) => Promise<Swept>): Promise<number> {
  let removed = 0;
  for (let from: string | undefined; removed < sweptTogether;) {
    const page = await sweepPage(from);
    removed += page.removed;
    // A server that does not know where to begin would list the same for ever.
    if (page.next === undefined || page.next === from) break;
    from = page.next;
  }
  return removed;
}

interface Page {
  readonly from: string | undefined;
  readonly goesOn: GoesOn;
}

async function sweepExpired({ client, bucket, prefix }: S3Place, nowMs: number, page: Page): Promise<Swept> {
  const { from: StartAfter, goesOn } = page;
  const list = { Bucket: bucket, Prefix: prefix, MaxKeys: sweptTogether, ...given({ StartAfter }) };
  const { Contents = [], IsTruncated = false } = await client.send(new ListObjectsV2Command(list));
  let removed = 0;
  for (const { Key = '' } of Contents) {
    const expiresAtMs = expiresAtMsOf(Key, prefix);
    if (expiresAtMs === undefined) continue;
    if (expiresAtMs > nowMs) return { removed, next: undefined };
    const isSwept = await goesOn(async () => {
      for (const key of [...uploadsOf(Key, prefix), Key]) {
        await client.send(new DeleteObjectCommand({ Bucket: bucket, Key: key }));
      }
      return true;
    });
    if (isSwept === true) removed += 1;
  }
  return { removed, next: IsTruncated ? Contents.at(-1)?.Key : undefined };
}

/** Pages of uploads go by key. Uploads of one key that do not fit into one page have their turn when some are gone. */
async function sweepUploads({ client, bucket, prefix }: S3Place, now: SweepTime, page: Page): Promise<Swept> {
  const { from: KeyMarker, goesOn } = page;
  const list = { Bucket: bucket, Prefix: prefix, MaxUploads: sweptTogether, ...given({ KeyMarker }) };
  const { Uploads = [], IsTruncated = false, NextKeyMarker } = await client.send(new ListMultipartUploadsCommand(list));
  let removed = 0;
  for (const { Key = '', UploadId, Initiated } of Uploads) {
    // The bucket may have other users, with uploads that take days.
    const expiresAtMs = expiresAtMsOf(Key, prefix);
    if (expiresAtMs === undefined || Initiated === undefined) continue;
    const isExpired = expiresAtMs <= now.ms;
    const idleSinceMs = now.wallMs - uploadIdleMaxMs;
    if (!isExpired && Initiated.getTime() > idleSinceMs) continue;
    const upload = { Bucket: bucket, Key, UploadId };
    const isSwept = await goesOn(async () => {
      if (!isExpired && (await newestPartMs(client, upload)) > idleSinceMs) return false;
      await client.send(new AbortMultipartUploadCommand(upload));
      return true;
    });
    if (isSwept === true) removed += 1;
  }
  return { removed, next: IsTruncated ? NextKeyMarker : undefined };
}

interface Upload {
  readonly Bucket: string;
  readonly Key: string;
  readonly UploadId: string | undefined;
}

/** When the last part came. 0 if none did. */
async function newestPartMs(client: S3Client, upload: Upload): Promise<number> {
  let newestMs = 0;
  for (let PartNumberMarker: string | undefined; ;) {
    const page = await client.send(new ListPartsCommand({ ...upload, ...given({ PartNumberMarker }) }));
    for (const { LastModified } of page.Parts ?? []) newestMs = Math.max(newestMs, LastModified?.getTime() ?? 0);
    const next = page.IsTruncated === true ? page.NextPartNumberMarker : undefined;
    if (next === undefined || next === PartNumberMarker) return newestMs;
    PartNumberMarker = next;
  }
}

/** The key of the upload whose ticket this is: nobody has used it, so it goes with it. */
function uploadsOf(key: string, prefix: string): readonly string[] {
  const [, entry = ''] = key.slice(prefix.length).split('/');
  const place = placeOfTicket(entry);
  return place === undefined ? [] : [`${prefix}${place.hour}/${place.entry}`];
}

/** Undefined if the key is not of a payload. */
function expiresAtMsOf(key: string, prefix: string): number | undefined {
  const [hour = '', entry = '', ...more] = key.slice(prefix.length).split('/');
  return isHour(hour) && more.length === 0 ? entryExpiresAtMs(entry) : undefined;
}
