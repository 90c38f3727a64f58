/**
 * Makes the WORK message of a waiting job and hands it to the outbox. Each message has a number of its own among those
 * of this owner, so JetStream takes none for another one, whatever the shard still remembers of the job.
 */
import type { WorkMessage } from '../../../application/ports/bus.ts';
import { needOf } from '../../../domain/handler-need.ts';
import { queuedAtMs } from '../../../domain/job.ts';
import { bucketOf } from '../../../domain/job-id.ts';
import type { ShardServices } from '../services/shard-services.ts';
import type { JobEntry } from '../table/queue-index.ts';
import type { WorkSender } from '../flow/work-sender.ts';
import type { Outbox } from './outbox.ts';
import { given } from '../../../domain/given.ts';

export interface WorkMessagesParts {
  readonly epoch: number;
  readonly outbox: Pick<Outbox, 'addWork' | 'pump'>;
  readonly services: Pick<ShardServices, 'everyNodeHas'>;
}

export class WorkMessages implements WorkSender {
  readonly #parts: WorkMessagesParts;
  #numbers = 0;

  constructor(parts: WorkMessagesParts) {
    this.#parts = parts;
  }

  /**
   * Adds the message of a job that waits, according to the store too. It leaves with the next `send`, and replaces the
   * one that was out.
   */
  add(entry: JobEntry): void {
    const { current: record } = entry;
    const { epoch, outbox, services } = this.#parts;
    const { tenant, queue, priority: level } = record.spec;
    const need = needOf(record.spec);
    const route = services.everyNodeHas(need, tenant) ? 'shared' : 'handler';
    this.#numbers += 1;
    entry.message = this.#numbers;
    entry.sentThrough = Infinity;
    entry.hasLeftShared = route === 'handler';
    const { id: jobId, attempt } = record;
    const address = { tenant, queue, ...given({ level }) };
    const message: WorkMessage = { ...address, jobId, attempt, epoch, again: this.#numbers, need, route };
    outbox.addWork(message, queuedAtMs(record), bucketOf(jobId));
  }

  /** Publishes what was added, as far as the window of the outbox allows. */
  send(): void {
    this.#parts.outbox.pump();
  }
}
