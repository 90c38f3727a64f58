/** The file that gets a new API key. It is made before the key, because a key that nobody can save would be lost. */
import { closeSync, fsyncSync, openSync, unlinkSync, writeFileSync } from 'node:fs';
import { UsageError } from '../errors/exit-code.ts';
import { fileProblem } from '../errors/file-problem.ts';

export interface KeyCalls<Made> {
  readonly make: () => Promise<Made>;
  /** Called if the key cannot be written: nobody would have it, and it would be accepted all the same. */
  readonly revoke: (made: Made) => Promise<unknown>;
}

interface MadeKey {
  readonly id: string;
  readonly key: string;
}

/**
 * Makes a key and writes it. A file that is there stays: it may have the key in use. Throws UsageError if the file cannot
 * be made, or written; no key is left then, or the error names it.
 */
export async function intoKeyFile<Made extends MadeKey>(
  path: string | undefined,
  { make, revoke }: KeyCalls<Made>,
  write: (file: number, text: string) => void = writeDown,
): Promise<Made> {
  if (path === undefined) return make();
  const file = open(path);
  try {
    const made = await make();
    try {
      write(file, `${made.key}\n`);
    } catch (error) {
      const { message } = fileProblem(`--key-file ${path}`, 'written', error);
      throw new UsageError(`${message}; ${await endText(made, revoke)}`);
    }
    return made;
  } catch (error) {
    unlinkSync(path);
    throw error;
  } finally {
    closeSync(file);
  }
}

async function endText<Made extends MadeKey>(made: Made, revoke: KeyCalls<Made>['revoke']): Promise<string> {
  try {
    await revoke(made);
    return `key ${made.id} was revoked again`;
  } catch {
    return `key ${made.id} could not be revoked either, and nobody has it: revoke it with \`troupe keys revoke\``;
  }
}

function open(path: string): number {
  try {
    return openSync(path, 'wx', 0o600);
  } catch (error) {
    throw fileProblem(`--key-file ${path}`, 'written', error);
  }
}

/** On the disk: a key cannot be had again. */
function writeDown(file: number, text: string): void {
  writeFileSync(file, text);
  fsyncSync(file);
}
