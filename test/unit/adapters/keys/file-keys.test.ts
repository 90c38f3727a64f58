/** Keys in a file: what it may say, and what a key of it opens. */
import { expect, it } from 'vitest';
import { createFileKeys, parseKeyFile } from '../../../../src/adapters/keys/file-keys.ts';
import { keyRefMaxBytes } from '../../../../src/application/ports/key-wrapping.ts';
import { keyLine } from '../../../support/sealing.ts';

const key = Buffer.alloc(32, 7).toString('base64');
const parse = (text: string) => parseKeyFile(Buffer.from(text));

it('takes the first key as the current one', () => {
  const { current, keys } = parse(`# of November\n\nb ${key}\na   ${key}\r\n`);
  expect([current, [...keys.keys()]]).toEqual(['b', ['b', 'a']]);
});

it.each([
  ['', 'it has no key'],
  ['# nothing', 'it has no key'],
  [`a ${key}\na ${key}`, 'line 2: there is a key of this name already'],
  [`a ${key} b`, 'line 1 must be'],
  [`a/b ${key}`, 'line 1 must be'],
  [`\na ${key.slice(1)}`, 'line 2: the key must be 32 bytes as base64'],
  [`a ${Buffer.alloc(16).toString('base64')}`, 'line 1: the key must be'],
  [Array.from({ length: 101 }, (_, n) => keyLine(`k${n}`)).join('\n'), 'more than 100 keys'],
])('refuses a file, and shows nothing of its keys: %#', (text, message) => {
  expect(() => parse(text)).toThrow(message);
  expect(() => parse(text)).not.toThrow(key.slice(5, 20));
});

it('opens what a former key has wrapped, for its tenant alone, while the key is there', async () => {
  let text = keyLine('old');
  const keys = createFileKeys({ path: 'p', keys: () => parse(text), close: () => undefined });
  const plain = Buffer.alloc(32, 9);
  const wrapped = await keys.wrap(plain, 'acme');
  expect(wrapped.keyRef).toMatch(/^file:old#[0-9a-f]{8}$/);
  text = `${keyLine('new')}\n${text}`;
  expect((await keys.wrap(plain, 'acme')).keyRef).toMatch(/^file:new#/);
  expect(await keys.unwrap(wrapped, 'acme')).toEqual(plain);
  expect(await keys.unwrap(wrapped, 'other')).toBeUndefined();
  expect(await keys.unwrap({ ...wrapped, wrapped: Buffer.alloc(3) }, 'acme')).toBeUndefined();
  text = keyLine('new');
  await expect(keys.unwrap(wrapped, 'acme')).rejects.toMatchObject({
    code: 'ENCRYPTION_UNAVAILABLE',
    metadata: { why: 'no-key' },
  });
  await expect(keys.unwrap({ ...wrapped, keyRef: 'vault:old' }, 'acme')).rejects.toMatchObject({
    metadata: { why: 'no-key' },
  });
});

it('another key of the same name is a key that is missing, and damages nothing', async () => {
  const own = keyLine('one');
  let text = own;
  const keys = createFileKeys({ path: 'p', keys: () => parse(text), close: () => undefined });
  const plain = Buffer.alloc(32, 9);
  const wrapped = await keys.wrap(plain, 'acme');
  // As on another host, where somebody made a file with the same command.
  text = keyLine('one');
  await expect(keys.unwrap(wrapped, 'acme')).rejects.toMatchObject({
    code: 'ENCRYPTION_UNAVAILABLE',
    metadata: { why: 'no-key' },
    message: 'the file of keys has another key of the name "one"',
  });
  text = own;
  expect(await keys.unwrap(wrapped, 'acme')).toEqual(plain);
  // What was wrapped before references had a check.
  expect(await keys.unwrap({ ...wrapped, keyRef: 'file:one' }, 'acme')).toEqual(plain);
});

it('the longest name fits a reference', async () => {
  const keys = createFileKeys({ path: 'p', keys: () => parse(keyLine('k'.repeat(48))), close: () => undefined });
  const { keyRef } = await keys.wrap(Buffer.alloc(32), 'acme');
  expect(keyRef.length).toBeLessThanOrEqual(keyRefMaxBytes);
});
