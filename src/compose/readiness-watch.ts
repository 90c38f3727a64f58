/**
 * Checks every `lookMs` whether the process is ready. A change is logged (`node.not-ready`, `node.ready`) and reported
 * to the listeners. A gauge shows the present state.
 */
import type { Clock, Logger, Telemetry } from '../application/ports/runtime.ts';
import { gauges } from '../domain/measures.ts';
import type { Readiness } from '../gateway/http-edge.ts';

const lookMs = 2_000;
/** The reason that an orderly shutdown reports. It is not an alarm. */
export const endsInOrder = 'shutting down';

export interface ReadinessWatchOptions {
  readonly readiness: () => Promise<Readiness>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly telemetry: Telemetry;
}

export class ReadinessWatch {
  readonly #options: ReadinessWatchOptions;
  readonly #ready: { set(value: number): void };
  readonly #listeners = new Set<(readiness: Readiness) => void>();
  #told = '';
  #cancelTimer: () => void = () => undefined;
  #closed = false;

  constructor(options: ReadinessWatchOptions) {
    this.#options = options;
    this.#ready = options.telemetry.gauge({
      ...gauges.ready,
      help: '1 if the process can do its work or is shutting down in order, otherwise 0.',
    });
    void this.#look();
  }

  /** Called at each change of the reasons. */
  onChange(listener: (readiness: Readiness) => void): void {
    this.#listeners.add(listener);
  }

  close(): void {
    this.#closed = true;
    this.#cancelTimer();
  }

  async #look(): Promise<void> {
    const { readiness, clock } = this.#options;
    const found = await readiness();
    if (this.#closed) return;
    // An orderly shutdown takes as long as its attempts. It must not raise an alarm.
    const isEnding = found.reasons.every((reason) => reason === endsInOrder);
    this.#ready.set(found.ready || isEnding ? 1 : 0);
    // Compare only the part before the colon, because the cause behind it changes its wording while the problem is the
    // same.
    const told = found.reasons.map((reason) => reason.split(':')[0]).join('; ');
    if (told !== this.#told) this.#tell(found);
    this.#told = told;
    this.#cancelTimer = clock.setTimer(lookMs, () => void this.#look());
  }

  #tell(found: Readiness): void {
    const { log } = this.#options;
    if (found.ready) log.info({ event: 'node.ready' }, 'this process is ready');
    else log.warn({ event: 'node.not-ready', reasons: found.reasons }, 'this process is not ready');
    for (const listener of this.#listeners) listener(found);
  }
}
