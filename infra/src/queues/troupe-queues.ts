/**
 * Queues as constructs, for any team's stacks: `new TroupeQueues(stack, 'queues', { gateway, queues })`. `troupe queues
 * apply` creates and updates them through Troupe's API. Only terraform's own provider is needed.
 *
 * - A queue that is no longer declared is deleted; a destroy deletes all. This fails for a queue with unfinished jobs,
 *   which stays. The queue `default` always stays.
 * - Manual changes of queues are detected at synth and appear in the plan as a `mend`.
 */
import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { Construct, DataResource } from '../cdk.ts';
import {
  type DeclaredQueues,
  declaredQueuesSchema,
  type QueueGateway,
  queueGatewaySchema,
  type QueueSettings,
} from '../config/queues.ts';
import { literal } from '../lib/literal.ts';
import { askDrift, type Drift } from './drift.ts';
import type { QueueOrder } from './main.ts';

export interface TroupeQueuesOptions {
  readonly gateway: QueueGateway;
  /** Queues by name. The settings are described in docs/guides/queues.md. */
  readonly queues: DeclaredQueues;
  /** How existing queues are compared with the declared ones. Default: asks the gateway. */
  readonly driftOf?: (gateway: QueueGateway, queues: DeclaredQueues) => Drift;
}

const runner = fileURLToPath(new URL('main.ts', import.meta.url));
const keptQueue = 'default';

export class TroupeQueues extends Construct {
  constructor(scope: Construct, id: string, options: TroupeQueuesOptions) {
    super(scope, id);
    const gateway = queueGatewaySchema.parse(options.gateway);
    const queues = declaredQueuesSchema.parse(options.queues);
    const drift = (options.driftOf ?? askDrift)(gateway, queues);
    if (drift.kind === 'unknown') {
      process.stderr.write(`queues at ${gateway.address} are not compared with what is declared: ${drift.why}\n`);
    }
    const life = this.#life(gateway, Object.keys(queues));
    const applied = this.#applied('apply', { gateway, queues }, life);
    applied.addOverride('triggers_replace', digest(JSON.stringify(queues)));
    const mended = this.#applied('mend', { gateway, queues }, applied);
    mended.addOverride('triggers_replace', digest(drift.kind === 'drift' ? drift.text : drift.kind));
    // If no drift is known, the trigger must not change, so that nothing is applied.
    if (drift.kind !== 'drift') mended.addOverride('lifecycle.ignore_changes', ['triggers_replace']);
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

  #applied(id: string, declared: QueueOrder, after: DataResource): DataResource {
    return new DataResource(this, id, {
      dependsOn: [after],
      input: { ...program(), order: order(declared) },
      provisioners: [provisioner('create', 'apply')],
    });
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

function program(): { readonly node: string; readonly runner: string } {
  return { node: literal(process.execPath), runner: literal(runner) };
}

function order(value: QueueOrder): string {
  return literal(JSON.stringify(value));
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** A destroy provisioner may refer only to its own resource (`self`), so all inputs are passed through it. */
function provisioner(when: 'create' | 'destroy', verb: 'apply' | 'delete') {
  return {
    type: 'local-exec' as const,
    when,
    command: `"$QUEUES_NODE" --disable-warning=ExperimentalWarning "$QUEUES_RUNNER" ${verb}`,
    environment: {
      QUEUES_NODE: '${self.input.node}',
      QUEUES_RUNNER: '${self.input.runner}',
      TROUPE_QUEUES: '${self.input.order}',
    },
  };
}
