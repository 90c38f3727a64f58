/**
 * From a delivery to its grant. Each delivery comes with a reserved slot, which is held here until the run pool counts the
 * run, or no run comes of it.
 */
import type { WorkDelivery } from '../../application/ports/bus.ts';
import type { ClaimResult } from '../../application/protocol/shard-protocol.ts';
import { assertNever } from '../../domain/errors.ts';
import { type JobId, jobIdParts } from '../../domain/job-id.ts';
import type { ActorContext } from '../../kernel/actor.ts';
import type { AttemptsMessage } from './attempts-message.ts';
import type { Grant } from './node-attempt.ts';
import type { WorkerServices } from './worker-services.ts';

/** A message whose shard does not answer goes back for this long, plus as much again at random. */
const releaseDelayMs = 1_000;

export interface WorkClaimsParts {
  readonly services: Pick<WorkerServices, 'batcher' | 'handlers' | 'nodeId' | 'publisher' | 'slots' | 'source'>;
  readonly context: Pick<ActorContext<AttemptsMessage>, 'log' | 'random'>;
  readonly then: <T>(promise: Promise<T>, act: (outcome: PromiseSettledResult<T>) => void) => void;
  /** The slot is still held: `freeSlots` must follow. */
  readonly onGranted: (jobId: JobId, grant: Grant) => void;
  /** A claim is no longer under way, whatever came of it. */
  readonly onAnswered: () => void;
}

export class WorkClaims {
  readonly #parts: WorkClaimsParts;
  #underWay = 0;
  #held = 0;

  constructor(parts: WorkClaimsParts) {
    this.#parts = parts;
  }

  /** Claims that were not answered yet. */
  get underWay(): number {
    return this.#underWay;
  }

  take(deliveries: readonly WorkDelivery[]): void {
    this.#held += deliveries.length;
    for (const delivery of deliveries) this.#claim(delivery);
  }

  freeSlots(slots: number): void {
    this.#held -= slots;
    this.#parts.services.slots.release(slots);
  }

  stop(): void {
    this.freeSlots(this.#held);
  }

  #claim(delivery: WorkDelivery): void {
    const { services, context, then, onAnswered } = this.#parts;
    const { jobId, epoch, again = 0, need } = delivery.message;
    if (!services.handlers.meet(need)) {
      this.#passOn(delivery);
      return;
    }
    const { shard } = jobIdParts(jobId);
    this.#underWay += 1;
    const { nodeId: node } = services;
    const claimed = services.batcher.call(shard, 'claim', { jobId, node, epoch, again, ackTo: delivery.ackTo });
    then(claimed, (outcome) => {
      this.#underWay -= 1;
      if (outcome.status === 'rejected') {
        const delayMs = Math.round(releaseDelayMs * (1 + context.random()));
        services.source.release(delivery.ackTo, delayMs);
        this.freeSlots(1);
        context.log.debug({ err: outcome.reason, jobId }, 'claim not answered; message released');
      } else this.#claimed(delivery, outcome.value);
      onAnswered();
    });
  }

  /**
   * Nothing is claimed for what this node cannot run. From the shared route it moves, once, to the need's own, which only
   * nodes that meet it pull; the old message is acknowledged when the new one is there, and a copy too many is refused at
   * its claim.
   */
  #passOn({ message, ackTo }: WorkDelivery): void {
    this.freeSlots(1);
    const { services, then } = this.#parts;
    const { source, publisher } = services;
    const later = (): void => {
      source.release(ackTo, releaseDelayMs);
    };
    if (message.route === 'handler') {
      later();
      return;
    }
    then(publisher.publishWork({ ...message, route: 'handler' }), (moved) => {
      if (moved.status === 'fulfilled') publisher.acknowledge(ackTo);
      else later();
    });
  }

  #claimed({ message, ackTo }: WorkDelivery, result: ClaimResult): void {
    const { publisher, source } = this.#parts.services;
    switch (result.kind) {
      case 'granted':
        this.#parts.onGranted(message.jobId, result);
        return;
      case 'drop':
        publisher.acknowledge(ackTo);
        break;
      case 'later':
        source.release(ackTo, releaseDelayMs);
        break;
      case 'held':
        break;
      default:
        assertNever(result);
    }
    this.freeSlots(1);
  }
}
