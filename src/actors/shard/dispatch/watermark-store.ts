/**
 * Saves the watermark, which says which events are surely in JetStream, so that a recovery repeats few. It is saved
 * while things happen, and once more when everything that has happened lies far enough below it. It also says which
 * WORK messages are there. Only owners of earlier versions believe that: the others send every window again.
 */
import type { Watermark } from '../../../application/ports/job-store.ts';
import type { ActorContext } from '../../../kernel/index.ts';
import type { Outbox } from './outbox.ts';
import type { PartitionSet } from '../commit/partition-set.ts';
import type { QueueLimiters } from '../flow/queue-limiters.ts';
import type { ShardMessage } from '../services/shard-message.ts';
import type { ShardServices } from '../services/shard-services.ts';

/** Events up to this much older than the watermark are published again, because clocks may have stepped. */
export const watermarkMarginMs = 5_000;
const saveEveryMs = 2_000;

export interface WatermarkParts {
  readonly shard: number;
  readonly epoch: number;
  readonly services: Pick<ShardServices, 'store' | 'publisher'>;
  readonly context: ActorContext<ShardMessage>;
  readonly partitions: PartitionSet;
  readonly outbox: Outbox;
  readonly limiters: Pick<QueueLimiters, 'oldestHeldAtMs'>;
}

export class WatermarkStore {
  readonly #parts: WatermarkParts;
  #savedAtMs = 0;
  #coveredMs = 0;
  #activeAtMs = 0;

  constructor(parts: WatermarkParts) {
    this.#parts = parts;
  }

  /** Something became durable that JetStream has to receive. */
  active(nowMs: number): void {
    this.#activeAtMs = nowMs;
  }

  saveIfDue(nowMs: number): void {
    const isOld = this.#coveredMs <= this.#activeAtMs + watermarkMarginMs;
    if (isOld && nowMs - this.#savedAtMs >= saveEveryMs) this.save(nowMs);
  }

  save(nowMs: number): void {
    const { shard, epoch, services, context, partitions, outbox, limiters } = this.#parts;
    const streams = services.publisher.streams();
    if (streams === undefined) return;
    const undurableMs = partitions.oldestAtMs();
    const watermark: Watermark = {
      streams,
      dispatchedThroughMs: Math.min(nowMs, undurableMs, outbox.oldestAtMs('work'), limiters.oldestHeldAtMs()),
      eventsThroughMs: Math.min(nowMs, undurableMs, outbox.oldestAtMs('event')),
    };
    this.#savedAtMs = nowMs;
    this.#coveredMs = watermark.eventsThroughMs;
    services.store.saveWatermark(shard, epoch, watermark).catch((error: unknown) => {
      context.log.debug({ err: error }, 'watermark not saved; a recovery publishes more than it must');
    });
  }
}
