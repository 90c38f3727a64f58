/** What AWS KMS, or what stands between, may answer to a wrap: nothing is sealed with a key that could not be asked again. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createAwsKmsKeys } from '../../../../src/adapters/keys/aws-kms-keys.ts';

const account = 'arn:aws:kms:eu-west-2:111122223333';
let server: Server;
let answered = '';
beforeEach(async () => {
  server = createServer((request, response) => {
    request.resume().on('end', () => response.end(answered));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

it.each([
  [`${account}:alias/troupe`, `${account}:key/a`, true],
  ['alias/troupe', 'arn:aws:kms:eu-west-2:999988887777:key/a', true],
  [`${account}:alias/troupe`, 'arn:aws:kms:eu-west-2:999988887777:key/a', false],
  [`${account}:key/a`, 'arn:aws:kms:eu-west-1:111122223333:key/a', false],
])('with %s it takes what %s has wrapped: %s', async (key, KeyId, isTaken) => {
  answered = JSON.stringify({ CiphertextBlob: Buffer.alloc(100).toString('base64'), KeyId });
  const keys = createAwsKmsKeys({
    key,
    region: 'eu-west-2',
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    credentials: () => ({ accessKeyId: 'AKIATESTS', secretAccessKey: 'a secret of the test' }),
    close: () => undefined,
  });
  const wrapped = keys.wrap(Buffer.alloc(32), 'acme');
  if (isTaken) await expect(wrapped).resolves.toMatchObject({ keyRef: 'aws-kms:a' });
  else await expect(wrapped).rejects.toMatchObject({ code: 'ENCRYPTION_UNAVAILABLE' });
});
