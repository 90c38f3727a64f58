/** Foreign errors of node:sqlite become ours here and nowhere else, by SQLite's primary result code. */
import { TroupeError } from '../../domain/errors.ts';

/** https://www.sqlite.org/rescode.html; an extended code has its primary code in the low byte. */
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

/** Undefined when the error is not SQLite's. */
export function sqliteResultCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return undefined;
  return error.errcode & 0xff;
}

/** Another process has the file: the statement has not begun. */
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

/** At the opening of a file: with its name, and what to do where it is damaged. */
export function openingError(error: unknown, path: string): unknown {
  const translated = translateSqliteError(error);
  const code = sqliteResultCode(translated instanceof TroupeError ? translated.cause : translated);
  if (!(translated instanceof TroupeError) || code === undefined) return translated;
  const advice = damaged.has(code) ? '; docs/operating/backup-and-restore.md says how to restore it' : '';
  const { metadata, cause } = translated;
  return new TroupeError(translated.code, { message: `${path}: ${translated.message}${advice}`, metadata, cause });
}

/**
 * A COMMIT that fails on the disk may have left its frames in the write-ahead log, where recovery would find them:
 * nobody can say whether it counts. Every other failure of COMMIT has changed nothing.
 */
export function translateCommitError(error: unknown): unknown {
  if (sqliteResultCode(error) !== sqlite.ioerr) return translateSqliteError(error);
  return new TroupeError('OUTCOME_UNKNOWN', { message: 'the disk failed during a commit', cause: error });
}
