/**
 * Load: two more tenants beside the default one. `guest` shares the nodes, `acme` is dedicated to those that name it. Both
 * have a quota of running jobs and submit more than it lets run. In some simulations quotas change, and `acme` is
 * dedicated or not, while all goes on. `TenantWatch` checks the result, and every accepted job must end like any other.
 */
import { TroupeError } from '../../../src/domain/errors.ts';
import { tenantBody, tenantPlace } from '../../../src/application/tenants/tenant-documents.ts';
import { defaultQueueName, defaultQueueSettings } from '../../../src/domain/queue.ts';
import { submitShortJob } from './short-job.ts';
import type { QueueWatch } from './queue-watch.ts';
import { SimCaller, type SimCallerParts } from './sim-caller.ts';
import type { StoreExtras } from './store-extras.ts';
import type { Witness } from './witness.ts';

export interface SimTenantsParts extends SimCallerParts {
  readonly witness: Witness;
  readonly extras: StoreExtras;
  readonly queues: QueueWatch;
  readonly handler: string;
}

const dedicated = 'acme';
const names = ['guest', dedicated];
const queueNames = [defaultQueueName, 'other'];
/** Jobs that are submitted together, and the longest time that one runs. */
const burstMax = 6;
const longMs = 1_500;
/** Highest quota. */
const runningMax = 4;

/** The list of a node, which the simulation decides once. With few nodes, the first one runs everything. */
export function tenantListOf(index: number, isExclusive: boolean): readonly string[] {
  if (index > 0) return ['*'];
  return isExclusive ? [dedicated] : ['*', dedicated];
}

export class SimTenants {
  readonly #parts: SimTenantsParts;
  readonly #callers: ReadonlyMap<string, SimCaller>;
  readonly #operator: SimCaller;
  readonly #changes: boolean;
  #count = 0;

  constructor(parts: SimTenantsParts) {
    this.#parts = parts;
    this.#operator = new SimCaller('tenants', parts);
    this.#callers = new Map(names.map((tenant) => [tenant, new SimCaller(`of ${tenant}`, { ...parts, tenant })]));
    this.#changes = this.#operator.random() < 0.5;
    for (const tenant of names) {
      const quotas = { runningJobs: this.#someQuota() };
      const made = { name: tenant, state: 'ACTIVE', description: '', createdAtMs: 0, creator: 'test' } as const;
      parts.extras.documents.create(
        tenantPlace(tenant),
        tenantBody({ ...made, quotas, dedicated: tenant === dedicated }),
      );
      for (const name of queueNames) {
        parts.queues.asked(name);
        parts.extras.createQueue({ tenant, name, settings: defaultQueueSettings, nowMs: 0 });
      }
    }
  }

  begin(everyMs: number): void {
    this.#operator.begin(everyMs, () => {
      this.#act();
    });
  }

  stop(): void {
    this.#operator.isOver = true;
  }

  #act(): void {
    const tenant = this.#operator.one(names) ?? '';
    if (this.#changes && this.#operator.random() < 0.2) this.#change(tenant);
    else this.#submit(tenant);
  }

  #submit(tenant: string): void {
    const caller = this.#callers.get(tenant);
    if (caller === undefined) return;
    const { witness, handler } = this.#parts;
    const jobs = 1 + Math.floor(this.#operator.random() * burstMax);
    for (let job = 0; job < jobs; job += 1) {
      this.#count += 1;
      const options = { queue: this.#operator.one(queueNames) ?? '' };
      submitShortJob(caller, witness, { n: this.#count, handler, longMs, node: this.#operator.anyNode(), options });
    }
  }

  #change(tenant: string): void {
    const quotas = { runningJobs: this.#someQuota() };
    const isDedicated = tenant === dedicated && this.#operator.random() < 0.7;
    this.#operator
      .ask(async ({ tenants }, context) => {
        const { etag } = await tenants.get(context, tenant);
        const report = (): void => undefined;
        const change = { name: tenant, etag, description: undefined, quotas, dedicated: isDedicated };
        return tenants.update({ ...context, report }, change);
      })
      .then(
        () => {
          this.#parts.world.note('client', `${tenant} may run ${quotas.runningJobs}, dedicated: ${isDedicated}`);
        },
        (error: unknown) => {
          if (TroupeError.from(error).code !== 'TENANT_CHANGED') this.#operator.refused(error);
        },
      );
  }

  #someQuota(): number {
    return 1 + Math.floor(this.#operator.random() * runningMax);
  }
}
