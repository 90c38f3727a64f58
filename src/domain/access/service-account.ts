/** A service account: a name for a service of a tenant, its roles, and the API keys with which it calls. */
import { TroupeError } from '../errors.ts';
import { given } from '../given.ts';
import type { Range } from '../setting-ranges.ts';

/** What is kept of an API key. Its secret is not. */
export interface ApiKey {
  readonly id: string;
  /** SHA-256 of the whole key, in base64. */
  readonly digest: string;
  readonly createdAtMs: number;
  /** The principal that made it. */
  readonly creator: string;
  /** By wall clocks. After a rotation this is the end of the overlap. */
  readonly expiresAtMs: number;
  readonly revokedAtMs?: number;
  /** Id of the key that takes its place. */
  readonly successor?: string;
}

export interface ServiceAccount {
  readonly tenant: string;
  readonly name: string;
  /** Sorted. */
  readonly roles: readonly string[];
  readonly description: string;
  readonly createdAtMs: number;
  /** The principal that created it. */
  readonly creator: string;
  /** Newest first. */
  readonly keys: readonly ApiKey[];
}

/** `retiring`: still accepted, because another key takes its place. */
export type ApiKeyState = 'live' | 'retiring' | 'rotated' | 'revoked' | 'expired';

/** Keys of one account that are accepted at a time: one in use, and the one that takes its place. */
const keysInUseMax = 2;
/** Keys that are not accepted any more, and are remembered to say so. */
export const keysEndedMax = 8;

const hourMs = 3_600_000;

export const apiKeyLifetimeRange: Range = { min: hourMs, max: 400 * 24 * hourMs, text: '1 hour to 400 days' };
export const apiKeyOverlapRange: Range = { min: 0, max: 7 * 24 * hourMs, text: '0 to 7 days' };

export function stateOfKey(key: ApiKey, nowMs: number): ApiKeyState {
  if (key.revokedAtMs !== undefined) return 'revoked';
  const isOver = nowMs >= key.expiresAtMs;
  if (key.successor !== undefined) return isOver ? 'rotated' : 'retiring';
  return isOver ? 'expired' : 'live';
}

export function isAccepted(key: ApiKey, nowMs: number): boolean {
  const state = stateOfKey(key, nowMs);
  return state === 'live' || state === 'retiring';
}

/** The account with one more key. Throws TOO_MANY_API_KEYS. */
export function withKey(account: ServiceAccount, key: ApiKey, nowMs: number): ServiceAccount {
  const metadata = { account: account.name };
  if (account.keys.filter((other) => isAccepted(other, nowMs)).length >= keysInUseMax)
    throw new TroupeError('TOO_MANY_API_KEYS', { metadata });
  return withoutOldest({ ...account, keys: [key, ...account.keys] }, nowMs);
}

/**
 * The account with a key that takes the place of another one, which is accepted for `overlapMs` longer. Throws
 * API_KEY_NOT_FOUND, API_KEY_ENDED, or TOO_MANY_API_KEYS if a third key is in use.
 */
export function withSuccessor(
  account: ServiceAccount,
  { key, of, overlapMs }: { readonly key: ApiKey; readonly of: string; readonly overlapMs: number },
  nowMs: number,
): ServiceAccount {
  const former = keyOf(account, of);
  const state = stateOfKey(former, nowMs);
  if (state !== 'live') {
    const message = state === 'retiring' ? 'another API key takes the place of this one already' : undefined;
    throw new TroupeError('API_KEY_ENDED', { metadata: { keyId: of, state }, ...given({ message }) });
  }
  const expiresAtMs = Math.min(former.expiresAtMs, nowMs + overlapMs);
  return withKey(replaced(account, { ...former, successor: key.id, expiresAtMs }), key, nowMs);
}

/**
 * The account with a key revoked. The same account if it was revoked before. A key that has ended in another way is revoked
 * too: it has ended by the wall clock of this machine only. Throws API_KEY_NOT_FOUND.
 */
export function withRevoked(account: ServiceAccount, keyId: string, nowMs: number): ServiceAccount {
  const key = keyOf(account, keyId);
  return key.revokedAtMs === undefined ? replaced(account, { ...key, revokedAtMs: nowMs }) : account;
}

/** Throws API_KEY_NOT_FOUND. */
export function keyOf({ keys, name }: ServiceAccount, keyId: string): ApiKey {
  const key = keys.find(({ id }) => id === keyId);
  if (key === undefined) throw new TroupeError('API_KEY_NOT_FOUND', { metadata: { keyId, account: name } });
  return key;
}

function replaced(account: ServiceAccount, key: ApiKey): ServiceAccount {
  return { ...account, keys: account.keys.map((other) => (other.id === key.id ? key : other)) };
}

function withoutOldest(account: ServiceAccount, nowMs: number): ServiceAccount {
  let ended = 0;
  const keys = account.keys.filter((key) => {
    if (isAccepted(key, nowMs)) return true;
    ended += 1;
    return ended <= keysEndedMax;
  });
  return { ...account, keys };
}
