/**
 * Looks at every WORK message that the stream takes: while a job waits, its owner has no second one in the stream that
 * nobody has taken yet, whatever nodes come and go.
 */
import type { WorkMessage } from '../../../src/application/ports/bus.ts';
import type { JobId } from '../../../src/domain/job-id.ts';
import type { RecordWatch } from './record-watch.ts';
import type { World } from './world.ts';

interface Sent {
  readonly epoch: number;
  /** Number of the record that it was sent for. */
  readonly seq: number | undefined;
  readonly isUntaken: () => boolean;
}

/** A message can be on its way for seconds around a power cut, and come when its job waits for a later one (seed 178). */
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
