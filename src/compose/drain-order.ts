/** Whether this process is on its way out. There is one way out: who started the process stops it, for a signal or for an order. */
import type { Logger } from '../application/ports/runtime.ts';

export class DrainOrder {
  readonly #log: Logger;
  readonly #asked = new AbortController();
  #begun = false;

  constructor(log: Logger) {
    this.#log = log;
  }

  /** Aborted once an operator has asked this node to drain. */
  get asked(): AbortSignal {
    return this.#asked.signal;
  }

  get draining(): boolean {
    return this.#begun || this.#asked.signal.aborted;
  }

  ask(): void {
    if (this.draining) return;
    this.#log.info({ event: 'node.drain-asked' }, 'an operator asks this node to drain');
    this.#asked.abort();
  }

  begin(): void {
    this.#begun = true;
  }
}
