/**
 * Watches the handler folders, one watcher per folder (a recursive one would descend into node_modules), and calls back
 * once a burst of changes has settled, and within `patienceMs` when it does not: something in there may write all the time.
 */
import { watch, type FSWatcher } from 'node:fs';
import type { Clock } from '../../application/ports/runtime.ts';

const settleMs = 150;
const patienceMs = 1_000;
const foldersMax = 1_000;

export class HandlerWatch {
  readonly #clock: Clock;
  readonly #onChange: (quiet: boolean) => void;
  readonly #watchers = new Map<string, FSWatcher>();
  #cancelSettled: () => void = () => undefined;
  /** Undefined: no burst is under way. */
  #cancelPatience: (() => void) | undefined;
  #cancelLook: () => void = () => undefined;
  #closed = false;

  /** `quiet`: nothing has changed for a moment. */
  constructor(options: { readonly clock: Clock; readonly onChange: (quiet: boolean) => void }) {
    this.#clock = options.clock;
    this.#onChange = options.onChange;
  }

  /** From now on these folders. Answers whether there are new ones among them, in which something may have changed already. */
  follow(folders: readonly string[]): boolean {
    if (this.#closed) return false;
    let hasNew = false;
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

  /** Calls back after this time, whatever happens; once, the last that was said. */
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
        if (name === null || (!name.startsWith('.') && name !== 'node_modules')) this.#touched();
      });
      // The folder is gone; its parent has told so as well.
      watcher.on('error', () => this.#forget(folder, watcher));
      this.#watchers.set(folder, watcher);
    } catch {
      // Gone between reading and watching: the change that removed it is seen by its parent.
    }
  }

  #forget(folder: string, watcher: FSWatcher): void {
    watcher.close();
    if (this.#watchers.get(folder) === watcher) this.#watchers.delete(folder);
  }

  #touched(): void {
    if (this.#closed) return;
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
