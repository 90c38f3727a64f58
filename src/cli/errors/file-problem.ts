/** A problem with a file that the user named. It counts as an error of usage, whatever the system's code is. */
import { UsageError } from './exit-code.ts';
import { fileErrorWords } from './file-error.ts';

export function fileProblem(path: string, what: 'read' | 'written', error: unknown): UsageError {
  if (error instanceof UsageError) return error;
  const text = fileErrorWords(error) ?? (error instanceof Error ? error.message : String(error));
  return new UsageError(`${path} cannot be ${what}: ${text}`);
}
