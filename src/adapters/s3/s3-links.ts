/**
 * Links to objects of a bucket. A link to write is signed with the size and the SHA-256 of the object, so that the server
 * itself refuses other bytes. (A server that checks neither is found out when the upload is used.)
 */
import { HeadObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import type { LinkPlaces } from '../../application/storage/object-places.ts';
import type { ObjectPlace } from '../../application/storage/object-id.ts';
import { given } from '../../domain/given.ts';
import { isMissing, unusable } from './s3-error.ts';
import { presignedUrl, type SigningKey } from './s3-presign.ts';
import type { S3Object } from './s3-upload.ts';

export interface S3LinksParts {
  readonly client: S3Client;
  readonly bucket: string;
  readonly prefix: string;
  readonly pathStyle: boolean;
  /** Those at this moment. Undefined: what the SDK finds. */
  readonly credentials?: (() => SigningKey) | undefined;
  /** The address of the server in links. Undefined: that of AWS in the region. */
  readonly endpoint?: string | undefined;
  /** How long the answer to a look may take to begin. */
  readonly patienceMs: number;
  readonly clock: { wallMs(): number };
  /** Runs a request of this name. */
  readonly asked: <T>(name: string, work: () => Promise<T>) => Promise<T>;
}

export function createS3Links(parts: S3LinksParts): LinkPlaces {
  const { client, bucket, patienceMs, asked } = parts;
  const keyOf = ({ hour, entry }: ObjectPlace): string => `${parts.prefix}${hour}/${entry}`;
  return {
    toRead: (place, { contentType, lifetimeMs }) =>
      asked('make_link', () =>
        signed(parts, {
          method: 'GET',
          key: keyOf(place),
          lifetimeMs,
          query: { 'response-content-type': contentType },
        }),
      ),
    toWrite: (place, { bytes, sha256, lifetimeMs }) =>
      asked('make_link', async () => {
        const headers = {
          'content-length': String(bytes),
          'x-amz-checksum-sha256': Buffer.from(sha256).toString('base64'),
        };
        return { ...(await signed(parts, { method: 'PUT', key: keyOf(place), lifetimeMs, headers })), headers };
      }),
    look: (place) =>
      asked('open_payload', async () => {
        const object: S3Object = { Bucket: bucket, Key: keyOf(place) };
        const head = new HeadObjectCommand({ ...object, ChecksumMode: 'ENABLED' });
        const found = await client.send(head, { requestTimeout: patienceMs }).catch(missingIsUndefined);
        if (found === undefined) return undefined;
        // Whatever speaks S3 names one. A page of something else would pass for an object of another size.
        if (found.ETag === undefined) throw unusable(bucket, 'its answer is not one of S3');
        return { bytes: found.ContentLength ?? 0, ...given({ sha256: digestIn(found.ChecksumSHA256) }) };
      }),
  };
}

interface LinkTo {
  readonly method: 'GET' | 'PUT';
  readonly key: string;
  readonly lifetimeMs: number;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
}

async function signed(
  parts: S3LinksParts,
  { key, lifetimeMs, ...request }: LinkTo,
): Promise<{ readonly url: string; readonly lastsMs: number }> {
  const { config } = parts.client;
  const [region, base] = [await config.region(), await bucketUrl(parts)];
  const { expiration, ...signingKey } = await credentialsOf(parts);
  const wallMs = parts.clock.wallMs();
  // A link does not outlive the credentials that signed it.
  const mostMs = Math.min(lifetimeMs, expiration === undefined ? Infinity : expiration.getTime() - wallMs);
  const lifetimeSeconds = Math.max(1, Math.floor(mostMs / 1_000));
  const url = new URL(`${base.origin}${base.pathname.replace(/\/$/, '')}/${key}`);
  const text = presignedUrl({ ...request, url, region, key: signingKey, wallMs, lifetimeSeconds });
  // The signature has whole seconds only.
  return { url: text, lastsMs: lifetimeSeconds * 1_000 - (wallMs % 1_000) };
}

async function credentialsOf({
  client,
  credentials,
}: S3LinksParts): Promise<SigningKey & { readonly expiration?: Date }> {
  return credentials === undefined ? client.config.credentials() : credentials();
}

/** Where the bucket is: what the SDK itself would call, in all partitions and both styles. */
async function bucketUrl({ client: { config }, bucket, pathStyle, endpoint }: S3LinksParts): Promise<URL> {
  return config.endpointProvider({
    Bucket: bucket,
    Region: await config.region(),
    ForcePathStyle: pathStyle,
    UseFIPS: await config.useFipsEndpoint(),
    UseDualStack: await config.useDualstackEndpoint(),
    ...given({ Endpoint: endpoint }),
  }).url;
}

/** Undefined if the server keeps none, or one of parts. */
function digestIn(checksum: string | undefined): Uint8Array | undefined {
  return checksum !== undefined && /^[A-Za-z0-9+/]{43}=$/.test(checksum) ? Buffer.from(checksum, 'base64') : undefined;
}

function missingIsUndefined(error: unknown): undefined {
  if (!isMissing(error)) throw error;
}
