import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { cassandraAccess, ringLogins } from '../../../src/compose/access.ts';
import { ConfigError } from '../../../src/config/index.ts';

let folder: string;
let passwordPath: string;
const access = () => cassandraAccess({ user: 'troupe', passwordPath, tls: {} } as never);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'troupe-cassandra-password-'));
  passwordPath = join(folder, 'password');
});
afterEach(() => rmSync(folder, { recursive: true }));

it('keeps the former password while its file is empty, because somebody writes it', () => {
  writeFileSync(passwordPath, 'first\n');
  const { login } = access();
  for (const content of ['', '\n']) {
    writeFileSync(passwordPath, content);
    expect(login?.password()).toBe('first');
  }
  writeFileSync(passwordPath, 'second\n');
  expect(login?.password()).toBe('second');
});

it('does not begin with an empty password', () => {
  writeFileSync(passwordPath, '\n');
  expect(access).toThrow(ConfigError);
  expect(access).toThrow(/store\.cassandra\.passwordPath/);
});

it('does not begin to migrate with a login that would take its own rights away', () => {
  writeFileSync(passwordPath, 'word\n');
  const logins = ['one', 'troupe'].map((user) => ({ user, components: ['gateway'], passwordPath }));
  const migrateAs = (user: string | undefined) => ringLogins({ user, logins } as never);
  expect(() => migrateAs('troupe')).toThrow(ConfigError);
  expect(() => migrateAs('troupe')).toThrow(/store\.cassandra\.logins\.1\.user/);
  for (const user of ['owner', undefined])
    expect(migrateAs(user).map((login) => login.user)).toEqual(['one', 'troupe']);
});
