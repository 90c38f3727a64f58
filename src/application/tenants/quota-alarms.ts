/**
 * Tells operators that a tenant comes near a quota, from 80 % on, or is refused by it: in the log once a minute for each
 * tenant, quota and level, and in a metric whose labels name no tenant, so that a thousand tenants cost no more than one.
 */
import { counters } from '../../domain/measures.ts';
import type { TenantQuota } from '../../domain/tenant.ts';
import type { Clock, Counter, Logger, Telemetry } from '../ports/runtime.ts';

export interface QuotaAlarms {
  /** Something was let in: `used` counts it. */
  admitted(use: QuotaUse): void;
  /** `times` default: 1. */
  refused(use: QuotaUse, times?: number): void;
}

export interface QuotaUse {
  readonly tenant: string;
  readonly quota: TenantQuota;
  readonly used: number;
  readonly limit: number;
}

const nearShare = 0.8;
const quietMs = 60_000;
/** Tenants, quotas and levels of which it is remembered that they were told. Past it everything is told again. */
const toldMax = 10_000;

export function createQuotaAlarms(parts: {
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  readonly telemetry: Pick<Telemetry, 'counter'>;
}): QuotaAlarms {
  const { clock, log, telemetry } = parts;
  const counter: Counter = telemetry.counter({
    ...counters.tenantQuotas,
    help: 'Times that a tenant was told to be near a quota (once a minute), and refusals by quotas.',
  });
  const told = new Map<string, number>();

  function isNews(key: string): boolean {
    const nowMs = clock.monotonicMs();
    if (nowMs - (told.get(key) ?? -Infinity) < quietMs) return false;
    if (told.size >= toldMax) told.clear();
    told.set(key, nowMs);
    return true;
  }

  return {
    admitted({ tenant, quota, used, limit }) {
      if (used < nearShare * limit || !isNews(`near ${quota} ${tenant}`)) return;
      counter.add(1, { quota, level: 'near' });
      log.info({ event: 'tenant.quota.near', tenant, quota, used, limit }, 'a tenant uses 80 % of a quota or more');
    },
    refused({ tenant, quota, used, limit }, times = 1) {
      counter.add(times, { quota, level: 'refused' });
      if (!isNews(`refused ${quota} ${tenant}`)) return;
      log.warn({ event: 'tenant.quota.refused', tenant, quota, used, limit }, 'a tenant is refused by a quota');
    },
  };
}
