/**
 * `troupe backup`: copies the one file that holds all durable state of a cluster with the embedded store, as it was at
 * one instant. Every job that was accepted before the command started is in the copy. It talks to no process of the
 * cluster.
 */
import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { backUpSqliteStore } from '../../adapters/sqlite/sqlite-backup.ts';
import { sqlitePath } from '../../compose/store.ts';
import type { Config } from '../../config/index.ts';
import { TroupeError } from '../../domain/errors.ts';
import { exitCodeOf, exitCodes, UsageError } from '../errors/exit-code.ts';
import { documentLine } from '../text/job-document.ts';
import type { Terminal } from '../text/terminal.ts';

export interface BackupOptions {
  readonly config: Config;
  readonly file: string;
  readonly terminal: Terminal;
  readonly isJson: boolean;
}

export function runBackup({ config, file, terminal, isJson }: BackupOptions): number {
  if (config.store.kind !== 'sqlite') {
    throw new UsageError('the configured store is Cassandra: back it up with its own tools (snapshots, Medusa)');
  }
  const [path, target] = [sqlitePath(config), resolve(file)];
  if (!existsSync(path))
    throw new UsageError(`${path}: there is no store here; name its folder with --data-dir or --config`);
  if (existsSync(target)) throw new UsageError(`${target} already exists and is not overwritten; choose another file`);
  if (!existsSync(dirname(target)))
    throw new UsageError(`${dirname(target)}: the folder does not exist; create it first`);
  try {
    const { bytes, schemaVersion } = backUpSqliteStore({ path, target });
    const said = { store: path, backup: target, bytes, schemaVersion };
    terminal.out(isJson ? documentLine(said) : `${target}  ${bytes} bytes, schema version ${schemaVersion}\n`);
    return exitCodes.ok;
  } catch (error) {
    if (!(error instanceof TroupeError)) throw error;
    terminal.err(`troupe: the backup failed: ${error.message}\n`);
    return exitCodeOf(error);
  }
}
