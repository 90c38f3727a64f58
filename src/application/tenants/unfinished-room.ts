/**
 * Keeps tenants within their quota of unfinished jobs, as `queue-room.ts` keeps queues within their depth: this gateway counts
 * what it let in itself, and takes from the shards what others did. A tenant without the quota costs a look into a map.
 *
 * A tenant that has no room may still repeat what was accepted. So a job with a key goes to its shard all the same, which
 * answers with the job that has the key, or refuses.
 */
import { TroupeError } from '../../domain/errors.ts';
import { retryAfterMs } from '../../domain/retry-after.ts';
import type { Clock, Random } from '../ports/runtime.ts';
import type { ClusterStats } from '../protocol/cluster-stats.ts';
import { AdmittedJobs, refusalMaxAgeMs } from '../protocol/admitted-jobs.ts';
import type { TenantStats } from '../../domain/tenant-stats.ts';
import type { KnownTenants } from './known-tenants.ts';
import type { QuotaAlarms, QuotaUse } from './quota-alarms.ts';
import type { TenantStatsReader } from './tenant-stats.ts';

export interface UnfinishedPlace {
  /** Call it when the submit is over. */
  readonly leave: () => void;
  /** Present if there is no room. It counts the refusal. */
  readonly refuse?: () => TroupeError;
}

export interface UnfinishedRoom {
  /** Takes the place of one job, if there is room. Asks nobody for a tenant without the quota. */
  enter(tenant: string): UnfinishedPlace | Promise<UnfinishedPlace>;
}

export interface UnfinishedRoomParts {
  readonly known: Pick<KnownTenants, 'lastSeen'>;
  readonly stats: TenantStatsReader;
  readonly alarms: QuotaAlarms;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly random: Random;
}

const quota = 'unfinishedJobs';
/** Tenants whose jobs are counted here. Past it those are forgotten of which nothing is under way. */
const tenantsMax = 10_000;
const free: UnfinishedPlace = { leave: () => undefined };

export function createUnfinishedRoom(parts: UnfinishedRoomParts): UnfinishedRoom {
  const { known, stats, alarms, clock } = parts;
  const admitted = new Map<string, AdmittedJobs>();

  function jobsOf(tenant: string): AdmittedJobs {
    const present = admitted.get(tenant) ?? new AdmittedJobs();
    if (!admitted.has(tenant) && admitted.size >= tenantsMax) {
      for (const [other, jobs] of admitted) if (jobs.isIdle(clock.monotonicMs())) admitted.delete(other);
    }
    admitted.set(tenant, present);
    return present;
  }

  async function enter(tenant: string, limit: number): Promise<UnfinishedPlace> {
    const usedIn = (answer: ClusterStats<TenantStats>): number =>
      answer.stats.unfinished + jobsOf(tenant).unseenBy(answer.ask).jobs;
    // No await between the last look and `begin`, because nobody else may enter in between.
    let used = usedIn(await stats.read(tenant));
    if (used >= limit) used = usedIn(await stats.read(tenant, refusalMaxAgeMs));
    if (used >= limit) return { ...free, refuse: () => refusal(parts, { tenant, quota, used, limit }) };
    alarms.admitted({ tenant, quota, used: used + 1, limit });
    const mine = jobsOf(tenant);
    mine.begin(0);
    return {
      leave: () => {
        mine.end(0, stats.lastAsk(tenant), clock.monotonicMs());
      },
    };
  }

  return {
    enter(tenant) {
      const limit = known.lastSeen(tenant)?.quotas.unfinishedJobs;
      return limit === undefined ? free : enter(tenant, limit);
    },
  };
}

function refusal({ alarms, random }: UnfinishedRoomParts, use: QuotaUse): TroupeError {
  alarms.refused(use);
  const { tenant, used, limit } = use;
  return new TroupeError('QUOTA_EXCEEDED', {
    message: `tenant ${tenant} has ${used} jobs that have not ended; its quota is ${limit}`,
    metadata: { quota, limit: String(limit), used: String(used) },
    // Nobody knows how fast its jobs end.
    retryAfterMs: retryAfterMs({ excess: 1, perSecond: 0, random: random() }),
  });
}
