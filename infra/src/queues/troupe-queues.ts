/**
 * Queues as constructs, for stacks of any team: `new TroupeQueues(stack, 'queues', { gateway, queues })`. They are made and
 * changed through Troupe's own API by `troupe queues apply`; no provider is needed but terraform's own.
 *
 * - A queue that is no longer declared is deleted, and so are all of them by a destroy; one with unfinished jobs makes that
 *   fail, and stays. The queue `default` always stays.
 * - What somebody changed by hand is found when the app is synthesized, and shows in the plan as a `mend`.
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
  /** By name; settings as in docs/guides/queues.md. */
  readonly queues: DeclaredQueues;
  /** How the queues that are there are compared; by default the gateway is asked. */
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
    // Without a drift that is known the trigger stays what it was: nothing is to be done.
    if (drift.kind !== 'drift') mended.addOverride('lifecycle.ignore_changes', ['triggers_replace']);
  }

  /** Only the end of a queue is of interest here; instances of one resource, whose end terraform carries out also when they are no longer declared. */
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

/** What runs at the end of a resource may refer to nothing but itself. */
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
