/** What went wrong with a file that a command was told of: a mistake of the caller, whatever the system calls it. */
import { UsageError } from './exit-code.ts';
import { fileErrorWords } from './file-error.ts';

export function fileProblem(path: string, what: 'read' | 'written', error: unknown): UsageError {
  if (error instanceof UsageError) return error;
  const text = fileErrorWords(error) ?? (error instanceof Error ? error.message : String(error));
  return new UsageError(`${path} cannot be ${what}: ${text}`);
}
