/**
 * Large payloads in files: one file for each, in a folder of the hour in which it expires. A file is written once and never
 * changed; it comes into being by a rename.
 */
import { type FileHandle, mkdir, open, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { PayloadStore } from '../../application/ports/payload-store.ts';
import type { Clock, Logger, Telemetry } from '../../application/ports/runtime.ts';
import type { ObjectPlace } from '../../application/storage/object-id.ts';
import { createObjectPayloads, type ObjectPlaces } from '../../application/storage/object-payloads.ts';
import { createStoreMeasures, type StoreMeasures } from '../../application/storage/store-measures.ts';
import { openDraft, syncFolder } from './durable-file.ts';
import { fileCode, translateFileError } from './file-error.ts';
import { draftsFolder, startFileSweep } from './file-sweep.ts';

export interface FilePayloadsOptions {
  /** Created if necessary. Several processes may share it. */
  readonly folder: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly telemetry: Telemetry;
}

export interface FilePayloads {
  readonly payloads: PayloadStore;
  readonly close: () => void;
}

/** Creates the folder, so that one which cannot be used is found at the start. */
export async function openFilePayloads({ folder, clock, log, telemetry }: FilePayloadsOptions): Promise<FilePayloads> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
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
        await rm(pathOf(place), { force: true });
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

function goneIsUndefined(error: unknown): undefined {
  if (fileCode(error) !== 'ENOENT') throw error;
}
