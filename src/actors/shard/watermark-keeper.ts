/**
 * Saves what is surely in JetStream, so that a take-over publishes little again. Saved while things happen, and once more
 * when all of it lies far enough below the mark.
 */
import type { Watermark } from '../../application/ports/job-store.ts';
import type { ActorContext } from '../kernel/index.ts';
import type { Outbox } from './outbox.ts';
import type { PartitionSet } from './partition-set.ts';
import type { ShardMessage } from './shard-message.ts';
import type { ShardServices } from './shard-services.ts';

/** Events and dispatches this much older than the watermark are published again: clocks may have stepped. */
export const watermarkMarginMs = 5_000;
const saveEveryMs = 2_000;

export interface WatermarkParts {
  readonly shard: number;
  readonly epoch: number;
  readonly services: Pick<ShardServices, 'store' | 'publisher'>;
  readonly context: ActorContext<ShardMessage>;
  readonly partitions: PartitionSet;
  readonly outbox: Outbox;
}

export class WatermarkKeeper {
  readonly #parts: WatermarkParts;
  #savedAtMs = 0;
  #coveredMs = 0;
  #activeAtMs = 0;

  constructor(parts: WatermarkParts) {
    this.#parts = parts;
  }

  /** Something became durable that JetStream has to be told. */
  active(nowMs: number): void {
    this.#activeAtMs = nowMs;
  }

  saveIfDue(nowMs: number): void {
    const isOld = this.#coveredMs <= this.#activeAtMs + watermarkMarginMs;
    if (isOld && nowMs - this.#savedAtMs >= saveEveryMs) this.save(nowMs);
  }

  save(nowMs: number): void {
    const { shard, epoch, services, context, partitions, outbox } = this.#parts;
    const streams = services.publisher.streams();
    if (streams === undefined) return;
    const undurableMs = partitions.oldestAtMs();
    const watermark: Watermark = {
      streams,
      dispatchedThroughMs: Math.min(nowMs, undurableMs, outbox.oldestAtMs('work')),
      eventsThroughMs: Math.min(nowMs, undurableMs, outbox.oldestAtMs('event')),
    };
    this.#savedAtMs = nowMs;
    this.#coveredMs = Math.min(watermark.dispatchedThroughMs, watermark.eventsThroughMs);
    services.store.saveWatermark(shard, epoch, watermark).catch((error: unknown) => {
      context.log.debug({ err: error }, 'watermark not saved; a take-over publishes more than it must');
    });
  }
}
