/**
 * Files that are there as a whole or not at all, also after a power cut. A draft is written in a folder of its own, synced,
 * and renamed to its place; then the folders on the way to it are synced.
 */
import { randomUUID } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileCode } from './file-error.ts';

/** Payloads may be secret. */
const [ownFile, ownFolder] = [0o600, 0o700];

export interface Draft {
  write(bytes: Uint8Array): Promise<void>;
  /** Says that somebody is still at it. Does not reject. */
  touch(at: Date): Promise<void>;
  /** Durable when it resolves. It replaces a file of that name. */
  moveTo(folder: string, name: string): Promise<void>;
  /** Removes the draft, unless it was moved. Does not reject. */
  discard(): Promise<void>;
}

/** `root` holds `drafts` and every folder to which a draft is moved. Neither root nor `drafts` is created here. */
export async function openDraft(root: string, drafts: string): Promise<Draft> {
  const path = join(root, drafts, randomUUID());
  const file = await open(path, 'wx', ownFile);
  return {
    async write(bytes) {
      await writeAll(file, bytes);
    },
    async touch(at) {
      await file.utimes(at, at).catch(() => undefined);
    },
    async moveTo(name, entry) {
      await file.sync();
      await file.close();
      await makeFolder(root, name);
      const target = join(root, name);
      await rename(path, join(target, entry));
      await syncFolder(target);
    },
    async discard() {
      await file.close().catch(() => undefined);
      await rm(path, { force: true }).catch(() => undefined);
    },
  };
}

/** Writes a small file into the folder. Durable when it resolves. It replaces a file of that name. */
export async function writeDurably(folder: string, name: string, bytes: Uint8Array): Promise<void> {
  const draft = join(folder, `${name}.${randomUUID()}`);
  try {
    const file = await open(draft, 'wx', ownFile);
    try {
      await writeAll(file, bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, join(folder, name));
    await syncFolder(folder);
  } finally {
    await rm(draft, { force: true });
  }
}

/** A write may be cut short, as on a disk that is about to be full. */
async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let from = 0; from < bytes.byteLength;) {
    const { bytesWritten } = await file.write(bytes, from);
    from += bytesWritten;
  }
}

/** Creates the folder `name` in `root` unless it is there. Durable when it resolves, whoever created it. */
export async function makeFolder(root: string, name: string): Promise<void> {
  await mkdir(join(root, name), { mode: ownFolder }).catch((error: unknown) => {
    if (fileCode(error) !== 'EEXIST') throw error;
  });
  await syncFolder(root);
}

/** Creates the folder and what is missing above it. Durable when it resolves. */
export async function makeFolders(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true, mode: ownFolder });
  if (first === undefined) return;
  for (let made = resolve(path); ; made = dirname(made)) {
    await syncFolder(dirname(made));
    if (made === resolve(first)) return;
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
