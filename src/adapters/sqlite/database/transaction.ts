/** Write transactions of the file. A transaction is atomic, and durable when it returns. */
import type { DatabaseSync } from 'node:sqlite';
import { translateCommitError, translateSqliteError } from './sqlite-error.ts';

export function inTransaction<T>(file: DatabaseSync, work: () => T): T {
  try {
    file.exec('BEGIN IMMEDIATE');
  } catch (error) {
    throw translateSqliteError(error);
  }
  try {
    const result = work();
    commit(file);
    return result;
  } catch (error) {
    undo(file, 'ROLLBACK');
    throw translateSqliteError(error);
  }
}

function commit(file: DatabaseSync): void {
  try {
    file.exec('COMMIT');
  } catch (error) {
    throw translateCommitError(error);
  }
}

/** Runs a part of a transaction that may fail on its own. A failure undoes this part and leaves the rest. */
export function inSavepoint<T>(file: DatabaseSync, work: () => T): T {
  file.exec('SAVEPOINT part');
  try {
    const result = work();
    file.exec('RELEASE part');
    return result;
  } catch (error) {
    // A part that cannot be undone alone must not be committed with the others.
    if (!undo(file, 'ROLLBACK TO part; RELEASE part')) undo(file, 'ROLLBACK');
    throw translateSqliteError(error);
  }
}

/** False if that failed. What went wrong before it says more than that it cannot be undone either. */
function undo(file: DatabaseSync, sql: string): boolean {
  try {
    if (file.isTransaction) file.exec(sql);
    return true;
  } catch {
    return false;
  }
}
