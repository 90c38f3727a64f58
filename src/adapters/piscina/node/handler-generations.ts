/**
 * The generations of handler code in a pool: the present one, and those that drain or are being tried. Reads the
 * folders at the start, and again when they change. If a file that worked is then broken, the whole reload is refused
 * and the old code stays.
 */
import type { FileChange, FileProblem, HandlerNewsListener } from '../../../application/ports/handler-news.ts';
import type { Clock, Logger } from '../../../application/ports/runtime.ts';
import type { CellGeneration } from './cell-generation.ts';
import type { CellSupervisor } from './cell-supervisor.ts';
import type { HandlerProblem } from '../protocol/cell-frames.ts';
import { HandlerChanges, restMs } from './handler-changes.ts';
import { readHandlerFiles, type HandlerFiles } from './handler-files.ts';
import { HandlerWatch } from './handler-watch.ts';
import type { PoolRun } from './pool-run.ts';

const lookAgainMs = 1_000;
/** So often in a row a look is given up because something changed meanwhile. */
const givenUpMax = 5;

export interface HandlerGenerationsOptions {
  readonly handlerDirs: readonly string[];
  readonly watch: boolean;
  readonly clock: Clock;
  readonly log: Logger;
  readonly open: (files: HandlerFiles) => CellGeneration;
  readonly onNews: HandlerNewsListener;
  /** `unsent`: runs that the old generation had not begun. */
  readonly onSwitch: (next: CellGeneration, unsent: readonly PoolRun[]) => void;
}

export class HandlerGenerations {
  readonly #options: HandlerGenerationsOptions;
  readonly #watch: HandlerWatch;
  /** Generations that drain, and one that is being tried. */
  readonly #others = new Set<CellGeneration>();
  readonly #changes = new HandlerChanges();
  #current: CellGeneration | undefined;
  /** The files as they were at the last load, even if that load was refused. */
  #tried: HandlerFiles | undefined;
  /** Something did not load at that time. */
  #isBroken = false;
  #closed = false;
  #reloading = false;
  #reloadAgain = false;
  /** Why the folders cannot be read. Remembered so that it is reported once. */
  #failure: string | undefined;
  /** Whether writes had settled at the last reported change. */
  #quiet = true;
  /** Looks in a row that were given up. */
  #givenUp = 0;

