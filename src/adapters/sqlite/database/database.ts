/**
 * The database as one synchronous object: operations in, outcomes out. Whoever hosts it (a thread, or the caller itself)
 * decides when an operation runs. Nothing is acknowledged that went to a file which is no longer where it was opened.
 */
import { statSync, utimesSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import { TroupeError } from '../../../domain/errors.ts';
import type { SchemaClimb } from '../../../application/ports/store.ts';
import { type DatabaseFileOptions, openDatabaseFile, waitBriefly } from './database-file.ts';
import { KeptFile } from './kept-file.ts';
import { createOperations, type ReadName, type WriteName } from './operations.ts';
import { migrateSchema } from './schema-migrations.ts';
import { openingError, translateSqliteError } from './sqlite-error.ts';
import { inSavepoint, inTransaction } from './transaction.ts';

/** Most writes of one transaction. The file is locked while they run. */
export const transactionWritesMax = 16;

export interface WriteCall {
  readonly name: WriteName;
  readonly args: readonly unknown[];
}

export type Outcome = { readonly value: unknown } | { readonly error: unknown };

type Operation = (...args: readonly unknown[]) => unknown;

export class Database {
  readonly schema: SchemaClimb;
  readonly #file: DatabaseSync;
  readonly #operations: ReturnType<typeof createOperations>;
  readonly #kept: KeptFile;
  readonly #path: string;
  /** A file was missing when it was last looked for. */
  #isAway = false;
  /** The disk failed in the last commit. */
  #hasFailed = false;

  constructor(options: DatabaseFileOptions) {
    const { path } = options;
    const file = openDatabaseFile(options);
    try {
      this.schema = migrateSchema(file, path);
      waitBriefly(file);
      this.#operations = createOperations(file);
      this.#path = path;
      this.#kept = new KeptFile(path);
      this.#file = file;
    } catch (error) {
      file.close();
      const translated = openingError(error, path);
      throw translated instanceof TroupeError ? translated : new TroupeError('INTERNAL_ERROR', { cause: error });
    }
  }

  get isOpen(): boolean {
    return this.#file.isOpen;
  }

  /**
   * Runs writes in one transaction, which is durable when this returns. Each can fail on its own. Throws if the
   * transaction itself failed, and with it all of them. At most `transactionWritesMax`.
   */
  write(calls: readonly WriteCall[]): readonly Outcome[] {
    this.#expectKept();
    if (this.#hasFailed) expectWritable(this.#path);
    try {
      const outcomes = inTransaction(this.#file, () => this.#runAll(calls));
      if (this.#look() !== undefined) {
        throw new TroupeError('OUTCOME_UNKNOWN', { message: 'the database file was moved or deleted during a commit' });
      }
      this.#hasFailed = false;
      return outcomes;
    } catch (error) {
      this.#operations.forgetRegistered();
      this.#hasFailed = error instanceof TroupeError && error.code === 'OUTCOME_UNKNOWN';
      throw error;
    }
  }

  /** Runs one read, or throws. */
  read(name: ReadName, args: readonly unknown[]): unknown {
    if (name === 'ping') this.#look();
    this.#expectKept();
    try {
      return (this.#operations.reads[name] as Operation)(...args);
    } catch (error) {
      throw translateSqliteError(error);
    }
  }

  /**
   * Copies what it can of the log into the database, and waits for nobody. Returns how many pages are left: those that a
   * reader may still need.
   */
  checkpoint(): number {
    const row = this.#file.prepare('PRAGMA wal_checkpoint(PASSIVE)').get();
    return Math.max(0, Number(row?.['log'] ?? 0) - Number(row?.['checkpointed'] ?? 0));
  }

  close(): void {
    if (this.#file.isOpen) this.#file.close();
  }

  #runAll(calls: readonly WriteCall[]): readonly Outcome[] {
    const isAlone = calls.length === 1;
    return calls.map(({ name, args }): Outcome => {
      const run = () => (this.#operations.writes[name] as Operation)(...args);
      if (isAlone) return { value: run() };
      try {
        return { value: inSavepoint(this.#file, run) };
      } catch (error) {
        // Some errors roll back the whole transaction, and then no part has an outcome of its own.
        if (!this.#file.isTransaction) throw error;
        this.#operations.forgetRegistered();
        return { error };
      }
    });
  }

  #look(): string | undefined {
    const missing = this.#kept.missing();
    this.#isAway = missing !== undefined;
    return missing;
  }

  /** Refuses while a file is away. It may come back: whoever moved it can move it back. */
  #expectKept(): void {
    const missing = this.#isAway ? this.#look() : undefined;
    if (missing === undefined) return;
    throw new TroupeError('STORE_UNAVAILABLE', {
      message: `${missing} was moved, deleted or replaced while it was in use; put back the same file, or stop this process first`,
    });
  }
}

/**
 * A file system that has failed often turns read-only under the open file. SQLite says of each commit only that the disk
 * fails, so its outcome would be unknown each time, and nobody would know why.
 */
function expectWritable(path: string): void {
  try {
    // Changes nothing. The question for the right to write (access) is answered with yes.
    const { atime, mtime } = statSync(path);
    utimesSync(path, atime, mtime);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EROFS')) return;
    throw new TroupeError('STORE_UNAVAILABLE', {
      message: `the disk under ${path} has become read-only: repair and mount it, then start this process again`,
    });
  }
}
