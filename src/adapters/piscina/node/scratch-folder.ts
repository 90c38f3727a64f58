/**
 * Room on this disk for inputs that handlers want as files. It is bounded for the whole node: who wants more than is free
 * waits, first come, first served. A run that has a file already does not wait for another one, so that no two wait for each
 * other.
 *
 * The folder of a process is named by its id. What a process that is gone has left behind is removed by the next that
 * starts. A file is removed when the code of its run is gone, however that ended.
 */
import { randomUUID } from 'node:crypto';
import { chmodSync, mkdirSync, readdirSync, rmSync, statfsSync, statSync } from 'node:fs';
import { chmod, chown, mkdir, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Logger } from '../../../application/ports/runtime.ts';
import { TroupeError } from '../../../domain/errors.ts';

/** What a run may do with the scratch folder. */
export interface ScratchSpace {
  /** Resolves with a path at which nothing lies yet. Rejects if there will never be room for it. `cell` has the run. */
  reserve(runId: string, name: string, bytes: number, cell?: ScratchCell): Promise<string>;
  /** Removes the files of the run, or gives its place in the queue up. */
  release(runId: string): void;
}

/** What lies in the scratch folder of one process of a cell. */
export interface ScratchCell {
  /** Made with the first file in it. */
  readonly folder: string;
  /** Each file that its runs may have there, by the name of the folder that it has to itself. */
  granted(): readonly { readonly runId: string; readonly name: string; readonly bytes: number }[];
  /** Removes all of it. No run may be left. */
  close(): Promise<unknown>;
}

export interface ScratchOptions {
  /** Undefined: no run gets a file. */
  readonly folder: string | undefined;
  readonly maxBytes: number;
  /** Space of the disk that is left free. */
  readonly reserveBytes: number;
  /** The user of the cells, if it is not that of this process. */
  readonly uid?: number;
  readonly log: Logger;
}

const passableMode = 0o711;

interface Place {
  readonly runId: string;
  readonly name: string;
  readonly bytes: number;
  readonly folder: string;
  readonly granted: PromiseWithResolvers<string>;
  isGranted: boolean;
}

export class ScratchFolder implements ScratchSpace {
  readonly #options: ScratchOptions;
  readonly #own: string | undefined;
  readonly #places = new Set<Place>();
  #usedBytes = 0;

  constructor(options: ScratchOptions) {
    this.#options = options;
    const { folder, log, uid } = options;
    if (folder === undefined) return;
    this.#own = join(folder, `${process.pid}-${randomUUID().slice(0, 8)}`);
    try {
      for (const left of leftBehind(folder)) {
        log.info({ folder: left }, 'removing scratch files of a process that is gone');
        rmSync(left, { recursive: true, force: true });
      }
      // Who may pass sees no names; those of the folders below cannot be guessed.
      if (uid !== undefined) chmodSync(folder, passableMode);
    } catch (error) {
      // Most handlers want no files.
      log.warn({ err: error, folder }, 'the scratch folder cannot be used: no handler gets its input as a file');
    }
  }

