/**
 * Large payloads in files: one file for each, in a folder of the hour in which it expires. A file is written once and never
 * changed; it comes into being by a rename.
 */
import { type FileHandle, open, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { PayloadStore } from '../../application/ports/payload-store.ts';
import type { Clock, Logger, Telemetry } from '../../application/ports/runtime.ts';
import type { ObjectPlace } from '../../application/storage/object-id.ts';
import { createObjectPayloads, type ObjectPlaces } from '../../application/storage/object-payloads.ts';
import { createStoreMeasures, type StoreMeasures } from '../../application/storage/store-measures.ts';
import { makeFolder, makeFolders, openDraft, syncFolder } from './durable-file.ts';
import { fileCode, translateFileError } from './file-error.ts';
import { draftsFolder, startFileSweep } from './file-sweep.ts';

export interface FilePayloadsOptions {
  /** Several processes may share it. */
  readonly folder: string;
  /** Whether to create it. Otherwise its payloads are unavailable until somebody has. */
  readonly creates: boolean;
  readonly clock: Clock;
  readonly log: Logger;
  readonly telemetry: Telemetry;
}

export interface FilePayloads {
  readonly payloads: PayloadStore;
  readonly close: () => void;
}

/** A folder that cannot be used is found at the start. */
export async function openFilePayloads(options: FilePayloadsOptions): Promise<FilePayloads> {
  const { folder, creates, clock, log, telemetry } = options;
  try {
    if (creates) await makeFolders(folder);
    await makeFolder(folder, draftsFolder).catch((error: unknown) => {
      if (creates || fileCode(error) !== 'ENOENT') throw error;
    });
  } catch (error) {
    throw translateFileError(error, folder);
  }
  const places = createFilePlaces(folder, createStoreMeasures('files', clock, telemetry));
  return {
    payloads: createObjectPayloads(places, clock),
    close: startFileSweep({ folder, clock, log: log.child({ component: 'files' }) }),
  };
}

function createFilePlaces(folder: string, measures: StoreMeasures): ObjectPlaces {
  /** While the folder is away, as a disk that is not mounted is, a file that is not found may be there. */
  const goneIsUndefined = async (error: unknown): Promise<undefined> => {
    if (fileCode(error) !== 'ENOENT') throw error;
    await stat(join(folder, draftsFolder));
  };
  const measured = <T>(name: string, work: () => Promise<T>): Promise<T> =>
    measures.query(name, async () => {
      try {
        return await work();
      } catch (error) {
        throw translateFileError(error, folder);
      }
    });
  const pathOf = ({ hour, entry }: ObjectPlace): string => join(folder, hour, entry);
  return {
    // Its steps are measured, and not the wait for the pieces, which may come from afar.
    async put({ hour, entry }, _bytes, pieces) {
      const draft = await measured('open_draft', () => openDraft(folder, draftsFolder));
      try {
        for await (const piece of pieces) await measured('write_payload', () => draft.write(piece));
        await measured('put_payload', () => draft.moveTo(hour, entry));
      } catch (error) {
        await draft.discard();
        throw error;
      }
    },
    sizeOf: (place) => measured('open_payload', async () => (await stat(pathOf(place)).catch(goneIsUndefined))?.size),
    read: (place, offset, bytes) =>
      measured('read_payload', async () => {
        const file = await open(pathOf(place), 'r').catch(goneIsUndefined);
        try {
          return file && (await readUpTo(file, offset, bytes));
        } finally {
          await file?.close();
        }
      }),
    remove: (place) =>
      measured('delete_payload', async () => {
        await rm(pathOf(place)).catch(goneIsUndefined);
        await syncFolder(join(folder, place.hour)).catch(goneIsUndefined);
      }),
  };
}

async function readUpTo(file: FileHandle, offset: number, bytes: number): Promise<Uint8Array> {
  const buffer = new Uint8Array(bytes);
  let filled = 0;
  while (filled < bytes) {
    const { bytesRead } = await file.read(buffer, filled, bytes - filled, offset + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return buffer.subarray(0, filled);
}
