/**
 * The file of profiles. No other code reads or writes it. It may hold a token, so it is refused unless its owner alone
 * may read and write it. A change replaces it as a whole; of two changes at once the later one stays.
 */
import { chmodSync, mkdirSync, readFileSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { Document } from 'yaml';
import { UsageError } from '../errors/exit-code.ts';
import { fileProblem } from '../errors/file-problem.ts';
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
  replace(path, text);
}

function absolutePaths(file: string, profile: Profile): Profile {
  const absolute = [...pathKeys].flatMap((key) => {
    const path = profile[key];
    return typeof path === 'string' ? [[key, resolve(dirname(file), path)] as const] : [];
  });
  return { ...profile, ...Object.fromEntries(absolute) };
}

function textOf(path: string): string | undefined {
  try {
    const { mode, size } = statSync(path);
    const others = process.platform === 'win32' ? 0 : mode & 0o077;
    if (others !== 0) {
      throw new UsageError(`${path} may have a token, and others may read or write it: run chmod 600 ${path}`);
    }
    if (size > largestBytes) throw tooLarge(path);
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw fileProblem(path, 'read', error);
  }
}

function tooLarge(path: string): UsageError {
  return new UsageError(`${path}: a file of profiles has at most ${largestBytes} bytes`);
}

/** A link stays a link: what it leads to is replaced. */
function replace(path: string, text: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const target = isThere(path) ? realpathSync(path) : path;
    const draft = `${target}.${process.pid}.draft`;
    try {
      writeFileSync(draft, text, { mode: 0o600, flush: true });
      // A draft that a process with the same id left behind has kept its mode.
      chmodSync(draft, 0o600);
      renameSync(draft, target);
    } finally {
      rmSync(draft, { force: true });
    }
  } catch (error) {
    throw fileProblem(path, 'written', error);
  }
}

function isThere(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}
