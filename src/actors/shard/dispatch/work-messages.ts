/** Makes the WORK message of a waiting job and hands it to the outbox. */
import type { WorkMessage } from '../../../application/ports/bus.ts';
import { needOf } from '../../../domain/handler-need.ts';
import { queuedAtMs } from '../../../domain/job.ts';
import { bucketOf } from '../../../domain/job-id.ts';
import type { ShardServices } from '../shard-services.ts';
import type { JobEntry } from '../table/job-table.ts';
import type { Outbox } from './outbox.ts';
import { given } from '../../../domain/given.ts';

export interface WorkMessagesParts {
  readonly epoch: number;
  readonly outbox: Pick<Outbox, 'addWork' | 'pump'>;
  readonly services: Pick<ShardServices, 'everyNodeHas'>;
}

export class WorkMessages {
  readonly #parts: WorkMessagesParts;

  constructor(parts: WorkMessagesParts) {
    this.#parts = parts;
  }

  /** Adds the message of a job that waits according to the store. It leaves with the next `send`. */
  add(entry: JobEntry): void {
    const { durable: record } = entry;
    if (record === undefined) return;
    const { epoch, outbox, services } = this.#parts;
    const { tenant, queue, priority: level } = record.spec;
    const need = needOf(record.spec);
    const route = services.everyNodeHas(need) ? 'shared' : 'handler';
    entry.dispatches += 1;
    entry.sentThrough = Infinity;
    entry.hasLeftShared = route === 'handler';
    const { id: jobId, attempt } = record;
    const again = entry.dispatches > 1 ? { again: entry.dispatches - 1 } : {};
    const address = { tenant, queue, ...given({ level }) };
    const message: WorkMessage = { ...address, ...again, jobId, attempt, epoch, need, route };
    outbox.addWork(message, queuedAtMs(record), bucketOf(jobId));
  }

  /** Publishes what was added, as far as the window of the outbox allows. */
  send(): void {
    this.#parts.outbox.pump();
  }
}

/** Whether a message is the latest that this owner has sent for the job. Only the latest one counts. */
export function isLatestMessage({ dispatches }: JobEntry, again: number): boolean {
  return again === dispatches - 1;
}
