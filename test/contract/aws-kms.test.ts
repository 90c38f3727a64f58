/** Key-encryption keys in AWS KMS, on local-kms behind what checks signatures as AWS does. */
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { type AwsKmsSettings, createAwsKmsKeys } from '../../src/adapters/keys/aws-kms-keys.ts';
import { kmsAccount, kmsRegion, type LocalKms, startLocalKms } from '../support/local-kms.ts';
import { describeKeyWrapping } from './key-wrapping-contract.ts';

let server: LocalKms | undefined;
let lack = '';

function kms(): LocalKms {
  if (server === undefined) throw new Error(lack);
  return server;
}

beforeAll(async () => {
  const started = await startLocalKms();
  if ('lack' in started) ({ lack } = started);
  else server = started;
}, 1_200_000);
afterAll(() => server?.stop());
beforeEach(({ skip }) => {
  if (server === undefined) skip(lack);
  else Object.assign(server, { isDead: false, refusesWith: undefined, secretAccessKey: 'a secret of the test' });
});

const plain = Buffer.alloc(32, 3);
const noAnswer = { code: 'ENCRYPTION_UNAVAILABLE', metadata: { why: 'no-answer' } };
const noKey = { code: 'ENCRYPTION_UNAVAILABLE', metadata: { why: 'no-key' } };

function keysOf(more: Partial<AwsKmsSettings> = {}) {
  const { endpoint, accessKeyId, keyArns } = kms();
  return createAwsKmsKeys({
    key: keyArns[0],
    region: kmsRegion,
    endpoint,
    credentials: () => ({ accessKeyId, secretAccessKey: kms().secretAccessKey }),
    close: () => undefined,
    ...more,
  });
}

describeKeyWrapping(() => ({
  keys: keysOf({ key: 'alias/troupe' }),
  there: (is) => void (kms().isDead = !is),
  rotate: () => kms().manage('UpdateAlias', { AliasName: 'alias/troupe', TargetKeyId: kms().keyArns[1] }),
}));

it('names the tenant as the encryption context, and the key by its id', async () => {
  const { requests, keyArns } = kms();
  const before = requests.length;
  const keys = keysOf();
  const wrapped = await keys.wrap(plain, 'acme');
  expect(await keys.unwrap(wrapped, 'acme')).toEqual(plain);
  expect(`${kmsAccount}:key/${wrapped.keyRef.replace('aws-kms:', '')}`).toBe(keyArns[0]);
  const context = { EncryptionContext: { 'troupe:tenant': 'acme' } };
  expect(requests.slice(before)).toMatchObject([
    { operation: 'Encrypt', body: { KeyId: keyArns[0], ...context } },
    { operation: 'Decrypt', body: { KeyId: keyArns[0], ...context } },
  ]);
});

it.each(['alias/troupe', `${kmsAccount}:alias/troupe`])('takes the alias %s', async (key) => {
  const keys = keysOf({ key });
  const wrapped = await keys.wrap(plain, 'acme');
  expect(await keys.unwrap(wrapped, 'acme')).toEqual(plain);
  // Another process is told to use the key itself.
  expect(await keysOf().unwrap(wrapped, 'acme')).toEqual(plain);
});

it('opens what another key has wrapped that it was told to use before, and with that key alone', async () => {
  const [first, second] = kms().keyArns;
  const wrapped = await keysOf({ key: second }).wrap(plain, 'acme');
  expect(await keysOf({ key: first }).unwrap(wrapped, 'acme')).toEqual(plain);
  const { keyRef } = await keysOf().wrap(plain, 'acme');
  expect(await keysOf().unwrap({ ...wrapped, keyRef }, 'acme')).toBeUndefined();
});

it('signs with the secret that is there now, and a wrong one is no answer', async () => {
  const { accessKeyId } = kms();
  let secretAccessKey = kms().secretAccessKey;
  const keys = keysOf({ credentials: () => ({ accessKeyId, secretAccessKey }) });
  const wrapped = await keys.wrap(plain, 'acme');
  kms().secretAccessKey = 'a newer secret';
  await expect(keys.unwrap(wrapped, 'acme')).rejects.toMatchObject(noAnswer);
  await expect(keys.wrap(plain, 'acme')).rejects.toThrow('InvalidSignatureException');
  secretAccessKey = 'a newer secret';
  expect(await keys.unwrap(wrapped, 'acme')).toEqual(plain);
});

it('without any credentials it is away, and says so', async () => {
  const keys = keysOf({ credentials: () => raise(new Error('no file')) });
  await expect(keys.wrap(plain, 'acme')).rejects.toMatchObject({
    ...noAnswer,
    message: 'there are no credentials for AWS KMS',
  });
});

it.each(['ThrottlingException', 'AccessDeniedException', 'KMSInternalException', 'UnrecognizedClientException'])(
  'refused with %s nothing is damaged: a later try may do',
  async (code) => {
    const keys = keysOf();
    const wrapped = await keys.wrap(plain, 'acme');
    kms().refusesWith = code;
    await expect(keys.unwrap(wrapped, 'acme')).rejects.toMatchObject(noAnswer);
    await expect(keys.wrap(plain, 'acme')).rejects.toMatchObject(noAnswer);
    kms().refusesWith = undefined;
    expect(await keys.unwrap(wrapped, 'acme')).toEqual(plain);
  },
);

it('a key that is disabled is away until it is enabled again, and so is one that is not there', async () => {
  const [, KeyId] = kms().keyArns;
  const keys = keysOf({ key: KeyId });
  const wrapped = await keys.wrap(plain, 'acme');
  await kms().manage('DisableKey', { KeyId });
  await expect(keys.unwrap(wrapped, 'acme')).rejects.toMatchObject({ code: 'ENCRYPTION_UNAVAILABLE' });
  await expect(keys.wrap(plain, 'acme')).rejects.toMatchObject(noKey);
  await kms().manage('EnableKey', { KeyId });
  expect(await keys.unwrap(wrapped, 'acme')).toEqual(plain);
  await expect(keysOf({ key: `${kmsAccount}:key/missing` }).wrap(plain, 'acme')).rejects.toMatchObject(noKey);
});

it('no reference leads out of the account of the configured key', async () => {
  const before = kms().requests.length;
  const wrapped = Buffer.from('AAAA');
  for (const keyRef of ['aws-kms:', 'aws-kms:a/b', 'aws-kms:alias/other', 'aws-kms:arn:aws:kms:eu-west-2:9:key/x'])
    await expect(keysOf().unwrap({ keyRef, wrapped }, 'acme')).rejects.toMatchObject(noKey);
  expect(kms().requests).toHaveLength(before);
});

function raise(error: Error): never {
  throw error;
}
