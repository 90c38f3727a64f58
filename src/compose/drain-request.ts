/**
 * An operator's request to drain this node, and whether a drain has begun. The code that started the process stops it,
 * after a signal as after such a request. node-drain.ts has the steps.
 */
import type { Logger } from '../application/ports/runtime.ts';

export class DrainRequest {
  readonly #log: Logger;
  readonly #asked = new AbortController();
  #begun = false;

  constructor(log: Logger) {
    this.#log = log;
  }

  /** Aborted once an operator has ordered this node to drain. */
  get asked(): AbortSignal {
    return this.#asked.signal;
  }

  get draining(): boolean {
    return this.#begun || this.#asked.signal.aborted;
  }

  ask(): void {
    if (this.draining) return;
    this.#log.info({ event: 'node.drain-asked' }, 'an operator requested a drain of this node');
    this.#asked.abort();
  }

  begin(): void {
    this.#begun = true;
  }
}