  constructor(options: HandlerGenerationsOptions) {
    this.#options = options;
    const { clock, log } = options;
    this.#watch = new HandlerWatch({
      clock,
      onChange: (quiet) => void this.#reload(quiet),
      onUnwatched(folder, error) {
        log.warn({ folder, err: error }, 'handler folders are not watched: changes in them reload nothing');
      },
    });
  }

  get current(): CellGeneration | undefined {
    return this.#current;
  }
  get supervisors(): readonly CellSupervisor[] {
    return this.#all().flatMap(({ supervisors: supervisors }) => supervisors);
  }

  async start(): Promise<CellGeneration> {
    const files = await readHandlerFiles(this.#options.handlerDirs);
    const generation = this.#options.open(files);
    this.#current = generation;
    this.#tried = files;
    try {
      const { problems } = await generation.load();
      this.#report(files, problems);
    } catch (error) {
      await generation.close('stopping');
      throw error;
    }
    // The folders may have changed while the handlers were loaded.
    if (this.#options.watch && this.#watch.follow(files.folders)) this.#watch.lookAgain(1);
    if (this.#options.watch && files.hasMoreData)
      this.#options.log.warn({}, 'the handler folders hold more data files than are watched');
    return generation;
  }

  /** Stops reloading. */
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

  #report(files: HandlerFiles, problems: readonly HandlerProblem[]): readonly FileProblem[] {
    this.#isBroken = problems.length > 0;
    for (const { url, reason } of problems) this.#options.log.error({ file: url, reason }, 'handler file not loaded');
    return problems.map(({ url, reason }) => ({ file: files.nameOf(url), reason }));
  }

  /** One reload at a time. Changes that come meanwhile are looked at afterwards. */
  async #reload(quiet: boolean): Promise<void> {
    this.#quiet = quiet;
    this.#reloadAgain = true;
    if (this.#reloading) return;
    this.#reloading = true;
    while (this.#reloadAgain && !this.#closed) {
      this.#reloadAgain = false;
      await this.#look().catch((error: unknown) => {
        this.#cannot(error);
      });
    }
    this.#reloading = false;
  }

  /**
   * The folders cannot be read, for example because a build has removed one. Nothing reports when it is back, so we
   * look again.
   */
  #cannot(error: unknown): void {
    this.#watch.lookAgain(lookAgainMs);
    const reason = error instanceof Error ? error.message : String(error);
    if (reason === this.#failure) return;
    this.#failure = reason;
    this.#options.log.error({ err: error }, 'handlers not reloaded');
    this.#options.onNews({ kind: 'not-reloaded', changes: [], problems: [{ file: '', reason }] });
  }

  async #look(): Promise<void> {
    const { handlerDirs, clock, log, onNews } = this.#options;
    const touchesBefore = this.#watch.touches;
    const files = await readHandlerFiles(handlerDirs);
    if (await this.#isOutdated(touchesBefore)) return;
    this.#failure = undefined;
    const hasNew = this.#watch.follow(files.folders);
    if (this.#tried === undefined) return;
    const seen = { quiet: this.#quiet, isBroken: this.#isBroken, nowMs: clock.monotonicMs() };
    const { changes, heldNow, againInMs } = this.#changes.admit(this.#tried, files, seen);
    this.#watch.lookAgain(hasNew ? 1 : againInMs);
    if (heldNow.length > 0) {
      log.warn({ files: heldNow, restMs }, 'files change again and again; they cause no reload until they rest');
      onNews({ kind: 'left-out', files: heldNow, restMs });
    }
    if (changes.length > 0) await this.#reloadWith(files, changes);
  }

  /**
   * Something changed while the folders were read, so that what was read may be half of a change, such as a folder that
   * is being removed. The watch calls again when that has settled. Not if it goes on for long: then half is better than
   * nothing.
   */
  async #isOutdated(touchesBefore: number): Promise<boolean> {
    // What the system has reported by now is heard in this turn of the loop.
    await new Promise(setImmediate);
    const outdated = this.#quiet && this.#watch.touches !== touchesBefore && this.#givenUp < givenUpMax;
    this.#givenUp = outdated ? this.#givenUp + 1 : 0;
    return outdated;
  }

  async #reloadWith(files: HandlerFiles, changes: readonly FileChange[]): Promise<void> {
    const old = this.#current;
    if (old === undefined) return;
    this.#tried = files;
    for (const other of this.#others) if (other.closed) this.#others.delete(other);
    const next = this.#options.open(files);
    this.#others.add(next);
    const found = (await next.load()).problems;
    const problems = this.#report(files, found);
    const broken = found.filter(({ url }) => old.handlers.some((handler) => handler.url === url));
    if (broken.length > 0 || this.#isClosed()) {
      await next.close('drained');
      const broke = broken.map(({ url }) => url);
      const message = 'handlers not reloaded: a file that worked is broken; the old code stays';
      this.#options.log.error({ files: broke }, message);
      this.#options.onNews({ kind: 'not-reloaded', changes, problems });
      return;
    }
    this.#current = next;
    this.#others.delete(next);
    this.#others.add(old);
    this.#options.onSwitch(next, old.drain());
    this.#options.log.info(
      { handlers: next.manifests.map((one) => `${one.name}@${one.version}`), changes },
      'handlers reloaded',
    );
    const handlers = next.manifests.map(({ name }) => name);
    this.#options.onNews({ kind: 'reloaded', handlers, changes, problems });
  }

  /** A method, because the value may have changed while a generation was loaded. */
  #isClosed(): boolean {
    return this.#closed;
  }
}
