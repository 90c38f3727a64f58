/** Keys in the transit engine of a Vault, of which a stand-in keeps the semantics. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createVaultKeys, type VaultSettings } from '../../../../src/adapters/keys/vault-keys.ts';
import { startVaultTransit, type VaultTransit } from '../../../support/vault-transit.ts';

let vault: VaultTransit;
beforeEach(async () => {
  vault = await startVaultTransit();
  vault.createKey('troupe');
});
afterEach(() => vault.close());

const plain = Buffer.alloc(32, 3);
const away = { code: 'ENCRYPTION_UNAVAILABLE', metadata: { why: 'no-answer' } };
const noKey = { code: 'ENCRYPTION_UNAVAILABLE', metadata: { why: 'no-key' } };

function keysOf(more: Partial<VaultSettings> = {}) {
  return createVaultKeys({
    address: vault.address,
    mount: 'transit',
    key: 'troupe',
    token: () => 'a-token-for-tests',
    ca: () => undefined,
    close: () => undefined,
    ...more,
  });
}

it.each([true, false])('wraps for a tenant, and for it alone, with derived %s', async (derived) => {
  vault.createKey('troupe', { derived });
  const keys = keysOf({ namespace: 'team' });
  const wrapped = await keys.wrap(plain, 'acme');
  expect(wrapped.keyRef).toBe('vault:troupe');
  expect(await keys.unwrap(wrapped, 'acme')).toEqual(plain);
  expect(await keys.unwrap(wrapped, 'other')).toBeUndefined();
  expect(vault.requests[0]).toMatchObject({ path: '/v1/transit/encrypt/troupe', namespace: 'team' });
});

it('opens what an earlier version of the key has wrapped, unless the policy forbids it', async () => {
  const keys = keysOf();
  const wrapped = await keys.wrap(plain, 'acme');
  vault.rotate('troupe');
  expect(Buffer.from((await keys.wrap(plain, 'acme')).wrapped).toString()).toMatch(/^vault:v2:/);
  expect(await keys.unwrap(wrapped, 'acme')).toEqual(plain);
  vault.setMinDecryption('troupe', 2);
  await expect(keys.unwrap(wrapped, 'acme')).rejects.toMatchObject(noKey);
});

it('a version that this Vault does not have yet is away, as on a replica just after a rotation', async () => {
  const keys = keysOf();
  vault.rotate('troupe');
  const wrapped = await keys.wrap(plain, 'acme');
  vault.forgetNewest('troupe');
  await expect(keys.unwrap(wrapped, 'acme')).rejects.toMatchObject(noKey);
  vault.learnNewest('troupe');
  expect(await keys.unwrap(wrapped, 'acme')).toEqual(plain);
});

it('opens what another key has wrapped that it was told to use before', async () => {
  vault.createKey('former');
  const wrapped = await keysOf({ key: 'former' }).wrap(plain, 'acme');
  expect(await keysOf().unwrap(wrapped, 'acme')).toEqual(plain);
});

it('a changed text never opens', async () => {
  const keys = keysOf();
  const { keyRef, wrapped } = await keys.wrap(plain, 'acme');
  const changed = Buffer.from(wrapped);
  changed[20] = changed[20] === 65 ? 66 : 65;
  expect(await keys.unwrap({ keyRef, wrapped: changed }, 'acme')).toBeUndefined();
  expect(await keys.unwrap({ keyRef, wrapped: Buffer.from('x') }, 'acme')).toBeUndefined();
});

it('a Vault that is sealed, dead, or refuses the token is away', async () => {
  const keys = keysOf();
  const wrapped = await keys.wrap(plain, 'acme');
  const both = async (error: object): Promise<void> => {
    await expect(keys.wrap(plain, 'acme')).rejects.toMatchObject(error);
    await expect(keys.unwrap(wrapped, 'acme')).rejects.toMatchObject(error);
  };
  vault.isSealed = true;
  await both(away);
  vault.isSealed = false;
  vault.token = 'another';
  await both(away);
  vault.token = 'a-token-for-tests';
  vault.isDead = true;
  await both(away);
  vault.isDead = false;
  expect(await keys.unwrap(wrapped, 'acme')).toEqual(plain);
});

it('a key that is not there is missed, and no reference leads elsewhere', async () => {
  await expect(keysOf({ key: 'nothing' }).wrap(plain, 'acme')).rejects.toMatchObject(noKey);
  const wrapped = Buffer.from('vault:v1:AAAA');
  for (const keyRef of ['file:one', 'vault:../../sys/seal', 'vault:', 'vault:a/b', 'vault:__proto__'])
    await expect(keysOf().unwrap({ keyRef, wrapped }, 'acme')).rejects.toMatchObject(noKey);
  expect(vault.requests.map(({ path }) => path)).toEqual(['/v1/transit/encrypt/nothing']);
});
