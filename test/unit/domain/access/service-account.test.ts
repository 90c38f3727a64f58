import { describe, expect, it } from 'vitest';
import {
  type ApiKey,
  keysEndedMax,
  type ServiceAccount,
  stateOfKey,
  withKey,
  withRevoked,
  withSuccessor,
} from '../../../../src/domain/access/service-account.ts';

const hourMs = 3_600_000;

function key(id: string, fields: Partial<ApiKey> = {}): ApiKey {
  return { id, digest: id, createdAtMs: 0, creator: 'operator', expiresAtMs: 100 * hourMs, ...fields };
}

function account(...keys: readonly ApiKey[]): ServiceAccount {
  return { tenant: 'acme', name: 'billing', roles: ['viewer'], description: '', createdAtMs: 0, creator: 'x', keys };
}

function states({ keys }: ServiceAccount, nowMs: number): Readonly<Record<string, string>> {
  return Object.fromEntries(keys.map((each) => [each.id, stateOfKey(each, nowMs)]));
}

describe('an API key', () => {
  it('is accepted until it expires, and says how it ended', () => {
    expect(stateOfKey(key('a'), 100 * hourMs - 1)).toBe('live');
    expect(stateOfKey(key('a'), 100 * hourMs)).toBe('expired');
    expect(stateOfKey(key('a', { revokedAtMs: 5, successor: 'b' }), 100 * hourMs)).toBe('revoked');
  });

  it('is replaced by another one, and both are accepted during the overlap', () => {
    const rotated = withSuccessor(account(key('a')), { key: key('b'), of: 'a', overlapMs: hourMs }, 0);
    expect(states(rotated, hourMs - 1)).toEqual({ b: 'live', a: 'retiring' });
    expect(states(rotated, hourMs)).toEqual({ b: 'live', a: 'rotated' });
  });

  it('ends at once with an overlap of 0, and never lives longer because of an overlap', () => {
    const atOnce = withSuccessor(account(key('a')), { key: key('b'), of: 'a', overlapMs: 0 }, 5);
    expect(states(atOnce, 5)).toEqual({ b: 'live', a: 'rotated' });
    const old = key('a', { expiresAtMs: 10 });
    const capped = withSuccessor(account(old), { key: key('b'), of: 'a', overlapMs: hourMs }, 5);
    expect(states(capped, 10)).toEqual({ b: 'live', a: 'rotated' });
  });

  it('is replaced once, and only while it is live', () => {
    const next = { key: key('c'), of: 'a', overlapMs: hourMs };
    const rotated = withSuccessor(account(key('a')), { ...next, key: key('b') }, 0);
    for (const [ended, nowMs] of [
      [rotated, 1],
      [rotated, hourMs],
      [account(key('a', { revokedAtMs: 0 })), 1],
      [account(key('a', { expiresAtMs: 1 })), 1],
    ] as const)
      expect(() => withSuccessor(ended, next, nowMs)).toThrow(expect.objectContaining({ code: 'API_KEY_ENDED' }));
    expect(() => withSuccessor(account(), next, 0)).toThrow(expect.objectContaining({ code: 'API_KEY_NOT_FOUND' }));
  });

  it('is the third in use of no account, by creation or rotation', () => {
    const two = account(key('b'), key('a'));
    const tooMany = expect.objectContaining({ code: 'TOO_MANY_API_KEYS' }) as Error;
    expect(() => withKey(two, key('c'), 0)).toThrow(tooMany);
    expect(() => withSuccessor(two, { key: key('c'), of: 'a', overlapMs: hourMs }, 0)).toThrow(tooMany);
    expect(states(withSuccessor(two, { key: key('c'), of: 'a', overlapMs: 0 }, 1), 1)).toEqual({
      c: 'live',
      b: 'live',
      a: 'rotated',
    });
    expect(states(withKey(withRevoked(two, 'a', 1), key('c'), 1), 1)).toMatchObject({ c: 'live', a: 'revoked' });
  });

  it('stays revoked, also if it had expired or was rotated by the clock of the machine that revoked it', () => {
    const revoked = withRevoked(account(key('a')), 'a', 7);
    expect(withRevoked(revoked, 'a', 9)).toBe(revoked);
    for (const ended of [key('a', { expiresAtMs: 5 }), key('a', { expiresAtMs: 5, successor: 'b' })]) {
      // The clock is set back afterwards, or is another one that is right.
      expect(states(withRevoked(account(ended), 'a', 6), 1)).toEqual({ a: 'revoked' });
    }
    expect(() => withRevoked(account(), 'toString', 2)).toThrow(expect.objectContaining({ code: 'API_KEY_NOT_FOUND' }));
  });

  it('is forgotten when it has ended and eight have ended after it', () => {
    let current = account();
    for (let n = 0; n < 20; n += 1) current = withRevoked(withKey(current, key(`k${n}`), n), `k${n}`, n);
    expect(current.keys.map(({ id }) => id)).toEqual(Array.from({ length: keysEndedMax + 1 }, (_, n) => `k${19 - n}`));
  });
});
