/**
 * Large payloads in files: one file for each, in a folder of the hour in which it expires. A file is written once and never
 * changed; it comes into being by a rename.
 */
import { type FileHandle, open, rm, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { TroupeError } from '../../domain/errors.ts';
import type { PayloadStore } from '../../application/ports/payload-store.ts';
import type { Clock, Logger, Telemetry } from '../../application/ports/runtime.ts';
import type { ObjectsMark } from '../../application/ports/store.ts';
import type { ObjectPlace } from '../../application/storage/object-id.ts';
import { createObjectPayloads } from '../../application/storage/object-payloads.ts';
import type { ObjectPlaces } from '../../application/storage/object-places.ts';
import { type MarkedPlace, markMaxBytes, markName, PlaceMark } from '../../application/storage/place-mark.ts';
import { createStoreMeasures, type StoreMeasures } from '../../application/storage/store-measures.ts';
import { type Draft, makeFolder, makeFolders, openDraft, syncFolder, writeDurably } from './durable-file.ts';
import { fileCode, folderText, translateFileError } from './file-error.ts';
import { draftsFolder, draftTouchMs, startFileSweep } from './file-sweep.ts';

export interface FilePayloadsOptions {
  /** Several processes may share it. */
  readonly folder: string;
  /** Whether to write payloads. Otherwise the folder is left as it is: its payloads are unavailable until there is one. */
  readonly writes: boolean;
  /** Space of the disk that is left free. Default: none. */
  readonly reserveBytes?: number;
  readonly clusterId: string;
  readonly objectsMark: ObjectsMark;
  readonly clock: Clock;
  readonly log: Logger;
  readonly telemetry: Telemetry;
}

export interface FilePayloads {
  readonly payloads: PayloadStore;
  readonly close: () => void;
}

/** A folder that cannot be used, or is not that of this cluster, is found at the start. */
export async function openFilePayloads(options: FilePayloadsOptions): Promise<FilePayloads> {
  const { folder, writes, reserveBytes = 0, clusterId, objectsMark, clock, log, telemetry } = options;
  const measures = createStoreMeasures('files', clock, telemetry);
  const places = createFilePlaces({ folder, reserveBytes, clock, measures });
  const mark = new PlaceMark(markedFolder(folder), clusterId, objectsMark);
  if (writes) {
    // Whose folder is gone has lost a disk. A new one in its place would hide that.
    if (!(await objectsMark.isNoted())) await translated(folder, () => makeFolders(folder));
    await mark.ensure();
    await translated(folder, () => makeFolder(folder, draftsFolder));
  }
  const isOurs = (): Promise<boolean> => mark.isOurs();
  return {
    payloads: createObjectPayloads({ places, mark, clock }),
    close: startFileSweep({ folder, isOurs, clock, log: log.child({ component: 'files' }) }),
  };
}

async function translated<T>(folder: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw translateFileError(error, folder);
  }
}

function markedFolder(folder: string): MarkedPlace {
  const path = join(folder, markName);
  return {
    where: folderText(folder),
    markAt: path,
    readMark: () => translated(folder, () => readPiece(path, 0, markMaxBytes)),
    writeMark: (bytes) => translated(folder, () => writeDurably(folder, markName, bytes)),
  };
}

/** Keeps a draft from the sweep until the returned function is called. */
function keepYoung(draft: Draft, clock: Clock): () => void {
  let cancel = clock.setTimer(draftTouchMs, touch);
  function touch(): void {
    cancel();
    void draft.touch(new Date(clock.wallMs()));
    cancel = clock.setTimer(draftTouchMs, touch);
  }
  return () => cancel();
}

interface FilePlacesParts {
  readonly folder: string;
  readonly reserveBytes: number;
  readonly clock: Clock;
  readonly measures: StoreMeasures;
}

function createFilePlaces({ folder, reserveBytes, clock, measures }: FilePlacesParts): ObjectPlaces {
  const measured = <T>(name: string, work: () => Promise<T>): Promise<T> =>
    measures.query(name, () => translated(folder, work));
  const pathOf = ({ hour, entry }: ObjectPlace): string => join(folder, hour, entry);
  return {
    // Its steps are measured, and not the wait for the pieces, which may come from afar.
    async put({ hour, entry }, bytes, pieces) {
      const draft = await measured('open_draft', async () => {
        await expectRoom(folder, typeof bytes === 'number' ? bytes : 0, reserveBytes);
        return openDraft(folder, draftsFolder);
      });
      const forget = keepYoung(draft, clock);
      try {
        for await (const piece of pieces) {
          await measured('write_payload', async () => {
            // Others write meanwhile, of this process and of others.
            await expectRoom(folder, piece.byteLength, reserveBytes);
            await draft.write(piece);
          });
        }
        await measured('put_payload', () => draft.moveTo(hour, entry));
      } catch (error) {
        await draft.discard();
        throw error;
      } finally {
        forget();
      }
    },
    sizeOf: (place) => measured('open_payload', async () => (await stat(pathOf(place)).catch(goneIsUndefined))?.size),
    read: (place, offset, bytes) => measured('read_payload', () => readPiece(pathOf(place), offset, bytes)),
    remove: (place) =>
      measured('delete_payload', async () => {
        await rm(pathOf(place)).catch(goneIsUndefined);
        await syncFolder(join(folder, place.hour)).catch(goneIsUndefined);
      }),
  };
}

/**
 * Large payloads fill no disk: what else lies there, like the embedded store, needs room to record that jobs have ended, and
 * jobs that end are what makes room again.
 */
async function expectRoom(folder: string, bytes: number, reserveBytes: number): Promise<void> {
  const { bavail, bsize, blocks } = await statfs(folder);
  const freeBytes = bavail * bsize;
  // Some file systems of a network do not say how large they are.
  if (reserveBytes === 0 || blocks === 0 || freeBytes - bytes >= reserveBytes) return;
  throw new TroupeError('STORE_UNAVAILABLE', {
    message: `${folderText(folder)}: ${freeBytes} bytes of its disk are free, of which objects.files.reserveBytes (${reserveBytes}) stay so`,
  });
}

/** Whether this is the folder at all is another question, and that of the mark. */
function goneIsUndefined(error: unknown): undefined {
  if (fileCode(error) !== 'ENOENT') throw error;
}

async function readPiece(path: string, offset: number, bytes: number): Promise<Uint8Array | undefined> {
  const file = await open(path, 'r').catch(goneIsUndefined);
  try {
    return file && (await readUpTo(file, offset, bytes));
  } finally {
    await file?.close();
  }
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
