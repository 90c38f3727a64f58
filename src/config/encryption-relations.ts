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
  {
    keys: ['encryption.awsKms.key', 'encryption.keys'],
    rule: '`encryption.awsKms.key` is set if `encryption.keys` is `aws-kms`',
    check: ({ encryption: { keys, awsKms } }) =>
      requires(keys !== 'aws-kms' || awsKms.key !== undefined, 'is required with encryption.keys aws-kms'),
  },
  {
    keys: ['encryption.awsKms.region', 'encryption.awsKms.key'],
    rule: '`encryption.awsKms.region` is that of the ARN in `encryption.awsKms.key`, and is set if that is no ARN',
    check: ({ encryption: { awsKms } }) => {
      if (awsKms.key === undefined) return undefined;
      const ofKey = regionOfArn(awsKms.key);
      if (ofKey === undefined) return requires(awsKms.region !== undefined, 'is required if the key is no ARN');
      return requires(awsKms.region === undefined || awsKms.region === ofKey, `must be ${ofKey}, that of the key`);
    },
  },
];

/** Undefined if it is no ARN. */
export function regionOfArn(key: string): string | undefined {
  return key.startsWith('arn:') ? key.split(':')[3] : undefined;
}
