/** The file that gets a new API key. It is made before the key, because a key that nobody can save would be lost. */
import { closeSync, openSync, unlinkSync, writeSync } from 'node:fs';
import { fileProblem } from '../errors/file-problem.ts';

/** Makes a key and writes it. A file that is there stays: it may have the key in use. */
export async function intoKeyFile<Made extends { readonly key: string }>(
  path: string | undefined,
  make: () => Promise<Made>,
): Promise<Made> {
  if (path === undefined) return make();
  const file = open(path);
  try {
    const made = await make();
    writeSync(file, `${made.key}\n`);
    return made;
  } catch (error) {
    unlinkSync(path);
    throw error;
  } finally {
    closeSync(file);
  }
}

function open(path: string): number {
  try {
    return openSync(path, 'wx', 0o600);
  } catch (error) {
    throw fileProblem(`--key-file ${path}`, 'written', error);
  }
}