  /** Undefined if this node has no scratch folder. */
  openCell(): ScratchCell | undefined {
    if (this.#own === undefined) return undefined;
    const folder = join(this.#own, randomUUID());
    return {
      folder,
      granted: () =>
        [...this.#places].flatMap((place) =>
          place.isGranted && dirname(place.folder) === folder ? [{ ...place, name: basename(place.folder) }] : [],
        ),
      close: () => this.#clear(folder),
    };
  }

  async reserve(runId: string, name: string, bytes: number, cell?: ScratchCell): Promise<string> {
    const { maxBytes } = this.#options;
    if (this.#own === undefined)
      throw new TroupeError('INTERNAL_ERROR', { message: 'this node has no scratch folder' });
    if (bytes > maxBytes) throw tooLargeForScratch(name, bytes, maxBytes);
    const others = [...this.#places].filter((place) => place.runId === runId);
    if (others.some((place) => place.name === name)) throw new Error(`a run has one file of its ${name}`);
    const granted = Promise.withResolvers<string>();
    const place: Place = {
      runId,
      name,
      bytes,
      folder: join(cell?.folder ?? this.#own, randomUUID()),
      granted,
      isGranted: false,
    };
    this.#places.add(place);
    this.#grant();
    // Whom the disk has no room for was told so.
    if (others.length > 0 && !place.isGranted && this.#places.has(place)) {
      this.#places.delete(place);
      throw noRoomBeside(name, bytes);
    }
    return granted.promise;
  }

  release(runId: string): void {
    for (const place of this.#places) {
      if (place.runId !== runId) continue;
      this.#places.delete(place);
      if (place.isGranted) void this.#remove(place);
      else place.granted.reject(new TroupeError('CALL_CANCELLED'));
    }
  }

  /** Removes all of it at once, because the process is about to end. */
  close(): void {
    try {
      if (this.#own !== undefined) rmSync(this.#own, { recursive: true, force: true });
    } catch (error) {
      this.#options.log.warn(
        { err: error, folder: this.#own },
        'scratch files cannot be removed; the next start tries it again',
      );
    }
  }

  async #remove({ folder, bytes }: Place): Promise<void> {
    if (!(await this.#clear(folder))) return;
    this.#usedBytes -= bytes;
    this.#grant();
  }

  async #clear(folder: string): Promise<boolean> {
    try {
      await rm(folder, { recursive: true, force: true });
      return true;
    } catch (error) {
      this.#options.log.warn({ err: error, folder }, 'a scratch file cannot be removed; the next start tries it again');
      return false;
    }
  }

  /**
   * Undefined if the disk has room. The embedded store may lie on the same one, and a full one would keep jobs from ending.
   * So what was granted and is not written yet counts as taken.
   */
  #diskLacks({ name, bytes }: Place): TroupeError | undefined {
    const { folder = '', reserveBytes } = this.#options;
    // A folder that is not there is named when it is to be used.
    const freeBytes = (freeBytesOf(folder) ?? Infinity) - this.#unwrittenBytes();
    if (freeBytes - bytes >= reserveBytes) return undefined;
    const message = `the ${name} has ${bytes} bytes, and the disk of workers.scratchDir has ${freeBytes} free, of which ${reserveBytes} stay so (objects.files.reserveBytes)`;
    return new TroupeError('OVERLOADED', { message });
  }

  #unwrittenBytes(): number {
    let unwritten = 0;
    for (const { isGranted, bytes, folder, name } of this.#places) {
      if (isGranted) unwritten += Math.max(0, bytes - sizeOf(join(folder, name)));
    }
    return unwritten;
  }

  /** In the order in which they came, so that a large one is not passed for ever. */
  #grant(): void {
    for (const place of this.#places) {
      if (place.isGranted) continue;
      if (this.#usedBytes + place.bytes > this.#options.maxBytes) return;
      const lack = this.#diskLacks(place);
      if (lack !== undefined) {
        this.#places.delete(place);
        place.granted.reject(lack);
        continue;
      }
      this.#usedBytes += place.bytes;
      place.isGranted = true;
      this.#make(place.folder).then(
        () => place.granted.resolve(join(place.folder, place.name)),
        (error: unknown) => place.granted.reject(scratchAway(error)),
      );
    }
  }

  async #make(folder: string): Promise<void> {
    const { uid } = this.#options;
    await mkdir(folder, { recursive: true, mode: 0o700 });
    if (uid === undefined || this.#own === undefined) return;
    await chmod(this.#own, passableMode);
    await chmod(dirname(folder), passableMode);
    await chown(folder, uid, uid);
  }
}

function freeBytesOf(folder: string): number | undefined {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize;
  } catch {
    return undefined;
  }
}

/** 0 if there is no file yet. */
function sizeOf(path: string): number {
  try {
    return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  } catch {
    // The handler may have done anything with it.
    return 0;
  }
}

/** Folders of processes that are not alive. Another process may have the same id by now: then they stay until it ends. */
function leftBehind(folder: string): readonly string[] {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return readdirSync(folder).flatMap((name) => {
    const [, pid] = /^(\d+)-[0-9a-f]{8}$/.exec(name) ?? [];
    return pid === undefined || isAlive(Number(pid)) ? [] : [join(folder, name)];
  });
}

function isAlive(pid: number): boolean {
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

function tooLargeForScratch(name: string, bytes: number, maxBytes: number): TroupeError {
  const message = `the ${name} has ${bytes} bytes, and the files of this node may have ${maxBytes} together (workers.scratchMaxBytes)`;
  return new TroupeError('OVERLOADED', { message });
}

function noRoomBeside(name: string, bytes: number): TroupeError {
  const message = `the ${name} has ${bytes} bytes, for which there is no room beside the other file of the attempt (workers.scratchMaxBytes)`;
  return new TroupeError('OVERLOADED', { message });
}

function scratchAway(cause: unknown): TroupeError {
  return new TroupeError('STORE_UNAVAILABLE', { message: 'the scratch folder of this node cannot be used', cause });
}
