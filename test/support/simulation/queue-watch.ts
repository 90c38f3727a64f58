/**
 * Watches the queues in the store. A queue may be removed only when all of its jobs have ended, no job may be accepted
 * into a queue that does not exist, and a queue may be created only when somebody requested it.
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
  /** Maps a name to how often its creation was requested, minus how often it was created. */
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

  /** From now on the queue may be created once more. */
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
