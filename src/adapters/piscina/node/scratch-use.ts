/**
 * What lies in a folder: its use of the disk, by the folders right below. Handlers write there, so nothing is followed and
 * the walk is bounded: past `entriesMax` it ends, and the number of entries says so. What has no name any more, but is still
 * open, is not seen.
 */
import type { Dirent } from 'node:fs';
import { lstat, opendir } from 'node:fs/promises';
import { join, sep } from 'node:path';

const blockBytes = 512;

export interface ScratchUse {
  readonly bytes: number;
  /** Above `entriesMax` if there are more than were looked at. */
  readonly entries: number;
  /** Bytes by the name of the entry of the folder that they lie in. */
  readonly bytesBelow: ReadonlyMap<string, number>;
}

/** Does not reject: what is gone when we look at it, or may not be looked at, counts nothing. */
export async function scratchUseOf(folder: string, entriesMax: number): Promise<ScratchUse> {
  const bytesBelow = new Map<string, number>();
  const folders = [folder];
  let bytes = 0;
  let entries = 0;
  for (let next = folders.pop(); next !== undefined && entries <= entriesMax; next = folders.pop()) {
    for await (const entry of entriesOf(next)) {
      entries += 1;
      if (entries > entriesMax) break;
      const path = join(next, entry.name);
      if (entry.isDirectory()) folders.push(path);
      const taken = await bytesOf(path);
      const top = path.slice(folder.length + 1).split(sep, 1)[0] ?? '';
      bytesBelow.set(top, (bytesBelow.get(top) ?? 0) + taken);
      bytes += taken;
    }
  }
  return { bytes, entries, bytesBelow };
}

async function* entriesOf(folder: string): AsyncGenerator<Dirent> {
  try {
    yield* await opendir(folder);
  } catch {
    // It is gone by now, or was never made.
  }
}

/** A folder itself takes some, and a file with holes less than its size. */
async function bytesOf(path: string): Promise<number> {
  try {
    return (await lstat(path)).blocks * blockBytes;
  } catch {
    return 0;
  }
}
