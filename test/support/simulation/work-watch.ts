/**
 * Watches every WORK message that the stream accepts. While a job waits, its owner must not put a second message into
 * the stream before the first was taken, whatever nodes come and go.
 */
import type { WorkMessage } from '../../../src/application/ports/bus.ts';
import type { JobId } from '../../../src/domain/job-id.ts';
import type { RecordWatch } from './record-watch.ts';
import type { World } from './world.ts';

interface Sent {
  readonly epoch: number;
  /** Number of the record for which the message was sent. */
  readonly seq: number | undefined;
  readonly isUntaken: () => boolean;
}

/**
 * A message may be in flight for seconds around a power cut, and arrive when its job already waits for a later one
 * (seed 178).
 */
const inDoubtMs = 20_000;

export class WorkWatch {
  readonly #world: World;
  readonly #records: RecordWatch;
  readonly #sent = new Map<JobId, Sent[]>();
  #powerLostMs = -Infinity;

  constructor(world: World, records: RecordWatch) {
    this.#world = world;
    this.#records = records;
  }

  powerLost(): void {
    this.#powerLostMs = this.#world.nowMs;
  }

  stored({ jobId, epoch }: WorkMessage, isUntaken: () => boolean): void {
    const seq = this.#records.newest(jobId)?.seq;
    const before = this.#sent.get(jobId) ?? [];
    const isInDoubt = this.#world.nowMs - this.#powerLostMs < inDoubtMs;
    if (!isInDoubt && before.some((one) => one.epoch === epoch && one.seq === seq && one.isUntaken())) {
      this.#world.violation(10, `${jobId} has two messages that nobody has taken`);
    }
    this.#sent.set(jobId, [...before, { epoch, seq, isUntaken }]);
  }
}
