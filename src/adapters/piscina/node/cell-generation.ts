/**
 * The cells that run one version of the handlers. A new version is a new generation, and the old one drains. A cell
 * that is no longer fit is replaced within its generation: it works until its successor is up, and then drains.
 */
import type { Logger } from '../../../application/ports/runtime.ts';
import type { HandlerManifest } from '../../../domain/handler-manifest.ts';
import type { UnfitReason } from './cell-fitness.ts';
import type { CellSetup, LoadedHandler } from '../protocol/cell-frames.ts';
import { CellSupervisor, type CellSupervisorOptions, type CellLoad } from './cell-supervisor.ts';
import type { HandlerFiles } from './handler-files.ts';
import type { PoolRun } from './pool-run.ts';

export interface GenerationOptions {
  readonly files: HandlerFiles;
  readonly threads: number;
  readonly cells: number;
  readonly setup: Omit<CellSetup, 'threads' | 'files' | 'sources'>;
  readonly supervisor: Omit<CellSupervisorOptions, 'setup' | 'onUnfit'>;
  readonly log: Logger;
  readonly onRecycled: (why: UnfitReason) => void;
}

export class CellGeneration {
  readonly files: HandlerFiles;
  readonly #options: GenerationOptions;
  /** Cells that are given runs. */
  #supervisors: CellSupervisor[];
  /** Cells for one run at a time, successors that are starting, and cells that drain. */
  #others: CellSupervisor[] = [];
  readonly #replacing = new Set<CellSupervisor>();
  #handlers: readonly LoadedHandler[] = [];
  #names: ReadonlySet<string> = new Set();
  #closing = false;

  constructor(options: GenerationOptions) {
    this.#options = options;
    this.files = options.files;
    const cells = Math.min(options.cells, options.threads);
    this.#supervisors = Array.from({ length: cells }, (_, index) => {
      const share = Math.floor(options.threads / cells) + (index < options.threads % cells ? 1 : 0);
      return this.#supervisor(share, (supervisor, why) => void this.#replace(supervisor, why));
    });
  }

  /** Rejects when a cell cannot be started at all. */
  async load(): Promise<CellLoad> {
    const [first] = await Promise.all(this.#supervisors.map((supervisor) => supervisor.loaded));
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
  /** Supervisors of all cells that have a process or will have one. */
  get supervisors(): readonly CellSupervisor[] {
    return [...this.#supervisors, ...this.#others].filter(({ closed }) => !closed);
  }
  knows(handler: string): boolean {
    return this.#names.has(handler);
  }

  /** The cell with the fewest runs; one that is up, if there is any. */
  choose(): CellSupervisor | undefined {
    let best: CellSupervisor | undefined;
    for (const supervisor of this.#supervisors) {
      if (supervisor.closed) continue;
      const better =
        best === undefined ||
        (supervisor.state === 'up') > (best.state === 'up') ||
        ((supervisor.state === 'up') === (best.state === 'up') && supervisor.size < best.size);
      if (better) best = supervisor;
    }
    return best;
  }

  /** Threads that can take runs: those of cells that are up, without the leaked ones. */
  threadsUp(): number {
    let threads = 0;
    for (const supervisor of this.#supervisors) {
      if (supervisor.state === 'up') threads += Math.max(0, supervisor.threads - (supervisor.vitals?.leaked ?? 0));
    }
    return threads;
  }

  /** Opens a separate cell for one run at a time. */
  isolated(): CellSupervisor {
    const supervisor = this.#supervisor(1, () => undefined);
    this.#others = [...this.#others.filter(({ closed }) => !closed), supervisor];
    return supervisor;
  }

  get closed(): boolean {
    return this.supervisors.length === 0;
  }

  drain(): readonly PoolRun[] {
    this.#closing = true;
    return this.#supervisors.flatMap((supervisor) => supervisor.drain());
  }

  async close(why: string): Promise<void> {
    this.#closing = true;
    await Promise.all(this.supervisors.map((supervisor) => supervisor.close(why)));
  }

  async #replace(old: CellSupervisor, why: UnfitReason): Promise<void> {
    if (this.#closing || this.#replacing.has(old)) return;
    this.#replacing.add(old);
    const { log, onRecycled, supervisor } = this.#options;
    log.warn({ pid: old.pid, why, rssBytes: old.vitals?.rssBytes, leaked: old.vitals?.leaked }, 'cell is replaced');
    const next = this.#supervisor(old.threads, (supervisor, reason) => void this.#replace(supervisor, reason));
    this.#others = [...this.#others.filter(({ closed }) => !closed), next];
    try {
      await next.loaded;
    } catch (error) {
      // The old cell goes on, and reports again that it is unfit.
      log.error({ err: error }, 'cell not replaced');
      this.#replacing.delete(old);
      return;
    }
    if (this.#isClosing()) {
      await next.close('drained');
      return;
    }
    this.#supervisors = this.#supervisors.map((supervisor) => (supervisor === old ? next : supervisor));
    this.#others = this.#others.map((supervisor) => (supervisor === next ? old : supervisor));
    this.#replacing.delete(old);
    onRecycled(why);
    for (const run of old.drain()) next.run(run);
    // The successor said that it is up before it was one of the cells that count, and the old cell may have died meanwhile.
    supervisor.onRoom();
  }

  /** A method, because the value may have changed while a cell was started. */
  #isClosing(): boolean {
    return this.#closing;
  }

  #supervisor(threads: number, onUnfit: CellSupervisorOptions['onUnfit']): CellSupervisor {
    const { files, supervisor: supervisor, setup } = this.#options;
    const { handlers, sources } = files;
    return new CellSupervisor({ ...supervisor, onUnfit, setup: { ...setup, threads, files: handlers, sources } });
  }
}
