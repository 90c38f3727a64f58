// A signature within an address is the one of the example of AWS, and changes with everything that is signed.
import { describe, expect, it } from 'vitest';
import { type Presigned, presignedUrl } from '../../../../src/adapters/s3/s3-presign.ts';

/** "Authenticating Requests: Using Query Parameters (AWS Signature Version 4)" of the reference of S3. */
const example: Presigned = {
  method: 'GET',
  url: new URL('https://examplebucket.s3.amazonaws.com/test.txt'),
  region: 'us-east-1',
  key: { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' },
  wallMs: Date.UTC(2013, 4, 24, 0, 0, 0, 999),
  lifetimeSeconds: 86_400,
};

const signatureOf = (signed: Presigned): string =>
  new URL(presignedUrl(signed)).searchParams.get('X-Amz-Signature') ?? '';

describe('a presigned address', () => {
  it('is that of the example of AWS', () => {
    expect(presignedUrl(example)).toBe(
      'https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256' +
        '&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request' +
        '&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host' +
        '&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404',
    );
  });

  it('has another signature for another method, object, header, parameter, time, lifetime, region, or key', () => {
    const changes: readonly Partial<Presigned>[] = [
      {},
      { method: 'PUT' },
      { url: new URL('https://examplebucket.s3.amazonaws.com/test.txt2') },
      { headers: { 'content-length': '7' } },
      { headers: { 'content-length': '8' } },
      { query: { 'response-content-type': 'text/plain' } },
      { wallMs: example.wallMs + 1_000 },
      { lifetimeSeconds: 1 },
      { region: 'eu-central-1' },
      { key: { ...example.key, secretAccessKey: 'another' } },
      { key: { ...example.key, sessionToken: 'of a role' } },
    ];
    expect(new Set(changes.map((change) => signatureOf({ ...example, ...change }))).size).toBe(changes.length);
  });

  it('names the token of a role and every signed header', () => {
    const headers = { 'x-amz-checksum-sha256': 'a+b/c=', 'content-length': '7' };
    const url = new URL(presignedUrl({ ...example, headers, key: { ...example.key, sessionToken: 't/+=' } }));
    expect(url.searchParams.get('X-Amz-SignedHeaders')).toBe('content-length;host;x-amz-checksum-sha256');
    expect(url.searchParams.get('X-Amz-Security-Token')).toBe('t/+=');
    expect(String(url)).not.toContain(example.key.secretAccessKey);
  });
});
