/** Translates the errors of an S3 server and of the way to it, by status and code. */
import { S3ServiceException } from '@aws-sdk/client-s3';
import { TroupeError } from '../../domain/errors.ts';

function saidBy(status: number | undefined, name: string): string {
  // `NotFound` is the answer to HEAD, which has no body. That of an object does not come here.
  if (name === 'NoSuchBucket' || name === 'NotFound') return 'it has no such bucket';
  if (status === 401 || status === 403) return 'it refuses the credentials, or the right to do this';
  if (status === 429 || name === 'SlowDown') return 'it asks for fewer requests';
  return status === undefined ? 'it does not answer' : `it answered ${status} (${name})`;
}

export function isMissing(error: unknown): boolean {
  if (!(error instanceof S3ServiceException) || error.name === 'NoSuchBucket') return false;
  return error.$metadata.httpStatusCode === 404;
}

/** The read began at the end of the object, or behind it. */
export function isPastEnd(error: unknown): boolean {
  return error instanceof S3ServiceException && error.$metadata.httpStatusCode === 416;
}

/**
 * The foreign error is no cause of the result, because it repeats parts of the request, and those may end in a log.
 * Errors of Troupe pass: they come from the source of an upload.
 */
export function translateS3Error(error: unknown, bucket: string): unknown {
  const foreign = error instanceof S3ServiceException || isSystemError(error);
  if (error instanceof TroupeError || !foreign) return error;
  const { name } = error;
  const status = error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined;
  return unusable(bucket, saidBy(status, name), { s3Code: codeOf(error) });
}

/** What came cannot be used, or nothing came. That says nothing about an object. */
export function unusable(bucket: string, said: string, metadata: Readonly<Record<string, string>> = {}): TroupeError {
  return new TroupeError('STORE_UNAVAILABLE', { message: `${bucketText(bucket)}: ${said}`, metadata });
}

export function bucketText(bucket: string): string {
  return `the object store (bucket ${bucket})`;
}

function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}

/** The connection failed, timed out, or no credentials were found. */
function isSystemError(error: unknown): error is Error {
  if (!(error instanceof Error)) return false;
  const named = ['TimeoutError', 'RequestTimeout', 'CredentialsProviderError', 'AggregateError', 'AbortError'];
  return named.includes(error.name) || ('syscall' in error && 'code' in error) || '$metadata' in error;
}
