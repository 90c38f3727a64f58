/** Claims the job of each delivery from its shard, and settles the message. */
import type { WorkDelivery } from '../../application/ports/bus.ts';
import type { ClaimResult } from '../../application/ports/shard-protocol.ts';
import { assertNever } from '../../domain/errors.ts';
import { jobIdParts } from '../../domain/job-id.ts';
import type { AttemptStarts } from './attempt-starts.ts';
import type { AttemptParts } from './attempt-table.ts';
import type { HeldSlots } from './held-slots.ts';
import type { KeyWaits } from './key-wait.ts';

/** How long a message goes back. If its shard did not answer, a random time of up to as much is added. */
const releaseDelayMs = 1_000;
/** The same for work of a tenant whose keys are away, and a random time of up to as much is added. */
const keysAwayDelayMs = 2_000;

interface Parts extends AttemptParts {
  readonly heldSlots: HeldSlots;
  readonly keyWaits: KeyWaits;
  readonly starts: AttemptStarts;
}

export class WorkClaims {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  take(deliveries: readonly WorkDelivery[]): void {
    this.#parts.heldSlots.hold(deliveries.length);
    for (const delivery of deliveries) this.#claim(delivery);
  }

  #claim(delivery: WorkDelivery): void {
    const { services, context, runs, heldSlots, keyWaits } = this.#parts;
    const { tenant, jobId, epoch, again = 0, need } = delivery.message;
    if (keyWaits.isFull(tenant)) {
      services.source.release(delivery.ackTo, Math.round(keysAwayDelayMs * (1 + context.random())));
      heldSlots.free(1);
      return;
    }
    if (!services.handlers.meet(need)) {
      this.#passOn(delivery);
      return;
    }
    runs.counts.claiming += 1;
    const item = { jobId, node: services.nodeId, epoch, again, ackTo: delivery.ackTo };
    const claimed = services.batcher.call(jobIdParts(jobId).shard, 'claim', item, { tenant });
    context.pipeToSelf(claimed, (outcome) => ({ kind: 'claim-answered', delivery, outcome }));
  }

  answered({ message, ackTo }: WorkDelivery, outcome: PromiseSettledResult<ClaimResult>): void {
    const { services, context, runs, heldSlots, starts } = this.#parts;
    runs.counts.claiming -= 1;
    if (outcome.status === 'rejected') {
      services.source.release(ackTo, Math.round(releaseDelayMs * (1 + context.random())));
      heldSlots.free(1);
      context.log.debug({ err: outcome.reason, jobId: message.jobId }, 'claim not answered; message released');
      return;
    }
    const result = outcome.value;
    switch (result.kind) {
      case 'granted':
        starts.begin(message.jobId, result);
        return;
      case 'drop':
        services.publisher.acknowledge(ackTo);
        break;
      case 'later':
        services.source.release(ackTo, releaseDelayMs);
        break;
      case 'held':
        break;
      default:
        assertNever(result);
    }
    heldSlots.free(1);
  }

  /**
   * This node cannot run the job, so it does not claim it. A message of the shared route moves to the handler route, once:
   * only nodes that can run the job pull from there. The old message is acknowledged after the new one is stored, so none
   * is lost. If both exist, the shard refuses the claim of the second.
   */
  #passOn({ message, ackTo }: WorkDelivery): void {
    const { services, context, heldSlots } = this.#parts;
    heldSlots.free(1);
    if (message.route === 'handler') {
      services.source.release(ackTo, releaseDelayMs);
      return;
    }
    const moved = services.publisher.publishWork({ ...message, route: 'handler' });
    context.pipeToSelf(moved, (outcome) => ({ kind: 'work-moved', ackTo, outcome }));
  }

  moved(ackTo: string, { status }: PromiseSettledResult<void>): void {
    const { source, publisher } = this.#parts.services;
    if (status === 'fulfilled') publisher.acknowledge(ackTo);
    else source.release(ackTo, releaseDelayMs);
  }
}
