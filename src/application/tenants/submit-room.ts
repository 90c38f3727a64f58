/**
 * Keeps tenants within their quotas of unfinished jobs and of stored bytes, as `queue-room.ts` keeps queues within their
 * depth: this gateway counts what it let in itself, and takes from the shards what others did. A tenant without these
 * quotas costs a look into a map.
 *
 * A tenant that has no room may still repeat what was accepted. So a job with a key goes to its shard all the same, which
 * answers with the job that has the key, or refuses.
 */
import type { TroupeError } from '../../domain/errors.ts';
import { storedBytes } from '../../domain/stored-bytes.ts';
import type { TenantQuotas } from '../../domain/tenant.ts';
import type { Clock, Random } from '../ports/runtime.ts';
import type { ClusterStats } from '../protocol/cluster-stats.ts';
import { AdmittedByName, refusalMaxAgeMs } from '../protocol/admitted-jobs.ts';
import type { TenantStats } from '../../domain/tenant-stats.ts';
import type { KnownTenants } from './known-tenants.ts';
import type { QuotaAlarms, QuotaUse } from './quota-alarms.ts';
import { quotaRefusal } from './quota-refusal.ts';
import type { TenantStatsReader } from './tenant-stats.ts';

export interface SubmitPlace {
  /** Call it when the submit is over. */
  readonly leave: () => void;
  /** Present if there is no room. It counts the refusal. */
  readonly refuse?: () => TroupeError;
}

export interface SubmitRoom {
  /** Takes the place of one job with such an input, if there is room. Asks nobody for a tenant without the quotas. */
  enter(tenant: string, inputBytes: number): SubmitPlace | Promise<SubmitPlace>;
}

export interface SubmitRoomParts {
  readonly known: Pick<KnownTenants, 'lastSeen'>;
  readonly stats: TenantStatsReader;
  readonly alarms: QuotaAlarms;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly random: Random;
}

/** What one more job adds to a quota. */
interface Addition extends QuotaUse {
  readonly adds: number;
}

/** Tenants whose jobs are counted here. Past it those are forgotten of which nothing is under way. */
const tenantsMax = 10_000;
const free: SubmitPlace = { leave: () => undefined };

export function createSubmitRoom(parts: SubmitRoomParts): SubmitRoom {
  const { known, stats, alarms, clock } = parts;
  const admitted = new AdmittedByName(tenantsMax, clock);

  async function enter(tenant: string, quotas: TenantQuotas, bytes: number): Promise<SubmitPlace> {
    const additionsTo = (answer: ClusterStats<TenantStats>): readonly Addition[] => {
      const unseen = admitted.of(tenant).unseenBy(answer.ask);
      const { unfinished, storedBytes: stored = 0 } = answer.stats;
      const { unfinishedJobs = Infinity, storedBytes: storedMax = Infinity } = quotas;
      return [
        { tenant, quota: 'unfinishedJobs', used: unfinished + unseen.jobs, adds: 1, limit: unfinishedJobs },
        { tenant, quota: 'storedBytes', used: stored + unseen.bytes, adds: bytes, limit: storedMax },
      ];
    };
    // No await between the last look and `begin`, because nobody else may enter in between.
    let additions = additionsTo(await stats.read(tenant));
    if (additions.some(isTooMuch)) additions = additionsTo(await stats.read(tenant, refusalMaxAgeMs));
    const tooMuch = additions.find(isTooMuch);
    if (tooMuch !== undefined) return { ...free, refuse: () => refusal(parts, tooMuch) };
    for (const { adds, ...use } of additions) {
      if (use.limit !== Infinity) alarms.admitted({ ...use, used: use.used + adds });
    }
    const mine = admitted.of(tenant);
    mine.begin(bytes);
    return {
      leave: () => {
        mine.end(bytes, stats.lastAsk(tenant), clock.monotonicMs());
      },
    };
  }

  return {
    enter(tenant, inputBytes) {
      const quotas = known.lastSeen(tenant)?.quotas;
      if (quotas?.unfinishedJobs === undefined && quotas?.storedBytes === undefined) return free;
      return enter(tenant, quotas, storedBytes({ input: inputBytes, besides: 0 }));
    },
  };
}

function isTooMuch({ used, adds, limit }: Addition): boolean {
  return used + adds > limit;
}

function refusal(parts: SubmitRoomParts, { adds, ...use }: Addition): TroupeError {
  const { tenant, quota, used, limit } = use;
  const what =
    quota === 'storedBytes'
      ? `keeps ${used} bytes, and the job would add ${adds}`
      : `has ${used} jobs that have not ended`;
  // Nobody knows how fast its jobs end, or are no longer kept.
  return quotaRefusal(parts, use, { message: `tenant ${tenant} ${what}; its quota is ${limit}`, perSecond: 0 });
}
