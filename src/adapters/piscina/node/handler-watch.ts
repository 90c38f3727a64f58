/**
 * Watches the handler folders. There is one watcher per folder, because a recursive one would descend into
 * node_modules. It calls back once a burst of changes has settled, or after `patienceMs` if the burst does not settle,
 * because something may write to the folders all the time.
 */
import { watch, type FSWatcher } from 'node:fs';
import { basename } from 'node:path';
import type { Clock } from '../../../application/ports/runtime.ts';
import { isGone } from './handler-files.ts';

const settleMs = 150;
const patienceMs = 1_000;
const foldersMax = 1_000;

export interface HandlerWatchOptions {
  readonly clock: Clock;
  /** `quiet`: nothing has changed for a moment. */
  readonly onChange: (quiet: boolean) => void;
  /**
   * Called once, for the first folder that is not watched: the system allows no more watchers, or there are too many
   * folders.
   */
  readonly onUnwatched: (folder: string, error: unknown) => void;
}

export class HandlerWatch {
  readonly #clock: Clock;
  readonly #onChange: (quiet: boolean) => void;
  readonly #watchers = new Map<string, FSWatcher>();
  readonly #onUnwatched: HandlerWatchOptions['onUnwatched'];
  #isTold = false;
  #cancelSettled: () => void = () => undefined;
  /** Undefined while no burst is under way. */
  #cancelPatience: (() => void) | undefined;
  #cancelLook: () => void = () => undefined;
  #touches = 0;
  #closed = false;

  constructor(options: HandlerWatchOptions) {
    this.#clock = options.clock;
    this.#onChange = options.onChange;
    this.#onUnwatched = options.onUnwatched;
  }

  /** How often something has changed so far, or was to be looked at again. */
  get touches(): number {
    return this.#touches;
  }

  /**
   * Watches these folders from now on, and no others. Returns whether there are new ones among them, in which something
   * may have changed already.
   */
  follow(folders: readonly string[]): boolean {
    if (this.#closed) return false;
    let hasNew = false;
    const [tooMany] = folders.slice(foldersMax);
    if (tooMany !== undefined)
      this.#unwatched(tooMany, new Error(`there are more than ${foldersMax} folders to watch`));
    const wanted = new Set(folders.slice(0, foldersMax));
    for (const [folder, watcher] of this.#watchers) {
      if (wanted.has(folder)) continue;
      watcher.close();
      this.#watchers.delete(folder);
    }
    for (const folder of wanted) {
      if (this.#watchers.has(folder)) continue;
      this.#watch(folder);
      hasNew ||= this.#watchers.has(folder);
    }
    return hasNew;
  }

  /** Calls back after this time, even if nothing changes. Replaces the previous such request. */
  lookAgain(inMs: number | undefined): void {
    this.#cancelLook();
    if (inMs !== undefined && !this.#closed) this.#cancelLook = this.#clock.setTimer(inMs, () => this.#touched());
  }

  close(): void {
    this.#closed = true;
    this.#cancelSettled();
    this.#cancelPatience?.();
    this.#cancelLook();
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  #watch(folder: string): void {
    try {
      const watcher = watch(folder, (_event, name) => {
        // The folder itself was removed or moved. What has its name now is another folder, which nobody would watch.
        const isItself = name === basename(folder);
        if (isItself) this.#forget(folder, watcher);
        if (isItself || name === null || (!name.startsWith('.') && name !== 'node_modules')) this.#touched();
      });
      // The folder is gone. The watcher of its parent reports that as well.
      watcher.on('error', () => this.#forget(folder, watcher));
      this.#watchers.set(folder, watcher);
    } catch (error) {
      // If the folder has gone meanwhile, the watcher of its parent reports that. Otherwise the system allows us no
      // more watchers.
      if (!isGone(error)) this.#unwatched(folder, error);
    }
  }

  #unwatched(folder: string, why: unknown): void {
    if (!this.#isTold) this.#onUnwatched(folder, why);
    this.#isTold = true;
  }

  #forget(folder: string, watcher: FSWatcher): void {
    watcher.close();
    if (this.#watchers.get(folder) === watcher) this.#watchers.delete(folder);
  }

  #touched(): void {
    if (this.#closed) return;
    this.#touches += 1;
    this.#cancelSettled();
    this.#cancelSettled = this.#clock.setTimer(settleMs, () => {
      this.#cancelPatience?.();
      this.#cancelPatience = undefined;
      this.#onChange(true);
    });
    this.#cancelPatience ??= this.#clock.setTimer(patienceMs, () => {
      this.#cancelPatience = undefined;
      this.#onChange(false);
    });
  }
}
