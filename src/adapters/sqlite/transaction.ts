/** One write transaction of the file: all of it, durable when it returns, or nothing. */
import type { DatabaseSync } from 'node:sqlite';
import { translateCommitError, translateSqliteError } from './sqlite-error.ts';

/** Runs `work` in one write transaction of the file. */
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
    if (file.isTransaction) file.exec('ROLLBACK');
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

/** A part of a transaction that may fail alone: then nothing of it is left, and the rest stands. */
export function inSavepoint<T>(file: DatabaseSync, work: () => T): T {
  file.exec('SAVEPOINT part');
  try {
    const result = work();
    file.exec('RELEASE part');
    return result;
  } catch (error) {
    if (file.isTransaction) file.exec('ROLLBACK TO part; RELEASE part');
    throw translateSqliteError(error);
  }
}
