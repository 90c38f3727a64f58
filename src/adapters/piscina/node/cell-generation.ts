/**
 * The cells that run one version of the handlers. A new version is a new generation; the old one drains. A cell that is no
 * longer fit is replaced within its generation: it goes on until its successor is up, then it drains.
 */
import type { Logger } from '../../../application/ports/runtime.ts';
import type { HandlerManifest } from '../../../domain/handler-manifest.ts';
import type { UnfitReason } from './cell-fitness.ts';
import type { CellSetup, LoadedHandler } from '../protocol/cell-frames.ts';
import { CellKeeper, type CellKeeperOptions, type CellLoad } from './cell-keeper.ts';
import type { HandlerFiles } from './handler-files.ts';
import type { PoolRun } from './pool-run.ts';

export interface GenerationOptions {
  readonly files: HandlerFiles;
  readonly threads: number;
  readonly cells: number;
  readonly setup: Omit<CellSetup, 'threads' | 'files' | 'sources'>;
  readonly keeper: Omit<CellKeeperOptions, 'setup' | 'onUnfit'>;
  readonly log: Logger;
  readonly onRecycled: (why: UnfitReason) => void;
}

export class CellGeneration {
  readonly files: HandlerFiles;
  readonly #options: GenerationOptions;
  /** Those that are given runs. */
  #keepers: CellKeeper[];
  /** Cells for one run at a time, and cells that drain. */
  #others: CellKeeper[] = [];
  readonly #replacing = new Set<CellKeeper>();
  #handlers: readonly LoadedHandler[] = [];
  #names: ReadonlySet<string> = new Set();
  #closing = false;

  constructor(options: GenerationOptions) {
    this.#options = options;
    this.files = options.files;
    const cells = Math.min(options.cells, options.threads);
    this.#keepers = Array.from({ length: cells }, (_, index) => {
      const share = Math.floor(options.threads / cells) + (index < options.threads % cells ? 1 : 0);
      return this.#keeper(share, (keeper, why) => void this.#replace(keeper, why));
    });
  }

  /** Rejects when a cell cannot be started at all. */
  async load(): Promise<CellLoad> {
    const [first] = await Promise.all(this.#keepers.map((keeper) => keeper.loaded));
    const load = first ?? { handlers: [], problems: [] };
    this.#handlers = load.handlers;
    this.#names = new Set(load.handlers.map(({ manifest }) => manifest.name));
    return load;
  }

  get handlers(): readonly LoadedHandler[] {
    return this.#handlers;
  }
  get manifests(): readonly HandlerManifest[] {
    return this.#handlers.map(({ manifest }) => manifest);
  }
  /** All that have a process, or will have one. */
  get keepers(): readonly CellKeeper[] {
    return [...this.#keepers, ...this.#others].filter(({ closed }) => !closed);
  }
  knows(handler: string): boolean {
    return this.#names.has(handler);
  }

  /** The cell with the fewest runs, one that is up if there is any. */
  choose(): CellKeeper | undefined {
    let best: CellKeeper | undefined;
    for (const keeper of this.#keepers) {
      if (keeper.closed) continue;
      const better =
        best === undefined ||
        (keeper.state === 'up') > (best.state === 'up') ||
        ((keeper.state === 'up') === (best.state === 'up') && keeper.size < best.size);
      if (better) best = keeper;
    }
    return best;
  }

  /** Threads that can take runs: those of cells that are up, without the leaked ones. */
  threadsUp(): number {
    let threads = 0;
    for (const keeper of this.#keepers) {
      if (keeper.state === 'up') threads += Math.max(0, keeper.threads - (keeper.vitals?.leaked ?? 0));
    }
    return threads;
  }

  /** A cell of its own for one run at a time. */
  quarantine(): CellKeeper {
    const keeper = this.#keeper(1, () => undefined);
    this.#others = [...this.#others.filter(({ closed }) => !closed), keeper];
    return keeper;
  }

  get closed(): boolean {
    return this.keepers.length === 0;
  }

  drain(): readonly PoolRun[] {
    this.#closing = true;
    return this.#keepers.flatMap((keeper) => keeper.drain());
  }

  async close(why: string): Promise<void> {
    this.#closing = true;
    await Promise.all(this.keepers.map((keeper) => keeper.close(why)));
  }

  async #replace(old: CellKeeper, why: UnfitReason): Promise<void> {
    if (this.#closing || this.#replacing.has(old)) return;
    this.#replacing.add(old);
    const { log, onRecycled } = this.#options;
    log.warn({ pid: old.pid, why, rssBytes: old.vitals?.rssBytes, leaked: old.vitals?.leaked }, 'cell is replaced');
    const next = this.#keeper(old.threads, (keeper, reason) => void this.#replace(keeper, reason));
    this.#others = [...this.#others.filter(({ closed }) => !closed), next];
    try {
      await next.loaded;
    } catch (error) {
      // The old one goes on, and says again that it is unfit.
      log.error({ err: error }, 'cell not replaced');
      this.#replacing.delete(old);
      return;
    }
    if (this.#isClosing()) {
      await next.close('drained');
      return;
    }
    this.#keepers = this.#keepers.map((keeper) => (keeper === old ? next : keeper));
    this.#others = this.#others.map((keeper) => (keeper === next ? old : keeper));
    this.#replacing.delete(old);
    onRecycled(why);
    for (const run of old.drain()) next.run(run);
  }

  /** It may have become so while a cell was started. */
  #isClosing(): boolean {
    return this.#closing;
  }

  #keeper(threads: number, onUnfit: CellKeeperOptions['onUnfit']): CellKeeper {
    const { files, keeper, setup } = this.#options;
    const { handlers, sources } = files;
    return new CellKeeper({ ...keeper, onUnfit, setup: { ...setup, threads, files: handlers, sources } });
  }
}
