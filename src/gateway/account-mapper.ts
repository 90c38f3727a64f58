/** Maps service accounts and API keys from the application to the contract. */
import type { MadeKey } from '../application/access/api-keys.ts';
import type { StoredAccount } from '../application/access/stored-accounts.ts';
import type { Init } from '../contract/codec.ts';
import { apiKeyStateCodes } from '../contract/codes.ts';
import type * as wire from '../contract/messages.ts';
import { toOptionalTime, toTime } from '../contract/time.ts';
import { type ApiKey, stateOfKey } from '../domain/access/service-account.ts';

interface Shown {
  readonly nowMs: number;
  /** When keys were used, by their ids. */
  readonly usedAtMs?: ReadonlyMap<string, number>;
}

export function toAccount({ account, etag }: StoredAccount, shown: Shown): Init<wire.ServiceAccount> {
  return {
    name: account.name,
    roles: [...account.roles],
    description: account.description,
    etag,
    createTime: toTime(account.createdAtMs),
    creator: account.creator,
    keys: account.keys.map((key) => toApiKey(key, shown)),
  };
}

/** The digest stays inside. */
export function toApiKey(key: ApiKey, { nowMs, usedAtMs }: Shown): Init<wire.ApiKey> {
  return {
    id: key.id,
    state: apiKeyStateCodes[stateOfKey(key, nowMs)],
    createTime: toTime(key.createdAtMs),
    creator: key.creator,
    expireTime: toTime(key.expiresAtMs),
    revokeTime: toOptionalTime(key.revokedAtMs),
    successor: key.successor ?? '',
    lastUseTime: toOptionalTime(usedAtMs?.get(key.id)),
  };
}

export function toMadeKey({ text, key }: MadeKey, shown: Shown): Init<wire.CreateApiKeyResponse> {
  return { key: text, details: toApiKey(key, shown) };
}
