/** Large payloads in a folder of the test's own. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type FilePayloadsOptions, openFilePayloads } from '../../src/adapters/files/file-payload-store.ts';
import { markName } from '../../src/application/storage/place-mark.ts';
import { objectPlace, parseObjectId } from '../../src/application/storage/object-id.ts';
import type { PayloadStore } from '../../src/application/ports/payload-store.ts';
import { clusterMark, type PayloadHarness, storeRuntime } from './stores.ts';

/** The files of large payloads beside the database of a cluster, without the mark and what is still being written. */
export function largePayloads(sqlitePath: string): readonly string[] {
  return filesBelow(`${sqlitePath}.objects`).filter(isPayload);
}

function isPayload(file: string): boolean {
  return file !== markName && !file.startsWith('unfinished');
}

/** Every file below the folder, by its path in it. None if there is no folder. */
function filesBelow(folder: string): readonly string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name).slice(folder.length + 1));
}

export interface FilePayloadsHarness extends PayloadHarness {
  readonly folder: string;
  open(options?: Partial<FilePayloadsOptions>): Promise<{ readonly payloads: PayloadStore }>;
  pathOf(id: string): string;
  /** Every file below the folder but the mark, by its path in it. */
  files(): readonly string[];
  dispose(): Promise<void>;
}

export function makeFilePayloadsHarness(): FilePayloadsHarness {
  const folder = mkdtempSync(join(tmpdir(), 'troupe-objects-'));
  const mark = clusterMark();
  const closes: (() => void)[] = [];
  const files = (): readonly string[] => filesBelow(folder).filter((file) => file !== markName);
  const pathOf = (id: string): string => {
    const object = parseObjectId(id);
    if (object === undefined) throw new Error(`not the id of an object: ${id}`);
    const { hour, entry } = objectPlace(object);
    return join(folder, hour, entry);
  };
  return {
    folder,
    async open(options = {}) {
      const { payloads, close } = await openFilePayloads({
        folder,
        writes: true,
        ...mark,
        ...storeRuntime,
        ...options,
      });
      closes.push(close);
      return { payloads };
    },
    pathOf,
    files,
    async damagePayload(id, how) {
      const path = pathOf(id);
      if (how === 'drop-last-part') rmSync(path);
      else writeFileSync(path, readFileSync(path).fill(0, 100));
    },
    hasPayload: async (name) => files().some((file) => file.endsWith(`.${name}`)),
    async dispose() {
      for (const close of closes) close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
