/**
 * Queues as constructs, for any team's stacks: `new TroupeQueues(stack, 'queues', { gateway, queues })`. `troupe queues
 * apply` creates and updates them through Troupe's API. Only terraform's own provider is needed.
 *
 * - A queue that is no longer declared is deleted; a destroy deletes all. This fails for a queue with unfinished jobs,
 *   which stays. The queue `default` always stays.
 * - Manual changes of queues are detected at synth and appear in the plan as a `mend`.
 */
import { Construct, DataResource } from '../cdk.ts';
import {
  type DeclaredQueues,
  declaredQueuesSchema,
  type QueueGateway,
  queueGatewaySchema,
  type QueueSettings,
} from '../config/queues.ts';
import { addApplied, order, program, provisioner } from './applied.ts';
import { askDrift, type Drift } from './drift.ts';

export interface TroupeQueuesOptions {
  readonly gateway: QueueGateway;
  /** Queues by name. The settings are described in docs/guides/queues.md. */
  readonly queues: DeclaredQueues;
  /** How existing queues are compared with the declared ones. Default: asks the gateway. */
  readonly driftOf?: (gateway: QueueGateway, queues: DeclaredQueues) => Drift;
}

const keptQueue = 'default';

export class TroupeQueues extends Construct {
  constructor(scope: Construct, id: string, options: TroupeQueuesOptions) {
    super(scope, id);
    const gateway = queueGatewaySchema.parse(options.gateway);
    const queues = declaredQueuesSchema.parse(options.queues);
    const drift = (options.driftOf ?? ((at, all) => askDrift(at, 'queues', all)))(gateway, queues);
    const life = this.#life(gateway, Object.keys(queues));
    addApplied(this, { gateway, queues }, { drift, what: 'queues', after: life });
  }

  /**
   * Deletes queues at their end. They are instances of one resource, because terraform runs the destroy provisioner of
   * an instance even if it is no longer declared.
   */
  #life(gateway: QueueGateway, names: readonly string[]): DataResource {
    const orders = names.filter((name) => name !== keptQueue).map((name) => [name, order({ gateway, name })]);
    const resource = new DataResource(this, 'queue', {
      input: { ...program(), order: '${each.value}' },
      provisioners: [provisioner('destroy', 'delete')],
    });
    resource.addOverride('for_each', Object.fromEntries(orders));
    return resource;
  }
}

export interface TroupeQueueOptions {
  readonly gateway: QueueGateway;
  readonly settings?: QueueSettings;
}

/** One queue. */
export class TroupeQueue extends TroupeQueues {
  constructor(scope: Construct, name: string, { gateway, settings = {} }: TroupeQueueOptions) {
    super(scope, name, { gateway, queues: { [name]: settings } });
  }
}
