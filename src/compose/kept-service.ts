/**
 * A server of this machine that is kept up: when it ends it is started again, in the same place, after a pause that
 * doubles; one that does not stay is given up, and then the process that needs it cannot go on. Modes: up → restarting →
 * up … ; `given up` and `stopped` are final. A restart that fails counts as an end.
 */
import type { Clock, Logger, Random } from '../application/ports/runtime.ts';
import { addRestart, type Backoff, backoffDelayMs, type Intensity, type RestartHistory } from '../supervisor/index.ts';

export interface ServiceProcess {
  /** Settles when it is gone, whatever the reason. */
  readonly exited: Promise<void>;
  stop(): Promise<void>;
}

export interface KeptServiceOptions {
  /** For people: `nats-server`. */
  readonly name: string;
  /** The one that runs. */
  readonly first: ServiceProcess;
  /** As the first: same ports, same store. Aborted when nobody wants it any more: then it rejects, soon. */
  readonly start: (stop: AbortSignal) => Promise<ServiceProcess>;
  readonly say: (line: string) => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export const keepIntensity: Intensity = { maxRestarts: 5, windowMs: 300_000 };
export const keepBackoff: Backoff = { initialMs: 500, maxMs: 15_000, jitter: 0.2 };

export class KeptService {
  readonly #options: KeptServiceOptions;
  readonly #gaveUp = Promise.withResolvers<string>();
  #process: ServiceProcess;
  #history: RestartHistory = [];
  #stopping: Promise<void> | undefined;
  readonly #stopped = new AbortController();
  /** Why we are about to end it ourselves. */
  #endedFor: string | undefined;
  #endPause: () => void = () => undefined;
  #restarting: Promise<void> | undefined;

  constructor(options: KeptServiceOptions) {
    this.#options = options;
    this.#process = options.first;
    this.#watch(options.first);
  }

  /** Settles, with the reason, when it was started again too often. */
  get failed(): Promise<string> {
    return this.#gaveUp.promise;
  }

  /** It runs but does not do what it is for: ended, and started again like one that ended by itself. */
  async restart(why: string): Promise<void> {
    if (this.#isStopping() || this.#restarting !== undefined || this.#endedFor !== undefined) return;
    this.#endedFor = why;
    await this.#process.stop();
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    this.#endPause();
    this.#stopped.abort();
    await this.#process.stop();
    // A start that is under way when the stop comes ends here too.
    await this.#restarting;
    await this.#process.stop();
  }

  #isStopping(): boolean {
    return this.#stopping !== undefined;
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#options.clock.setTimer(ms, resolve);
      this.#endPause = () => {
        cancel();
        resolve();
      };
    });
  }

  #watch(process: ServiceProcess): void {
    void process.exited.then(() => {
      if (this.#isStopping()) return;
      this.#restarting = this.#restart().finally(() => {
        this.#restarting = undefined;
      });
    });
  }

  async #restart(): Promise<void> {
    const { name, clock, random, say, log } = this.#options;
    let why = this.#endedFor ?? 'it ended';
    this.#endedFor = undefined;
    for (;;) {
      const history = addRestart(this.#history, keepIntensity, clock.monotonicMs());
      if (history === undefined) {
        const minutes = keepIntensity.windowMs / 60_000;
        log.error({ event: 'service.given-up', service: name, reason: why }, 'a server does not stay up');
        this.#gaveUp.resolve(
          `${name} does not stay up (${keepIntensity.maxRestarts} restarts in ${minutes} min): ${why}`,
        );
        return;
      }
      this.#history = history;
      const pauseMs = Math.round(backoffDelayMs(keepBackoff, history.length, random));
      log.warn({ event: 'service.restart', service: name, pauseMs, reason: why }, 'a server is started again');
      say(`${name} is down (${why}); it is started again (${history.length} of ${keepIntensity.maxRestarts})`);
      await this.#pause(pauseMs);
      if (this.#isStopping()) return;
      try {
        this.#process = await this.#options.start(this.#stopped.signal);
        say(`${name} is back`);
        this.#watch(this.#process);
        return;
      } catch (error) {
        if (this.#isStopping()) return;
        why = error instanceof Error ? error.message : String(error);
      }
    }
  }
}
