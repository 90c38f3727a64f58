/**
 * `troupe backup`: copies all durable state of a cluster with the embedded store, as it was at one instant: its file, and
 * the folder of its large payloads. Every job that was accepted before the command started is in the copy. It talks to no
 * process of the cluster.
 */
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { backUpSqliteStore } from '../../adapters/sqlite/sqlite-backup.ts';
import { backUpFiles, type FileBackup } from '../../adapters/files/file-backup.ts';
import { objectsFolder, objectsKind } from '../../compose/object-store.ts';
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

export async function runBackup({ config, file, terminal, isJson }: BackupOptions): Promise<number> {
  const target = resolve(file);
  const large = `${target}.objects`;
  const path = sqlitePath(config);
  refuseIfImpossible(config, [target, large]);
  let objects: FileBackup | undefined;
  // A file under the requested name is a complete backup, so the large payloads get their name before it does.
  const beforeNamed = async (): Promise<void> => {
    objects = await backUpFiles(objectsFolder(config, path), large);
  };
  try {
    const { bytes, schemaVersion } = await backUpSqliteStore({ path, target, beforeNamed });
    const bucket = objectsKind(config) === 's3' ? (config.objects.s3.bucket ?? null) : null;
    const said = {
      store: path,
      backup: target,
      bytes,
      schemaVersion,
      objects: objects ?? null,
      bucketNotIncluded: bucket,
    };
    terminal.out(isJson ? documentLine(said) : `${target}  ${bytes} bytes, schema version ${schemaVersion}\n`);
    if (!isJson) terminal.out(largeLine(objects));
    if (bucket !== null) terminal.err(`troupe: the large payloads in the bucket ${bucket} are not in this backup\n`);
    return exitCodes.ok;
  } catch (error) {
    if (objects !== undefined) await rm(large, { recursive: true, force: true });
    if (!(error instanceof TroupeError)) throw error;
    terminal.err(`troupe: the backup failed: ${error.message}\n`);
    return exitCodeOf(error);
  }
}

function refuseIfImpossible(config: Config, targets: readonly [string, string]): void {
  if (config.store.kind !== 'sqlite') {
    throw new UsageError('the configured store is Cassandra: back it up with its own tools (snapshots, Medusa)');
  }
  const path = sqlitePath(config);
  if (!existsSync(path))
    throw new UsageError(`${path}: there is no store here; name its folder with --data-dir or --config`);
  for (const target of targets) {
    if (existsSync(target))
      throw new UsageError(`${target} already exists and is not overwritten; choose another file`);
  }
  const folder = dirname(targets[0]);
  if (!existsSync(folder)) throw new UsageError(`${folder}: the folder does not exist; create it first`);
}

function largeLine(objects: FileBackup | undefined): string {
  if (objects === undefined) return 'no large payloads\n';
  return `${objects.folder}  ${objects.bytes} bytes in ${objects.files} large payloads\n`;
}
