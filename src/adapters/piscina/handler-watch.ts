/**
 * Watches the handler folders, one watcher per folder (a recursive one would descend into node_modules), and calls back
 * once a burst of changes has settled.
 */
import { watch, type FSWatcher } from 'node:fs';
import type { Clock } from '../../application/ports/runtime.ts';

const settleMs = 150;
const foldersMax = 1_000;

export class HandlerWatch {
  readonly #clock: Clock;
  readonly #onChange: () => void;
  readonly #watchers = new Map<string, FSWatcher>();
  #cancelTimer: () => void = () => undefined;
  #closed = false;

  constructor(options: { readonly clock: Clock; readonly onChange: () => void }) {
    this.#clock = options.clock;
    this.#onChange = options.onChange;
  }

  /** From now on these folders. */
  follow(folders: readonly string[]): void {
    if (this.#closed) return;
    const wanted = new Set(folders.slice(0, foldersMax));
    for (const [folder, watcher] of this.#watchers) {
      if (wanted.has(folder)) continue;
      watcher.close();
      this.#watchers.delete(folder);
    }
    for (const folder of wanted) {
      if (!this.#watchers.has(folder)) this.#watch(folder);
    }
  }

  close(): void {
    this.#closed = true;
    this.#cancelTimer();
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  #watch(folder: string): void {
    try {
      const watcher = watch(folder, () => this.#touched());
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
    this.#cancelTimer();
    this.#cancelTimer = this.#clock.setTimer(settleMs, this.#onChange);
  }
}
