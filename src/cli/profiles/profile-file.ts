/**
 * The file of profiles. No other code reads or writes it. It may hold a token, so it is refused unless its owner alone
 * may read and write it. A change replaces it as a whole; of two changes at once the later one stays.
 */
import { dirname, resolve } from 'node:path';
import type { Document } from 'yaml';
import { UsageError } from '../errors/exit-code.ts';
import { readPrivate, replacePrivate } from './private-file.ts';
import { documentOf, parseProfiles, pathKeys, type Profile, type Profiles } from './profile.ts';

const largestBytes = 256 * 1_024;
const none: Profiles = { current: undefined, named: new Map() };

/** Its paths are absolute: in the file they are relative to its folder. No file, no profiles. Throws UsageError. */
export function readProfiles(path: string): Profiles {
  const text = textOf(path);
  if (text === undefined) return none;
  const { current, named } = parseProfiles(path, text);
  return { current, named: new Map([...named].map(([name, profile]) => [name, absolutePaths(path, profile)])) };
}

/** Changes the file, or makes it. The result is checked like a file that is read, before anything is written. */
export function changeProfiles(path: string, change: (document: Document.Parsed) => void): void {
  const before = textOf(path) ?? '';
  parseProfiles(path, before);
  const document = documentOf(path, before);
  change(document);
  const text = document.toString();
  parseProfiles(path, text);
  if (Buffer.byteLength(text) > largestBytes) throw tooLarge(path);
  replacePrivate(path, text);
}

function absolutePaths(file: string, profile: Profile): Profile {
  const absolute = [...pathKeys].flatMap((key) => {
    const path = profile[key];
    return typeof path === 'string' ? [[key, resolve(dirname(file), path)] as const] : [];
  });
  return { ...profile, ...Object.fromEntries(absolute) };
}

function textOf(path: string): string | undefined {
  return readPrivate(path, (bytes) => {
    if (bytes > largestBytes) throw tooLarge(path);
  });
}

function tooLarge(path: string): UsageError {
  return new UsageError(`${path}: a file of profiles has at most ${largestBytes} bytes`);
}
