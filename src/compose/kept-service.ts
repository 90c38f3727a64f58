/**
 * Keeps a server on this machine running. When it ends, it is started again in the same place after a pause that
 * doubles each time. A server that does not stay up is given up, and then the process that needs it must end. Modes: up
 * → restarting → up …; `given up` and `stopped` are final. A restart that fails counts as an end.
 */
import type { Clock, Logger, Random } from '../application/ports/runtime.ts';
import { addRestart, type Backoff, backoffDelayMs, type Intensity, type RestartHistory } from '../supervisor/index.ts';

export interface ServiceProcess {
  /** Settles when the process is gone, for whatever reason. */
  readonly exited: Promise<void>;
  stop(): Promise<void>;
}

export interface KeptServiceOptions {
  /** Name for people, such as `nats-server`. */
  readonly name: string;
  /** The process that is running already. */
  readonly first: ServiceProcess;
  /** Starts it like the first: same ports, same store. When the signal aborts, it must reject soon. */
  readonly start: (stop: AbortSignal) => Promise<ServiceProcess>;
  readonly say: (line: string) => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** A server that needs more restarts within this window is given up. */
export const keepIntensity: Intensity = { maxRestarts: 5, windowMs: 300_000 };
/** Pause before a restart. */
export const keepBackoff: Backoff = { initialMs: 500, maxMs: 15_000, jitter: 0.2 };

export class KeptService {
  readonly #options: KeptServiceOptions;
  readonly #gaveUp = Promise.withResolvers<string>();
  #process: ServiceProcess;
  #history: RestartHistory = [];
  #stopping: Promise<void> | undefined;
  readonly #stopped = new AbortController();
  /** The reason for which this object is ending the process itself. */
  #endedFor: string | undefined;
  #endPause: () => void = () => undefined;
  #restarting: Promise<void> | undefined;

  constructor(options: KeptServiceOptions) {
    this.#options = options;
    this.#process = options.first;
    this.#watch(options.first);
  }

  /** Resolves with the reason once the server was restarted too often. */
  get failed(): Promise<string> {
    return this.#gaveUp.promise;
  }

  /** Ends a server that runs but does not work. It is then started again as if it had ended by itself. */
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
    // A start that was in progress when the stop came has ended now, so stop its process too.
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
        log.error({ event: 'service.given-up', service: name, reason: why }, 'a server keeps ending');
        this.#gaveUp.resolve(
          `${name} does not stay up (${keepIntensity.maxRestarts} restarts in ${minutes} min): ${why}`,
        );
        return;
      }
      this.#history = history;
      const pauseMs = Math.round(backoffDelayMs(keepBackoff, history.length, random));
      log.warn({ event: 'service.restart', service: name, pauseMs, reason: why }, 'a server is being restarted');
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
