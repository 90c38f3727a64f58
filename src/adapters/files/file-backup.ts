/**
 * Copies the folder of large payloads while it is in use. Files in it never change, so each copy is right whenever it is
 * made. A payload that goes meanwhile, erased or expired, is left out. Take the copy after that of the records: whatever a
 * record names was written before it. The mark goes along, so that the copy is known as the place of this cluster.
 */
import { randomUUID } from 'node:crypto';
import { constants, copyFile, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { entryExpiresAtMs, isHour } from '../../application/storage/object-id.ts';
import { markName } from '../../application/storage/place-mark.ts';
import { entriesOf, syncFolder } from './durable-file.ts';
import { fileCode, translateFileError } from './file-error.ts';

export interface FileBackup {
  readonly folder: string;
  readonly files: number;
  readonly bytes: number;
}

/** `target` must not exist, but its folder must. Undefined if there was nothing to copy, and so there is no folder. */
export async function backUpFiles(folder: string, target: string): Promise<FileBackup | undefined> {
  const draft = `${target}.${randomUUID()}.partial`;
  try {
    const hours = (await entriesOf(folder)).filter(isHour);
    let [files, bytes] = [0, 0];
    await mkdir(draft, { mode: 0o700 });
    for (const hour of hours) {
      const into = join(draft, hour);
      await mkdir(into);
      // What else lies there is not of Troupe, such as what NFS keeps of a removed file while somebody has it open.
      const entries = (await entriesOf(join(folder, hour))).filter((entry) => entryExpiresAtMs(entry) !== undefined);
      for (const entry of entries) {
        const size = await copyDurably(join(folder, hour, entry), join(into, entry));
        if (size === undefined) continue;
        files += 1;
        bytes += size;
      }
      await syncFolder(into);
    }
    const isMarked = (await copyDurably(join(folder, markName), join(draft, markName))) !== undefined;
    if (files === 0 && !isMarked) return undefined;
    await syncFolder(draft);
    await rename(draft, target);
    await syncFolder(dirname(target));
    return { folder: target, files, bytes };
  } catch (error) {
    throw translateFileError(error, folder);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

/** Shares the blocks where the file system can. Undefined if the file is gone. */
async function copyDurably(from: string, to: string): Promise<number | undefined> {
  try {
    await copyFile(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
  } catch (error) {
    if (fileCode(error) === 'ENOENT') return undefined;
    throw error;
  }
  const file = await open(to, 'r+');
  try {
    await file.sync();
    return (await file.stat()).size;
  } finally {
    await file.close();
  }
}
