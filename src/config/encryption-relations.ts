/** Rules between the keys of the encryption. */
import { type Relation, requires } from './relation.ts';

export const encryptionRelations: readonly Relation[] = [
  {
    keys: ['encryption.required', 'encryption.keys'],
    rule: '`encryption.required` names nobody without `encryption.keys`',
    check: ({ encryption: { required, keys } }) =>
      requires(required.length === 0 || keys !== 'none', 'needs encryption.keys; set it as well'),
  },
  {
    keys: ['encryption.file.path', 'encryption.keys'],
    rule: '`encryption.file.path` is set if `encryption.keys` is `file`',
    check: ({ encryption: { keys, file } }) =>
      requires(keys !== 'file' || file.path !== undefined, 'is required with encryption.keys file'),
  },
  {
    keys: ['encryption.vault.address', 'encryption.vault.tokenPath', 'encryption.keys'],
    rule: '`encryption.vault.address` and `encryption.vault.tokenPath` are set if `encryption.keys` is `vault`',
    check: ({ encryption: { keys, vault } }) =>
      requires(
        keys !== 'vault' || (vault.address !== undefined && vault.tokenPath !== undefined),
        'is required with encryption.keys vault, and so is encryption.vault.tokenPath',
      ),
  },
];
