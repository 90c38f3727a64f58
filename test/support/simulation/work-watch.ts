/**
 * Watches every WORK message that is sent. While a job waits, its owner must not send a second message while the first
 * lies in the stream and was not taken, whatever nodes come and go.
 */
import type { WorkMessage } from '../../../src/application/ports/bus.ts';
import type { JobId } from '../../../src/domain/job-id.ts';
import type { WorkStored } from './bus-server.ts';
import type { RecordWatch } from './record-watch.ts';
import type { World } from './world.ts';

interface Sent {
  readonly epoch: number;
  /**
   * Number of the record when the message was sent. A message may be in flight for seconds, and arrive when its job
   * already waits for a later one (seed 178). Nobody can call it back; but nobody may send it then.
   */
  readonly seq: number | undefined;
  readonly isUntaken: () => boolean;
}

export class WorkWatch {
  readonly #world: World;
  readonly #records: RecordWatch;
  readonly #stored = new Map<JobId, Sent[]>();

  constructor(world: World, records: RecordWatch) {
    this.#world = world;
    this.#records = records;
  }

  sends({ jobId, epoch }: WorkMessage): WorkStored {
    const seq = this.#records.newest(jobId)?.seq;
    return (isUntaken) => {
      const before = this.#stored.get(jobId) ?? [];
      if (before.some((one) => one.epoch === epoch && one.seq === seq && one.isUntaken())) {
        this.#world.violation(10, `${jobId} has two messages that nobody has taken`);
      }
      this.#stored.set(jobId, [...before, { epoch, seq, isUntaken }]);
    };
  }
}
