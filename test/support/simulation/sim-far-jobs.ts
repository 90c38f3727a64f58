/**
 * Load: jobs that are due in a later minute. They keep their minute open while nothing happens in it, so it gets a list
 * of its unfinished jobs, by which the next owner goes.
 */
import { submitShortJob } from './short-job.ts';
import { SimCaller, type SimCallerParts } from './sim-caller.ts';
import type { Witness } from './witness.ts';

export interface SimFarJobsParts extends SimCallerParts {
  readonly witness: Witness;
  readonly handler: string;
}

const aheadLeastMs = 40_000;
const aheadMostMs = 110_000;

export class SimFarJobs {
  readonly #parts: SimFarJobsParts;
  readonly #caller: SimCaller;
  #count = 0;

  constructor(parts: SimFarJobsParts) {
    this.#parts = parts;
    this.#caller = new SimCaller('far jobs', parts);
  }

  begin(everyMs: number): void {
    this.#caller.begin(everyMs, () => {
      this.#submit();
    });
  }

  stop(): void {
    this.#caller.isOver = true;
  }

  #submit(): void {
    const node = this.#caller.anyNode();
    if (node === undefined) return;
    this.#count += 1;
    const aheadMs = aheadLeastMs + this.#caller.random() * (aheadMostMs - aheadLeastMs);
    const { witness, handler } = this.#parts;
    const runAtMs = Math.round(node.host.clock.nowMs() + aheadMs);
    const idempotencyKey = this.#caller.random() < 0.5 ? `far-${this.#count}` : '';
    submitShortJob(this.#caller, witness, { n: this.#count, handler, node, options: { runAtMs, idempotencyKey } });
  }
}
