import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSecretFolder, secretMaxBytes } from '../../../../src/adapters/files/secret-folder.ts';
import type { HandlerSecrets } from '../../../../src/application/ports/handler-secrets.ts';

let path: string;
let nowMs = 0;
let secrets: HandlerSecrets;
const reader = { tenant: 'acme', handler: 'mail.send' };

beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), 'troupe-secrets-'));
  nowMs = 0;
  const grants = [{ secrets: ['*'], handlers: ['mail.*'], tenants: ['acme'] }];
  secrets = createSecretFolder({ path, grants, clock: { monotonicMs: () => nowMs } });
});
afterEach(() => rmSync(path, { recursive: true, force: true }));

describe('a folder of secrets', () => {
  it('gives a secret without the white space at its end, and a new value within 10 s', async () => {
    writeFileSync(join(path, 'smtp'), 'first\n');
    expect(await secrets.find(reader, 'smtp')).toBe('first');
    writeFileSync(join(path, 'smtp'), 'second\n');
    expect(await secrets.find(reader, 'smtp')).toBe('first');
    nowMs = 10_000;
    expect(await secrets.find(reader, 'smtp')).toBe('second');
  });

  it('gives nothing to others, and says nothing of what is missing', async () => {
    writeFileSync(join(path, 'smtp'), 'first');
    expect(await secrets.find({ ...reader, tenant: 'other' }, 'smtp')).toBeUndefined();
    expect(await secrets.find({ ...reader, handler: 'report' }, 'smtp')).toBeUndefined();
    for (const name of ['none', '__proto__', 'toString']) expect(await secrets.find(reader, name)).toBeUndefined();
  });

  it('does not follow a name out of the folder', async () => {
    const outside = join(path, '..', 'troupe-outside-of-secrets');
    writeFileSync(outside, 'outside');
    try {
      for (const name of ['../troupe-outside-of-secrets', outside, '.', '..'])
        expect(await secrets.find(reader, name), name).toBeUndefined();
    } finally {
      rmSync(outside);
    }
  });

  it('follows the links of a mounted Secret of Kubernetes', async () => {
    mkdirSync(join(path, '..2026'));
    writeFileSync(join(path, '..2026', 'smtp'), 'linked');
    symlinkSync('..2026', join(path, '..data'));
    symlinkSync('..data/smtp', join(path, 'smtp'));
    expect(await secrets.find(reader, 'smtp')).toBe('linked');
  });

  it('rejects what cannot be read, and looks again with the next question', async () => {
    writeFileSync(join(path, 'large'), 'x'.repeat(secretMaxBytes + 1));
    await expect(secrets.find(reader, 'large')).rejects.toThrow(/65536 bytes/);
    writeFileSync(join(path, 'large'), 'x'.repeat(secretMaxBytes));
    expect(await secrets.find(reader, 'large')).toHaveLength(secretMaxBytes);
    mkdirSync(join(path, 'folder'));
    await expect(secrets.find(reader, 'folder')).rejects.toThrow('is no file');
  });

  it('does not wait for pipes, nor read devices without an end', async () => {
    const names = Array.from({ length: 8 }, (_, n) => `pipe-${n}`);
    for (const name of names) execFileSync('mkfifo', [join(path, name)]);
    for (const [name, target] of [
      ['zero', '/dev/zero'],
      ['null', '/dev/null'],
    ] as const)
      symlinkSync(target, join(path, name));
    const found = [...names, 'zero', 'null'].map((name) =>
      expect(secrets.find(reader, name)).rejects.toThrow('is no file'),
    );
    await Promise.all(found);
  });

  it('reads no more than it may of a file that has more than it says', async () => {
    // Files of the kernel have the size 0.
    symlinkSync('/proc/kallsyms', join(path, 'symbols'));
    await expect(secrets.find(reader, 'symbols')).rejects.toThrow(/65536 bytes/);
    symlinkSync('/proc/sys/kernel/ostype', join(path, 'os'));
    expect(await secrets.find(reader, 'os')).toBe('Linux');
  });
});
