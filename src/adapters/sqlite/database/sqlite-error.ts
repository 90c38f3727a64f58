/** Translates the errors of node:sqlite, by SQLite's primary result code. No other module looks at them. */
import { TroupeError } from '../../../domain/errors.ts';

/** See https://www.sqlite.org/rescode.html. The low byte of an extended code is its primary code. */
const sqlite = {
  busy: 5,
  locked: 6,
  nomem: 7,
  readonly: 8,
  ioerr: 10,
  corrupt: 11,
  full: 13,
  cantopen: 14,
  protocol: 15,
  notadb: 26,
} as const;

const unavailable: ReadonlyMap<number, string> = new Map([
  [sqlite.busy, 'the database file is locked by another process'],
  [sqlite.locked, 'the database file is locked'],
  [sqlite.protocol, 'the database file is locked by another process'],
  [sqlite.nomem, 'SQLite is out of memory'],
  [sqlite.readonly, 'the database file is read-only'],
  [sqlite.ioerr, 'the disk under the database file reports an error'],
  [sqlite.full, 'the disk under the database file is full'],
  [sqlite.cantopen, 'the database file cannot be opened'],
]);

const damaged: ReadonlyMap<number, string> = new Map([
  [sqlite.corrupt, 'the database file is damaged'],
  [sqlite.notadb, 'the file is not a SQLite database'],
]);

/** The primary result code. Undefined if the error is not from SQLite. */
export function sqliteResultCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return undefined;
  return error.errcode & 0xff;
}

/** Whether another process holds the file. The statement has not begun then. */
export function isLocked(error: unknown): boolean {
  const foreign = error instanceof TroupeError ? error.cause : error;
  return sqliteResultCode(foreign) === sqlite.busy;
}

export function translateSqliteError(error: unknown): unknown {
  const code = sqliteResultCode(error);
  if (code === undefined || error instanceof TroupeError) return error;
  const metadata = { sqliteCode: String(code) };
  const away = unavailable.get(code);
  if (away !== undefined) return new TroupeError('STORE_UNAVAILABLE', { message: away, metadata, cause: error });
  return new TroupeError('INTERNAL_ERROR', { message: damaged.get(code) ?? 'SQLite failed', metadata, cause: error });
}

/** Translates an error of opening a file: adds the file name, and what to do if the file is damaged. */
export function openingError(error: unknown, path: string): unknown {
  const translated = translateSqliteError(error);
  const code = sqliteResultCode(translated instanceof TroupeError ? translated.cause : translated);
  if (!(translated instanceof TroupeError) || code === undefined) return translated;
  const advice = damaged.has(code) ? '; docs/operating/backup-and-restore.md says how to restore it' : '';
  const { metadata, cause } = translated;
  return new TroupeError(translated.code, { message: `${path}: ${translated.message}${advice}`, metadata, cause });
}

/**
 * A COMMIT that fails because of the disk may have left its frames in the write-ahead log, where recovery would find
 * them. So its outcome is unknown. Every other failure of COMMIT has changed nothing.
 */
export function translateCommitError(error: unknown): unknown {
  if (sqliteResultCode(error) !== sqlite.ioerr) return translateSqliteError(error);
  return new TroupeError('OUTCOME_UNKNOWN', { message: 'the disk failed during a commit', cause: error });
}
