/**
 * Saves the watermark, which says what is surely in JetStream, so that a recovery repeats little. It is saved while
 * things happen, and once more when everything that has happened lies far enough below it.
 */
import type { Watermark } from '../../../application/ports/job-store.ts';
import type { ActorContext } from '../../../kernel/index.ts';
import type { Outbox } from './outbox.ts';
import type { PartitionSet } from '../commit/partition-set.ts';
import type { QueueLimiters } from '../flow/queue-limiters.ts';
import type { ShardMessage } from '../shard-message.ts';
import type { ShardServices } from '../shard-services.ts';

/**
 * Events and dispatches up to this much older than the watermark are published again, because clocks may have stepped.
 */
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
  #toAcknowledge: string[] = [];

  constructor(parts: WatermarkParts) {
    this.#parts = parts;
  }

  /** Something became durable that JetStream has to receive. */
  active(nowMs: number): void {
    this.#activeAtMs = nowMs;
  }

  /**
   * Acknowledges the message of a held job, but only after a watermark is saved that says that the job has to be
   * dispatched again. From then on nobody needs the message. Without the saved watermark, a successor that finds no
   * limiter would wait for this very message.
   */
  acknowledgeOnceSaved(ackTo: string): void {
    this.#toAcknowledge.push(ackTo);
  }

  saveIfDue(nowMs: number): void {
    const isOld = this.#coveredMs <= this.#activeAtMs + watermarkMarginMs;
    if (this.#toAcknowledge.length > 0) this.save(nowMs);
    else if (isOld && nowMs - this.#savedAtMs >= saveEveryMs) this.save(nowMs);
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
    this.#coveredMs = Math.min(watermark.dispatchedThroughMs, watermark.eventsThroughMs);
    const held = this.#toAcknowledge.splice(0);
    services.store.saveWatermark(shard, epoch, watermark).then(
      () => {
        for (const ackTo of held) services.publisher.acknowledge(ackTo);
      },
      (error: unknown) => {
        context.log.debug({ err: error }, 'watermark not saved; a recovery publishes more than it must');
      },
    );
  }
}
