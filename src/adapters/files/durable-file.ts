/**
 * Files that are there as a whole or not at all, also after a power cut. A draft is written in a folder of its own, synced,
 * and renamed to its place; then the folders on the way to it are synced.
 */
import { randomUUID } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileCode } from './file-error.ts';

export interface Draft {
  write(bytes: Uint8Array): Promise<void>;
  /** Durable when it resolves. It replaces a file of that name. */
  moveTo(folder: string, name: string): Promise<void>;
  /** Removes the draft, unless it was moved. Does not reject. */
  discard(): Promise<void>;
}

/** `root` holds `drafts` and every folder to which a draft is moved. */
export async function openDraft(root: string, drafts: string): Promise<Draft> {
  const folder = join(root, drafts);
  await mkdir(folder, { recursive: true });
  const path = join(folder, randomUUID());
  // Payloads may be secret.
  const file = await open(path, 'wx', 0o600);
  return {
    async write(bytes) {
      await writeAll(file, bytes);
    },
    async moveTo(name, entry) {
      await file.sync();
      await file.close();
      const target = join(root, name);
      await mkdir(target, { recursive: true });
      await rename(path, join(target, entry));
      await syncFolder(target);
      await syncFolder(root);
    },
    async discard() {
      await file.close().catch(() => undefined);
      await rm(path, { force: true }).catch(() => undefined);
    },
  };
}

/** A write may be cut short, as on a disk that is about to be full. */
async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let from = 0; from < bytes.byteLength;) {
    const { bytesWritten } = await file.write(bytes, from);
    from += bytesWritten;
  }
}

/** Makes renames in the folder, and its new entries, durable. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** The names in a folder. None if it does not exist. */
export async function entriesOf(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (fileCode(error) === 'ENOENT') return [];
    throw error;
  }
}
