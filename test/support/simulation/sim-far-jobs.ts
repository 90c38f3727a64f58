/**
 * Load: jobs that are due in a later minute. They keep their minute open while nothing happens in it, so it gets a list
 * of its unfinished jobs, by which the next owner goes.
 */
import { emptyJobRequest } from '../../../src/application/jobs/job-request.ts';
import { parseJobId } from '../../../src/domain/job-id.ts';
import type { JobScript } from './executions.ts';
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
    const plain = { failRate: 0, rejectRate: 0, killRate: 0, outputBytes: 0, once: false };
    const script: JobScript = { n: this.#count, longMs: 300, ...plain };
    const aheadMs = aheadLeastMs + this.#caller.random() * (aheadMostMs - aheadLeastMs);
    const request = {
      ...emptyJobRequest,
      handler: this.#parts.handler,
      input: { kind: 'json', json: JSON.stringify(script) } as const,
      executionTimeoutMs: 4_000,
      runAtMs: Math.round(node.host.clock.nowMs() + aheadMs),
      idempotencyKey: this.#caller.random() < 0.5 ? `far-${this.#count}` : '',
    };
    this.#caller
      .ask((useCases, context) => useCases.submit.one(context, request), node)
      .then(
        ({ jobId }) => {
          const id = parseJobId(jobId);
          if (id !== undefined) this.#parts.witness.accept(id);
        },
        (error: unknown) => {
          this.#caller.refused(error);
        },
      );
  }
}
