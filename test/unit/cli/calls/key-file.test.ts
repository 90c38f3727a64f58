// A new API key that goes into a file.
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { intoKeyFile } from '../../../../src/cli/calls/key-file.ts';

let dir: string;
let file: string;
let revoked: string[];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'troupe-key-file-'));
  file = join(dir, 'key');
  revoked = [];
});
afterEach(() => rmSync(dir, { recursive: true }));

const made = { id: 'k1', key: 'trp_k1_secret' };
const make = async (): Promise<typeof made> => made;
const revoke = async ({ id }: typeof made): Promise<void> => {
  revoked.push(id);
};
const fullDisk = (): never => {
  throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' });
};

it('is written for its owner alone', async () => {
  expect(await intoKeyFile(file, { make, revoke })).toBe(made);
  expect(readFileSync(file, 'utf8')).toBe('trp_k1_secret\n');
  expect(statSync(file).mode & 0o777).toBe(0o600);
});

it('is not made if the file is there, which stays', async () => {
  writeFileSync(file, 'in use');
  const making = intoKeyFile(file, { make: () => Promise.reject(new Error('made')), revoke });
  await expect(making).rejects.toThrow(/something else already has this name/);
  expect(readFileSync(file, 'utf8')).toBe('in use');
});

it('is revoked if it cannot be written, and no file is left', async () => {
  await expect(intoKeyFile(file, { make, revoke }, fullDisk)).rejects.toThrow(
    `--key-file ${file} cannot be written: the disk is full; key k1 was revoked again`,
  );
  expect(revoked).toEqual(['k1']);
  expect(existsSync(file)).toBe(false);
});

it('is named if it can be neither written nor revoked', async () => {
  const away = (): Promise<void> => Promise.reject(new Error('away'));
  await expect(intoKeyFile(file, { make, revoke: away }, fullDisk)).rejects.toThrow(
    /key k1 could not be revoked either, and nobody has it/,
  );
});

it('leaves no file if it is not made', async () => {
  const making = intoKeyFile(file, { make: () => Promise.reject(new Error('no rights')), revoke });
  await expect(making).rejects.toThrow('no rights');
  expect(existsSync(file)).toBe(false);
});
