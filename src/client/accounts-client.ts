/** Calls for the service accounts of the tenant and their API keys. */
import { apiKeyStateCodes } from '../contract/codes.ts';
import type * as wire from '../contract/messages.ts';
import { timestampMs, toOptionalTime } from '../contract/time.ts';
import { wordOf } from '../contract/word-of.ts';
import { given } from '../domain/given.ts';
import type { CallParts } from './call-parts.ts';
import { incompleteAnswer } from './client-error.ts';
import { withRetries } from './retry.ts';

/** A service that calls the gateway with API keys. */
export interface ServiceAccountInfo {
  /** Unique in the tenant. */
  readonly name: string;
  /** Its roles, sorted: `viewer`, or for some queues `submitter@reports-*`. */
  readonly roles: readonly string[];
  /** What it is for. */
  readonly description: string;
  /** Different after each change. */
  readonly etag: string;
  /** When it was created. */
  readonly createdAt: Date;
  /** Who created it. */
  readonly creator: string;
  /** Its API keys, newest first: those that are accepted, and up to eight that are not any more. */
  readonly keys: readonly ApiKeyInfo[];
}

/** An API key without its secret. */
export interface ApiKeyInfo {
  /** The part of the key after `trp_`, up to the next underscore. */
  readonly id: string;
  /** `retiring`: accepted until `expiresAt`, because another key takes its place. */
  readonly state: 'live' | 'retiring' | 'rotated' | 'revoked' | 'expired' | 'unknown';
  /** When it was made. */
  readonly createdAt: Date;
  /** Who made it. */
  readonly creator: string;
  /** From when on it is not accepted. */
  readonly expiresAt: Date;
  /** Absent if it was not revoked. */
  readonly revokedAt?: Date;
  /** Id of the key that takes its place. */
  readonly successor?: string;
  /** When it was last used, to the hour. Only `get` says it. */
  readonly lastUsedAt?: Date;
}

/** A key that was made. Nobody can show its text again. */
export interface MadeApiKey extends ApiKeyInfo {
  /** The key itself: pass it as the option `token`. */
  readonly key: string;
}

/** Calls about a service account that does not exist reject with SERVICE_ACCOUNT_NOT_FOUND. */
export interface AccountsClient {
  /**
   * Creates a service account. Rejects with SERVICE_ACCOUNT_EXISTS, or with PERMISSION_MISSING if a role has a permission
   * that the caller lacks.
   */
  create(
    name: string,
    account: { readonly roles: readonly string[]; readonly description?: string },
  ): Promise<ServiceAccountInfo>;
  /** Returns a service account. */
  get(name: string): Promise<ServiceAccountInfo>;
  /** Lists all service accounts by name, ascending. */
  list(): AsyncGenerator<ServiceAccountInfo, void>;
  /** Changes what is given. Rejects with SERVICE_ACCOUNT_CHANGED if the account no longer has the etag. */
  update(
    name: string,
    etag: string,
    change: { readonly roles?: readonly string[]; readonly description?: string },
  ): Promise<ServiceAccountInfo>;
  /** Deletes a service account. Its keys are refused within 60 s. */
  delete(name: string): Promise<void>;
  /** Makes an API key. `lifetimeMs`: 1 hour to 400 days, default 90 days. Rejects with TOO_MANY_API_KEYS. */
  createKey(account: string, options?: { readonly lifetimeMs?: number }): Promise<MadeApiKey>;
  /**
   * Makes a key that takes the place of another one. `overlapMs` says how long both are accepted: 0 to 7 days, default
   * 24 hours.
   */
  rotateKey(
    account: string,
    keyId: string,
    options?: { readonly overlapMs?: number; readonly lifetimeMs?: number },
  ): Promise<MadeApiKey>;
  /** Ends a key. It is refused within 60 s. */
  revokeKey(account: string, keyId: string): Promise<ApiKeyInfo>;
}

export function createAccountsClient({ connection, contract, backoff }: CallParts): AccountsClient {
  const { access } = contract;

  async function* list(): AsyncGenerator<ServiceAccountInfo, void> {
    let pageToken = '';
    do {
      const request = { pageToken };
      const page = await withRetries(backoff, 'always', undefined, () =>
        connection.unary(access.ListServiceAccounts, request),
      );
      for (const account of page.accounts) yield fromAccount(account);
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
  }

  /** Repeated only if nothing was done. */
  const change = <T>(call: () => Promise<T>): Promise<T> => withRetries(backoff, 'if-not-done', undefined, call);

  return {
    list,
    async get(name) {
      return accountOf(
        await withRetries(backoff, 'always', undefined, () => connection.unary(access.GetServiceAccount, { name })),
      );
    },
    async create(name, { roles, description = '' }) {
      const request = { name, roles: [...roles], description };
      return accountOf(await change(() => connection.unary(access.CreateServiceAccount, request)));
    },
    async update(name, etag, { roles = [], description }) {
      const request = { name, etag, roles: [...roles], ...given({ description }) };
      return accountOf(await change(() => connection.unary(access.UpdateServiceAccount, request)));
    },
    async delete(name) {
      await change(() => connection.unary(access.DeleteServiceAccount, { name }));
    },
    async createKey(account, { lifetimeMs } = {}) {
      const request = { account, lifetime: toOptionalTime(lifetimeMs) };
      return madeKeyOf(await change(() => connection.unary(access.CreateApiKey, request)));
    },
    async rotateKey(account, keyId, { overlapMs, lifetimeMs } = {}) {
      const request = {
        account,
        keyId,
        overlap: toOptionalTime(overlapMs),
        lifetime: toOptionalTime(lifetimeMs),
      };
      return madeKeyOf(await change(() => connection.unary(access.RotateApiKey, request)));
    },
    async revokeKey(account, keyId) {
      const { details } = await change(() => connection.unary(access.RevokeApiKey, { account, keyId }));
      return keyOf(details);
    },
  };
}

function accountOf({ account }: { readonly account: wire.ServiceAccount | null }): ServiceAccountInfo {
  if (!account) throw incompleteAnswer('the gateway answered without a service account');
  return fromAccount(account);
}

function fromAccount({ createTime, keys, ...account }: wire.ServiceAccount): ServiceAccountInfo {
  return { ...account, createdAt: dateOf(createTime), keys: keys.map(keyOf) };
}

function madeKeyOf({ key, details }: wire.CreateApiKeyResponse): MadeApiKey {
  return { key, ...keyOf(details) };
}

function keyOf(key: wire.ApiKey | null): ApiKeyInfo {
  if (!key) throw incompleteAnswer('the gateway answered without an API key');
  const { id, creator } = key;
  return {
    id,
    creator,
    state: wordOf(apiKeyStateCodes, key.state) ?? 'unknown',
    createdAt: dateOf(key.createTime),
    expiresAt: dateOf(key.expireTime),
    ...given({
      revokedAt: key.revokeTime === null ? undefined : dateOf(key.revokeTime),
      successor: key.successor === '' ? undefined : key.successor,
      lastUsedAt: key.lastUseTime === null ? undefined : dateOf(key.lastUseTime),
    }),
  };
}

function dateOf(time: wire.Timestamp | null): Date {
  return new Date(timestampMs(time) ?? Number.NaN);
}
