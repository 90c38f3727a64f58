/**
 * The generations of handler code in a pool: the present one, and those that drain or are tried. Reads the folders, and
 * again when they change; if a file that worked is broken then, the whole reload is refused and the old code stays.
 */
import type { Clock, Logger } from '../../application/ports/runtime.ts';
import type { CellGeneration } from './cell-generation.ts';
import type { CellKeeper } from './cell-keeper.ts';
import type { HandlerProblem } from './cell-frames.ts';
import { readHandlerFiles, type HandlerFiles } from './handler-files.ts';
import { HandlerWatch } from './handler-watch.ts';
import type { PoolRun } from './pool-run.ts';

export interface HandlerGenerationsOptions {
  readonly handlerDirs: readonly string[];
  readonly watch: boolean;
  readonly clock: Clock;
  readonly log: Logger;
  readonly open: (files: HandlerFiles) => CellGeneration;
  /** `unsent`: runs the old generation had not begun with. */
  readonly onSwitch: (next: CellGeneration, unsent: readonly PoolRun[]) => void;
}

export class HandlerGenerations {
  readonly #options: HandlerGenerationsOptions;
  readonly #watch: HandlerWatch;
  /** Those that drain, and one that is being tried. */
  readonly #others = new Set<CellGeneration>();
  #current: CellGeneration | undefined;
  #closed = false;
  #reloading = false;
  #reloadAgain = false;

  constructor(options: HandlerGenerationsOptions) {
    this.#options = options;
    this.#watch = new HandlerWatch({ clock: options.clock, onChange: () => void this.#reload() });
  }

  get current(): CellGeneration | undefined {
    return this.#current;
  }
  get keepers(): readonly CellKeeper[] {
    return this.#all().flatMap(({ keepers }) => keepers);
  }

  async start(): Promise<CellGeneration> {
    const files = await readHandlerFiles(this.#options.handlerDirs);
    const generation = this.#options.open(files);
    this.#current = generation;
    try {
      const { problems } = await generation.load();
      this.#report(problems);
    } catch (error) {
      await generation.close('stopping');
      throw error;
    }
    if (this.#options.watch) this.#watch.follow(files.folders);
    return generation;
  }

  /** No more reloads. */
  settle(): void {
    this.#closed = true;
    this.#watch.close();
  }

  async close(why: string): Promise<void> {
    await Promise.all(this.#all().map((generation) => generation.close(why)));
  }

  #all(): readonly CellGeneration[] {
    return this.#current === undefined ? [...this.#others] : [this.#current, ...this.#others];
  }

  #report(problems: readonly HandlerProblem[]): void {
    for (const { url, reason } of problems) this.#options.log.error({ file: url, reason }, 'handler file not loaded');
  }

  /** One at a time; what changes meanwhile is looked at afterwards. */
  async #reload(): Promise<void> {
    this.#reloadAgain = true;
    if (this.#reloading) return;
    this.#reloading = true;
    while (this.#reloadAgain && !this.#closed) {
      this.#reloadAgain = false;
      await this.#reloadOnce().catch((error: unknown) => {
        this.#options.log.error({ err: error }, 'handlers not reloaded');
      });
    }
    this.#reloading = false;
  }

  async #reloadOnce(): Promise<void> {
    const files = await readHandlerFiles(this.#options.handlerDirs);
    this.#watch.follow(files.folders);
    const old = this.#current;
    if (old === undefined || files.digest === old.files.digest) return;
    for (const other of this.#others) if (other.closed) this.#others.delete(other);
    const next = this.#options.open(files);
    this.#others.add(next);
    const { problems } = await next.load();
    this.#report(problems);
    const broken = problems.filter(({ url }) => old.handlers.some((handler) => handler.url === url));
    if (broken.length > 0 || this.#isClosed()) {
      await next.close('drained');
      const broke = broken.map(({ url }) => url);
      const message = 'handlers not reloaded: a file that worked is broken; the old code stays';
      this.#options.log.error({ files: broke }, message);
      return;
    }
    this.#current = next;
    this.#others.delete(next);
    this.#others.add(old);
    this.#options.onSwitch(next, old.drain());
    this.#options.log.info(
      { handlers: next.manifests.map((one) => `${one.name}@${one.version}`) },
      'handlers reloaded',
    );
  }

  /** It may have become so while a generation was loaded. */
  #isClosed(): boolean {
    return this.#closed;
  }
}
