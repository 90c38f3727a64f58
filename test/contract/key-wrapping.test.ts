/** Key-encryption keys in a file and in a Vault, of which a stand-in keeps the semantics. */
import { afterEach, beforeEach, describe } from 'vitest';
import { createFileKeys, type FileKeys, parseKeyFile } from '../../src/adapters/keys/file-keys.ts';
import { keysAway } from '../../src/adapters/keys/key-errors.ts';
import { createVaultKeys } from '../../src/adapters/keys/vault-keys.ts';
import { keyLine } from '../support/sealing.ts';
import { startVaultTransit, type VaultTransit } from '../support/vault-transit.ts';
import { describeKeyWrapping, type WrappingUnderTest } from './key-wrapping-contract.ts';

describe('in a file', () => {
  describeKeyWrapping((): WrappingUnderTest => {
    let lines = [keyLine('one')];
    let isThere = true;
    const read = (): FileKeys => {
      if (!isThere) throw keysAway('no-key', 'the file of keys has other keys');
      return parseKeyFile(Buffer.from(lines.join('\n')));
    };
    return {
      keys: createFileKeys({ path: 'keys', keys: read, close: () => undefined }),
      there: (is) => void (isThere = is),
      rotate: () => void (lines = [keyLine('two'), ...lines]),
    };
  });
});

describe('in a Vault', () => {
  let vault: VaultTransit;
  beforeEach(async () => {
    vault = await startVaultTransit();
    vault.createKey('troupe');
  });
  afterEach(() => vault.close());

  describeKeyWrapping(() => ({
    keys: createVaultKeys({
      address: vault.address,
      mount: 'transit',
      key: 'troupe',
      token: () => vault.token,
      ca: () => undefined,
      close: () => undefined,
    }),
    there: (is) => void (vault.isDead = !is),
    rotate: () => vault.rotate('troupe'),
  }));
});
