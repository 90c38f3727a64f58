/** Files that are read again: each look is made by the test. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FollowedFiles, followFiles } from '../../../../src/adapters/files/followed-files.ts';

let folder: string;
let followed: FollowedFiles<string>;
let said: string[];
let fire: () => void;
let isArmed: () => void;

/** Looks once, and is done when the next look is planned. */
function look(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  isArmed = () => resolve(undefined);
  fire();
  return promise.then(() => undefined);
}

const pathOf = (name: string): string => join(folder, name);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'troupe-followed-'));
  said = [];
  isArmed = () => undefined;
  for (const name of ['one', 'two']) writeFileSync(pathOf(name), 'a');
  const note = ({ event, reason = '' }: Readonly<Record<string, unknown>>): void => {
    said.push(`${String(event)} ${String(reason)}`.trim());
  };
  followed = followFiles({
    paths: { one: pathOf('one'), two: pathOf('two') },
    parse: ({ one, two }) => {
      if (!one.equals(two)) throw new Error('they differ');
      return one.toString();
    },
    clock: {
      setTimer(_delayMs, next) {
        fire = next;
        isArmed();
        return () => undefined;
      },
    },
    log: { info: note, warn: note },
  });
});
afterEach(() => {
  followed.stop();
  rmSync(folder, { recursive: true });
});

describe('files that are followed', () => {
  it('make a new value once all of them fit, and the reason against it is said once', async () => {
    const heard: string[] = [];
    followed.follow((value) => heard.push(value));
    await look();
    writeFileSync(pathOf('one'), 'b');
    for (let n = 0; n < 3; n += 1) await look();
    expect(followed.current()).toBe('a');
    writeFileSync(pathOf('two'), 'b');
    for (let n = 0; n < 3; n += 1) await look();
    expect(followed.current()).toBe('b');
    expect(heard).toEqual(['a', 'b']);
    expect(said).toEqual(['credential.refused they differ', 'credential.renewed']);
  });

  it('are refused anew, and that is said, after they were for a while what they had been', async () => {
    for (let round = 1; round <= 2; round += 1) {
      writeFileSync(pathOf('one'), 'b');
      await look();
      expect(said).toEqual(Array.from({ length: round }, () => 'credential.refused they differ'));
      writeFileSync(pathOf('one'), 'a');
      await look();
    }
    expect(followed.current()).toBe('a');
  });

  it('may be missing for a while', async () => {
    rmSync(pathOf('one'));
    await look();
    expect(followed.current()).toBe('a');
    expect(said).toEqual([expect.stringContaining('ENOENT')]);
    for (const name of ['one', 'two']) writeFileSync(pathOf(name), 'c');
    await look();
    expect(followed.current()).toBe('c');
  });
});
