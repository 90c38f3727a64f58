/**
 * What this gateway lets a tenant do at a time: submits in a second, and open streams. Each gateway counts for itself. A tenant
 * without quotas costs a look into a map for each job. A tenant that is not known at once is looked up before.
 */
import { TroupeError } from '../../domain/errors.ts';
import { RateMeter } from '../../domain/rate-meter.ts';
import type { Tenant } from '../../domain/tenant.ts';
import { TokenBucket } from '../../domain/token-bucket.ts';
import type { Clock, Random } from '../ports/runtime.ts';
import type { KnownTenants } from './known-tenants.ts';
import type { QuotaAlarms, QuotaUse } from './quota-alarms.ts';
import { quotaRefusal } from './quota-refusal.ts';

export interface TenantLimits {
  /** Refuses a job of a tenant that may not submit now: TENANT_PAUSED or TENANT_DELETING. It takes nothing of a quota. */
  ensureMaySubmit(tenant: string): void | Promise<void>;
  /** Why none of so many further jobs of the tenant is let in now. Undefined: some may be. It takes nothing of a quota. */
  refusalOf(tenant: string, jobs: number): TroupeError | undefined;
  /** Takes the place of one job. Throws QUOTA_EXCEEDED. Call it once the job is valid. */
  takeSubmit(tenant: string): void;
  /** Counts an open stream until the result is called. Throws QUOTA_EXCEEDED. */
  openStream(tenant: string): () => void;
  useOf(tenant: string): { readonly submitsPerSecond: number; readonly streams: number };
}

export interface TenantLimitsParts {
  readonly known: KnownTenants;
  readonly alarms: QuotaAlarms;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly random: Random;
}

/** Tenants whose submits are counted. Past it those that submitted nothing for a second are forgotten. */
const ratesMax = 10_000;

export function createTenantLimits(parts: TenantLimitsParts): TenantLimits {
  const { known, alarms, clock } = parts;
  const rates = new Rates();
  const streams = new Map<string, number>();
  const count = (tenant: string, change: number): void => {
    const open = (streams.get(tenant) ?? 0) + change;
    if (open === 0) streams.delete(tenant);
    else streams.set(tenant, open);
  };

  const submitRefusal = (use: QuotaUse, jobs: number): TroupeError => {
    const { tenant, limit } = use;
    const message = `tenant ${tenant} submits more than ${limit} jobs a second at this gateway`;
    return quotaRefusal(parts, use, { message, perSecond: limit, times: jobs });
  };

  return {
    ensureMaySubmit(tenant) {
      const found = known.find(tenant);
      if (found instanceof Promise) return found.then(refuseStopped);
      refuseStopped(found);
      return undefined;
    },

    refusalOf(tenant, jobs) {
      const limit = known.lastSeen(tenant)?.quotas.submitsPerSecond;
      if (limit === undefined || jobs === 0) return undefined;
      const nowMs = clock.monotonicMs();
      const { bucket } = rates.of(tenant, limit, nowMs);
      return bucket.isEmpty(nowMs) ? submitRefusal(useOfSubmits(tenant, limit, bucket.used(nowMs)), jobs) : undefined;
    },

    takeSubmit(tenant) {
      const limit = known.lastSeen(tenant)?.quotas.submitsPerSecond;
      if (limit === undefined) {
        rates.forget(tenant);
        return;
      }
      const nowMs = clock.monotonicMs();
      const { bucket, meter } = rates.of(tenant, limit, nowMs);
      const isLetIn = bucket.take(nowMs);
      const use = useOfSubmits(tenant, limit, bucket.used(nowMs));
      if (!isLetIn) throw submitRefusal(use, 1);
      meter.add(nowMs);
      alarms.admitted(use);
    },

    openStream(tenant) {
      const limit = known.lastSeen(tenant)?.quotas.streams;
      const open = streams.get(tenant) ?? 0;
      if (limit !== undefined) {
        const use: QuotaUse = { tenant, quota: 'streams', used: open, limit };
        const message = `tenant ${tenant} has ${open} open streams at this gateway; its quota is ${limit}`;
        if (open >= limit) throw quotaRefusal(parts, use, { message, perSecond: 0 });
        alarms.admitted({ ...use, used: open + 1 });
      }
      count(tenant, 1);
      let isOpen = true;
      return () => {
        if (isOpen) count(tenant, -1);
        isOpen = false;
      };
    },

    useOf: (tenant) => ({
      submitsPerSecond: rates.perSecond(tenant, clock.monotonicMs()),
      streams: streams.get(tenant) ?? 0,
    }),
  };
}

interface Rate {
  readonly bucket: TokenBucket;
  readonly meter: RateMeter;
}

/** How fast tenants with a quota of submits have submitted. */
class Rates {
  readonly #rates = new Map<string, Rate>();

  of(tenant: string, limit: number, nowMs: number): Rate {
    const present = this.#rates.get(tenant);
    if (present !== undefined) {
      present.bucket.setRate(limit, nowMs);
      return present;
    }
    if (this.#rates.size >= ratesMax) {
      for (const [name, { bucket }] of this.#rates) if (bucket.isFull(nowMs)) this.#rates.delete(name);
    }
    const begun = { bucket: new TokenBucket(limit, nowMs), meter: new RateMeter() };
    this.#rates.set(tenant, begun);
    return begun;
  }

  perSecond(tenant: string, nowMs: number): number {
    return this.#rates.get(tenant)?.meter.perSecond(nowMs) ?? 0;
  }

  forget(tenant: string): void {
    this.#rates.delete(tenant);
  }
}

function useOfSubmits(tenant: string, limit: number, used: number): QuotaUse {
  return { tenant, quota: 'submitsPerSecond', used, limit };
}

function refuseStopped(tenant: Tenant | undefined): void {
  if (tenant === undefined || tenant.state === 'ACTIVE') return;
  const { name, state, pauseReason = '' } = tenant;
  const metadata = { tenant: name };
  if (state !== 'PAUSED') throw new TroupeError('TENANT_DELETING', { metadata });
  const message = `tenant ${name} is paused${pauseReason === '' ? '' : ` (${pauseReason})`}: it can submit nothing now`;
  throw new TroupeError('TENANT_PAUSED', { metadata, message });
}
