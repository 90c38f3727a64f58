import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { freshFiles } from '../../../../src/adapters/files/fresh-files.ts';

let folder: string;
const pathOf = (name: string): string => join(folder, name);
const whole = ({ one, two }: Readonly<Record<'one' | 'two', Buffer>>): string => {
  if (!one.equals(two)) throw new Error('they differ');
  return one.toString();
};

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'troupe-fresh-'));
  for (const name of ['one', 'two']) writeFileSync(pathOf(name), 'first');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('files that are read at each use', () => {
  it('give what they hold now', () => {
    const value = freshFiles({ one: pathOf('one'), two: pathOf('two') }, whole);
    expect(value()).toBe('first');
    for (const name of ['one', 'two']) writeFileSync(pathOf(name), 'second');
    expect(value()).toBe('second');
  });

  it('give what they held before while they are half written or away', () => {
    const value = freshFiles({ one: pathOf('one'), two: pathOf('two') }, whole);
    writeFileSync(pathOf('one'), 'second');
    expect(value()).toBe('first');
    rmSync(pathOf('one'));
    expect(value()).toBe('first');
    for (const name of ['one', 'two']) writeFileSync(pathOf(name), 'third');
    expect(value()).toBe('third');
  });

  it('are refused at the start if they make no value', () => {
    writeFileSync(pathOf('one'), 'second');
    expect(() => freshFiles({ one: pathOf('one'), two: pathOf('two') }, whole)).toThrow('they differ');
    expect(() => freshFiles({ one: pathOf('none'), two: pathOf('two') }, whole)).toThrow('ENOENT');
  });
});
