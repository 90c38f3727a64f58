/** Files with tokens: refused unless their owner alone may read and write them, and replaced as a whole. */
import { mkdirSync, readFileSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { UsageError } from '../errors/exit-code.ts';
import { fileProblem } from '../errors/file-problem.ts';

/** Undefined if there is no such file. Throws UsageError, or what `check` throws about the size before anything is read. */
export function readPrivate(path: string, check: (bytes: number) => void = () => undefined): string | undefined {
  try {
    const { mode, size } = statSync(path);
    const others = process.platform === 'win32' ? 0 : mode & 0o077;
    if (others !== 0)
      throw new UsageError(`${path} may have a token, and others may read or write it: run chmod 600 ${path}`);
    check(size);
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw fileProblem(path, 'read', error);
  }
}

/** A link stays a link: what it leads to is replaced. Throws UsageError. */
export function replacePrivate(path: string, text: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const target = isThere(path) ? realpathSync(path) : path;
    const draft = `${target}.${process.pid}.draft`;
    try {
      // One that a process with the same id left behind has a mode of its own.
      rmSync(draft, { force: true });
      writeFileSync(draft, text, { mode: 0o600, flag: 'wx', flush: true });
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
