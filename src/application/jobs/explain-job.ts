/**
 * Explains why a job is not running, how many jobs start before it, and when it should start. Asks shards, nodes and
 * quarantines.
 */
import { needOf, needText } from '../../domain/handler-need.ts';
import type { JobRecord } from '../../domain/job.ts';
import { jobIdParts } from '../../domain/job-id.ts';
import { defaultPriority } from '../../domain/priority.ts';
import type { Tenant } from '../../domain/tenant.ts';
import { estimateStart, jobsAhead, type StartEstimate } from '../../domain/start-estimate.ts';
import { type WaitingFacts, type WhyWaiting, whyWaiting } from '../../domain/why-waiting.ts';
import type { HandlerFleet } from './handler-fleet.ts';
import type { QueueQuarantines } from '../ports/queue-quarantines.ts';
import type { Clock } from '../ports/runtime.ts';
import { statsPatienceMs } from '../protocol/cluster-stats.ts';
import type { ClusterQueueStats, QueueStatsReader } from '../queues/queue-stats.ts';
import type { ShardBatcher } from '../protocol/shard-batcher.ts';
import type { HeldBy, JobView, PlaceResult } from '../ports/shard-protocol.ts';
import type { KnownTenants } from '../tenants/known-tenants.ts';
import { given } from '../../domain/given.ts';

export interface JobWaiting extends WhyWaiting {
  /** Number of jobs that start before this one. Absent if unknown. */
  readonly ahead?: number;
  /** Estimate from now. Absent if it is unknown, or if somebody must act first. */
  readonly eta?: StartEstimate;
}

/** Resolves with undefined for a job that is running or has ended. */
export type ExplainJob = (view: JobView) => Promise<JobWaiting | undefined>;

export interface ExplainJobParts {
  readonly batcher: Pick<ShardBatcher, 'call'>;
  readonly stats: Pick<QueueStatsReader, 'read'>;
  readonly quarantines: Pick<QueueQuarantines, 'of'>;
  readonly fleet: Pick<HandlerFleet, 'someNodeHas' | 'someNodeTakes'>;
  readonly known: Pick<KnownTenants, 'lastSeen'>;
  readonly clock: Clock;
}

export function createExplainJob(parts: ExplainJobParts): ExplainJob {
  const { batcher, stats, quarantines, fleet, known, clock } = parts;

  /** While the owner is away the position is unknown. Everything else is still explained. */
  async function placeOf({ id, state, spec: { tenant } }: JobRecord): Promise<PlaceResult> {
    if (state !== 'QUEUED') return {};
    const deadlineAtMs = clock.nowMs() + statsPatienceMs;
    return batcher.call(jobIdParts(id).shard, 'place', { jobId: id }, { tenant, deadlineAtMs }).catch(() => ({}));
  }

  return async ({ record, waitsForKeys: keysAway }) => {
    const { tenant, queue } = record.spec;
    const atOnce = whyWaiting({ state: record.state, keysAway });
    if (atOnce === undefined || record.state === 'RUNNING') return atOnce;
    const [place, answer] = await Promise.all([placeOf(record), stats.read(tenant, queue)]);
    const ahead = aheadOf(record, place, answer);
    const need = needOf(record.spec);
    const why = whyWaiting({
      state: record.state,
      quarantined: quarantines.of(tenant, queue).find(({ node }) => node === undefined)?.reason,
      missingNodes: fleet.someNodeTakes(tenant) ? undefined : tenant,
      missingHandler: fleet.someNodeHas(need, tenant) ? undefined : needText(need),
      ...limitsOf(place.heldBy, known.lastSeen(tenant)),
      ahead,
    });
    if (why === undefined) return undefined;
    const eta = etaOf(why, record, { stats: answer.stats, ahead, nowMs: clock.nowMs() });
    return { ...why, ...given({ ahead, eta }) };
  };
}

/** The facts of queues have empty texts, because their limits are not known here. A tenant's pause is that of its queues. */
function limitsOf(
  heldBy: HeldBy | undefined,
  tenant: Tenant | undefined,
): Pick<WaitingFacts, 'paused' | 'keyLimit' | 'queueLimit' | 'rateLimit' | 'tenantQuota'> {
  switch (heldBy) {
    case undefined:
      return {};
    case 'pause':
      return { paused: tenant?.state === 'PAUSED' ? 'the whole tenant is' : '' };
    case 'key':
      return { keyLimit: '' };
    case 'running':
      return { queueLimit: '' };
    case 'rate':
      return { rateLimit: '' };
    case 'tenant': {
      const most = tenant?.quotas.runningJobs;
      return { tenantQuota: most === undefined ? '' : `${most} at a time` };
    }
  }
}

/** Scales the position within the shard to all shards, assuming that jobs are spread over them about evenly. */
function aheadOf({ spec }: JobRecord, place: PlaceResult, { stats }: ClusterQueueStats): number | undefined {
  if (place.before === undefined || place.waiting === undefined) return undefined;
  const { priority = defaultPriority } = spec;
  const scale = Math.max(1, (stats.waiting[priority] ?? 0) / place.waiting);
  return jobsAhead(priority, Math.round(place.before * scale), stats.waiting);
}

interface Now {
  readonly stats: ClusterQueueStats['stats'];
  readonly ahead: number | undefined;
  readonly nowMs: number;
}

function etaOf({ reason }: WhyWaiting, record: JobRecord, { stats, ahead, nowMs }: Now): StartEstimate | undefined {
  switch (reason) {
    case 'BEHIND_OTHERS':
      return ahead === undefined ? undefined : estimateStart(stats, ahead, nowMs);
    case 'DUE_LATER':
    case 'BACKING_OFF': {
      // The queue at the due time is unknown. The present queue is the best estimate.
      const priority = record.spec.priority ?? defaultPriority;
      const behind = jobsAhead(priority, stats.waiting[priority] ?? 0, stats.waiting);
      const { p50Ms, p90Ms } = estimateStart(stats, behind, nowMs) ?? { p50Ms: 0, p90Ms: 0 };
      const dueMs = Math.max(0, record.readyAtMs - nowMs);
      return { p50Ms: dueMs + p50Ms, p90Ms: dueMs + p90Ms };
    }
    case 'QUEUE_PAUSED':
    case 'QUEUE_QUARANTINED':
    case 'RATE_LIMITED':
    case 'QUEUE_LIMIT':
    case 'KEY_LIMIT':
    case 'TENANT_QUOTA':
    case 'NO_NODE_TAKES_TENANT':
    case 'NO_NODE_HAS_HANDLER':
    case 'KEY_UNAVAILABLE':
      return undefined;
  }
}
