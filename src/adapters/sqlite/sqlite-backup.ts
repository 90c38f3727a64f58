/**
 * Copies the database file while it is in use. `VACUUM INTO` reads one snapshot like any reader, so writers continue,
 * and the copy holds exactly what was committed when it began, in one file without a log. The copy is written under
 * another name, checked, synced to the disk, and only then renamed. So a file under the requested name is always a
 * complete backup.
 */
import { randomUUID } from 'node:crypto';
import { closeSync, fsyncSync, openSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { TroupeError } from '../../domain/errors.ts';
import { checkFile } from './database/schema-migrations.ts';
import { translateSqliteError } from './database/sqlite-error.ts';

/** Longest wait for a process that is migrating the schema, or that closes the file as the last one. */
const openTimeoutMs = 5_000;

export interface SqliteBackupOrder {
  /** Must exist. */
  readonly path: string;
  /** Must not exist, but its folder must. It may lie on another disk. */
  readonly target: string;
  /** Called when the copy is complete, before it gets its name. If it rejects, there is no backup. */
  readonly beforeNamed?: () => Promise<void>;
}

export interface SqliteBackup {
  readonly bytes: number;
  readonly schemaVersion: number;
}

export async function backUpSqliteStore({ path, target, beforeNamed }: SqliteBackupOrder): Promise<SqliteBackup> {
  const draft = `${target}.${randomUUID()}.partial`;
  try {
    const schemaVersion = copySnapshot(path, draft);
    checkCopy(draft);
    syncToDisk(draft);
    const { size: bytes } = statSync(draft);
    await beforeNamed?.();
    renameSync(draft, target);
    syncToDisk(dirname(target));
    return { bytes, schemaVersion };
  } catch (error) {
    throw translateSqliteError(error);
  } finally {
    rmSync(draft, { force: true });
  }
}

/** Opens the file read-only, so that the backup cannot migrate or damage it. */
function copySnapshot(path: string, draft: string): number {
  const file = new DatabaseSync(path, { readOnly: true, timeout: openTimeoutMs });
  try {
    const schemaVersion = checkFile(file, path);
    file.prepare('VACUUM INTO ?').run(draft);
    return schemaVersion;
  } finally {
    file.close();
  }
}

/** Reads every page, so that a copy of a damaged file does not pass as a backup. */
function checkCopy(draft: string): void {
  const file = new DatabaseSync(draft, { readOnly: true });
  try {
    const found = file.prepare('PRAGMA integrity_check').all();
    const problems = found.map((row) => String(row['integrity_check'])).filter((line) => line !== 'ok');
    if (problems.length > 0) {
      throw new TroupeError('INTERNAL_ERROR', { message: `the database file is damaged: ${problems.join('; ')}` });
    }
  } finally {
    file.close();
  }
}

/** Syncs a file or a folder. Syncing the folder makes the rename durable. */
function syncToDisk(path: string): void {
  const handle = openSync(path, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
