// When the token of a login is refreshed, in virtual time and without a file, and who holds the lock of its file.
import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { alone, type Login, readLogin, writeLogin } from '../../../../src/cli/login/login-file.ts';
import { createLoginToken } from '../../../../src/cli/login/login-token.ts';

const first: Login = { issuer: 'i', clientId: 'c', accessToken: 'a1', refreshToken: 'r1', obtainedAtMs: 0 };

function source(kept: Login | undefined) {
  const state = { nowMs: 0, kept, asked: 0, fails: false };
  const token = createLoginToken({
    nowMs: () => state.nowMs,
    read: () => state.kept,
    write: (login) => (state.kept = login),
    alone: (work) => work(),
    refresh: async (login) => {
      state.asked += 1;
      await Promise.resolve();
      if (state.fails) throw new Error('away');
      const serial = state.asked + 1;
      const expiresAtMs = state.nowMs + 600_000;
      return {
        ...login,
        accessToken: `a${serial}`,
        refreshToken: `r${serial}`,
        obtainedAtMs: state.nowMs,
        expiresAtMs,
      };
    },
  });
  return { state, token };
}

describe('the token of a login', () => {
  it.each([
    [600_000, 539_999, 'a1'],
    [600_000, 540_000, 'a2'],
    [40_000, 29_999, 'a1'],
    [40_000, 30_000, 'a2'],
  ])('that lives for %d ms is at %d ms %s', async (lifeMs, atMs, expected) => {
    const { state, token } = source({ ...first, expiresAtMs: lifeMs });
    state.nowMs = atMs;
    expect(await token()).toBe(expected);
  });

  it('without an expiry is used as it is', async () => {
    const { state, token } = source(first);
    state.nowMs = 1e12;
    expect([await token(), state.asked]).toEqual(['a1', 0]);
  });

  it('is refreshed once for calls that ask together', async () => {
    const { state, token } = source({ ...first, expiresAtMs: 1 });
    state.nowMs = 1;
    expect(await Promise.all([token(), token(), token()])).toEqual(['a2', 'a2', 'a2']);
    expect([state.asked, state.kept?.refreshToken]).toEqual([1, 'r2']);
  });

  it('is taken from the file if another process has refreshed it', async () => {
    const { state, token } = source({ ...first, expiresAtMs: 100_000 });
    expect(await token()).toBe('a1');
    state.kept = { ...first, accessToken: 'b', obtainedAtMs: 90_000, expiresAtMs: 700_000 };
    state.nowMs = 90_000;
    expect([await token(), state.asked]).toEqual(['b', 0]);
  });

  it('is used while it lasts if the issuer is away, which is asked again after 10 s only', async () => {
    const { state, token } = source({ ...first, expiresAtMs: 100_000 });
    Object.assign(state, { fails: true, nowMs: 80_000 });
    expect([await token(), await token(), state.asked]).toEqual(['a1', 'a1', 1]);
    state.nowMs = 90_000;
    expect([await token(), state.asked]).toEqual(['a1', 2]);
    state.nowMs = 100_000;
    await expect(token()).rejects.toThrow('away');
    state.fails = false;
    expect(await token()).toBe('a5');
  });

  it('ends with words where nothing can be refreshed', async () => {
    const { refreshToken: _none, ...bare } = first;
    const over = source({ ...bare, expiresAtMs: 100_000 });
    over.state.nowMs = 99_999;
    expect(await over.token()).toBe('a1');
    over.state.nowMs = 100_000;
    await expect(over.token()).rejects.toThrow('the login has expired');
    await expect(source(undefined).token()).rejects.toThrow('the login is gone');
  });
});

describe('the file of a login', () => {
  let folder: string;
  let path: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'troupe-login-'));
    path = join(folder, 'logins', 'prod.json');
  });
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  it('is read as it was written, and refused if it is another one or for others to read', () => {
    expect(readLogin(path)).toBeUndefined();
    writeLogin(path, { ...first, expiresAtMs: 5 });
    expect(readLogin(path)).toEqual({ ...first, expiresAtMs: 5 });
    expect(readdirSync(join(folder, 'logins'))).toEqual(['prod.json']);
    for (const text of ['{', '{}', '{"accessToken":1}']) {
      writeFileSync(path, text);
      expect(() => readLogin(path)).toThrow('is no file of a login: run `troupe login` again');
    }
  });

  it('is changed by one at a time', async () => {
    const steps: string[] = [];
    const work = (name: string) => async (): Promise<void> => {
      steps.push(`${name} begins`);
      await new Promise(setImmediate);
      steps.push(`${name} ends`);
    };
    await Promise.all([alone(path, work('a')), alone(path, work('b'))]);
    expect(steps).toEqual(['a begins', 'a ends', 'b begins', 'b ends']);
    expect(readdirSync(join(folder, 'logins'))).toEqual([]);
  });

  it('is free again when the process that had it died 30 s ago, and after work that failed', async () => {
    await expect(alone(path, () => Promise.reject(new Error('failed')))).rejects.toThrow('failed');
    writeFileSync(`${path}.lock`, '');
    const longAgo = Date.now() / 1_000 - 31;
    utimesSync(`${path}.lock`, longAgo, longAgo);
    expect(await alone(path, () => Promise.resolve('done'))).toBe('done');
  });
});
