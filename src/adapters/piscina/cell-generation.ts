/** The cells that run one version of the handlers. A new version is a new generation; the old one drains. */
import type { HandlerManifest } from '../../domain/handler-manifest.ts';
import type { CellSetup, LoadedHandler } from './cell-frames.ts';
import { CellKeeper, type CellKeeperOptions, type CellLoad } from './cell-keeper.ts';
import type { HandlerFiles } from './handler-files.ts';
import type { PoolRun } from './pool-run.ts';

export interface GenerationOptions {
  readonly files: HandlerFiles;
  readonly threads: number;
  readonly cells: number;
  readonly memoryMb: number;
  readonly cancelGraceMs: number;
  readonly waitMaxMs: number;
  readonly gatherMs: number;
  readonly keeper: Omit<CellKeeperOptions, 'setup'>;
}

export class CellGeneration {
  readonly files: HandlerFiles;
  readonly keepers: readonly CellKeeper[];
  readonly #options: GenerationOptions;
  #quarantines: CellKeeper[] = [];
  #handlers: readonly LoadedHandler[] = [];
  #names: ReadonlySet<string> = new Set();

  constructor(options: GenerationOptions) {
    this.#options = options;
    this.files = options.files;
    const cells = Math.min(options.cells, options.threads);
    this.keepers = Array.from({ length: cells }, (_, index) => {
      const share = Math.floor(options.threads / cells) + (index < options.threads % cells ? 1 : 0);
      return this.#keeper(share);
    });
  }

  /** Rejects when a cell cannot be started at all. */
  async load(): Promise<CellLoad> {
    const [first] = await Promise.all(this.keepers.map((keeper) => keeper.loaded));
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
  knows(handler: string): boolean {
    return this.#names.has(handler);
  }

  /** The cell with the fewest runs, one that is up if there is any. */
  choose(): CellKeeper | undefined {
    let best: CellKeeper | undefined;
    for (const keeper of this.keepers) {
      if (keeper.closed) continue;
      const better =
        best === undefined ||
        (keeper.state === 'up') > (best.state === 'up') ||
        ((keeper.state === 'up') === (best.state === 'up') && keeper.size < best.size);
      if (better) best = keeper;
    }
    return best;
  }

  threadsUp(): number {
    let threads = 0;
    for (const keeper of this.keepers) if (keeper.state === 'up') threads += keeper.threads;
    return threads;
  }

  /** A cell of its own for one run at a time. */
  quarantine(): CellKeeper {
    const keeper = this.#keeper(1);
    this.#quarantines = [...this.#quarantines.filter(({ closed }) => !closed), keeper];
    return keeper;
  }

  get closed(): boolean {
    return [...this.keepers, ...this.#quarantines].every(({ closed }) => closed);
  }

  drain(): readonly PoolRun[] {
    return this.keepers.flatMap((keeper) => keeper.drain());
  }

  async close(why: string): Promise<void> {
    await Promise.all([...this.keepers, ...this.#quarantines].map((keeper) => keeper.close(why)));
  }

  #keeper(threads: number): CellKeeper {
    const { files, memoryMb, cancelGraceMs, waitMaxMs, gatherMs, keeper } = this.#options;
    const { handlers, sources } = files;
    const setup: CellSetup = { threads, memoryMb, cancelGraceMs, waitMaxMs, gatherMs, files: handlers, sources };
    return new CellKeeper({ ...keeper, setup });
  }
}
