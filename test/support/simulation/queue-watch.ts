/**
 * Looks at the queues as the store has them: a queue goes only when all of its jobs have ended, no job is ever accepted into
 * one that is not there, and one comes only when somebody asked for it.
 */
import type { CommitGroup } from '../../../src/application/ports/job-store.ts';
import { isTerminal, type JobRecord } from '../../../src/domain/job.ts';
import type { JobId } from '../../../src/domain/job-id.ts';
import type { Queue } from '../../../src/domain/queue.ts';
import type { RecordWatch } from './record-watch.ts';
import type { StoreExtras } from './store-extras.ts';
import type { World } from './world.ts';

export class QueueWatch {
  readonly #world: World;
  readonly #records: RecordWatch;
  readonly #present = new Set<number>();
  /** By name: how often somebody asked to have it made, less how often it was. */
  readonly #owed = new Map<string, number>();

  constructor(world: World, records: RecordWatch, extras: StoreExtras) {
    this.#world = world;
    this.#records = records;
    for (const { queueNo } of extras.queues.values()) this.#present.add(queueNo);
    extras.onQueue((what, queue) => {
      this.#world.note('store', `queue ${queue.name} no ${queue.queueNo} is ${what}`);
      if (what === 'made') this.#made(queue);
      else this.#removed(queue);
    });
  }

  /** Once from now on the queue may be made. */
  asked(name: string): void {
    this.#owed.set(name, (this.#owed.get(name) ?? 0) + 1);
  }

  committed(group: CommitGroup, before: ReadonlyMap<JobId, JobRecord>): void {
    for (const { id, spec } of group.records) {
      if (before.has(id) || this.#present.has(spec.queueNo)) continue;
      this.#world.violation(1, `${id} was accepted into ${spec.queue}, which is gone`);
    }
  }

  #made({ name, queueNo }: Queue): void {
    const owed = this.#owed.get(name) ?? 0;
    if (owed === 0) this.#world.violation(7, `queue ${name} is there again, and nobody has made it`);
    this.#owed.set(name, Math.max(0, owed - 1));
    this.#present.add(queueNo);
  }

  #removed({ name, queueNo }: Queue): void {
    this.#present.delete(queueNo);
    for (const { id, spec, state } of this.#records.all()) {
      if (spec.queueNo !== queueNo || isTerminal(state)) continue;
      this.#world.violation(1, `queue ${name} was removed while ${id} is ${state}`);
    }
  }
}
