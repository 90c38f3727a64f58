/**
 * What a first page is drawn from: the same for all who may see the same, made at most once a second, of the memory of
 * shards and nodes.
 */
import { isInSome } from '../../domain/access/role-binding.ts';
import type { FailureCount } from '../../domain/failure-counts.ts';
import { given } from '../../domain/given.ts';
import type { QueueSurvey } from '../../domain/queue-survey.ts';
import { areFiguresFresh, doesWorkFlow, doRunsSucceed, type FlowFacts, type Verdict } from '../../domain/verdicts.ts';
import type { HandlerFleet } from '../jobs/handler-fleet.ts';
import type { CallContext } from '../ports/call-context.ts';
import type { Membership, SharedConfig } from '../ports/membership.ts';
import type { QueueMark, QueueQuarantines } from '../ports/queue-quarantines.ts';
import type { KnownTenants } from '../tenants/known-tenants.ts';
import type { TenantStatsReader } from '../tenants/tenant-stats.ts';
import { type Alert, alertsOf, Sightings } from './alerts.ts';
import type { ClusterFacts, ReadClusterFacts } from './cluster-facts.ts';
import { figuresOf, type LimitsParts, type QueueFigures, settingsOf } from './queue-figures.ts';
import { SharedAnswers } from './shared-answers.ts';
import type { ClusterSurvey, SurveyReader } from './survey-reader.ts';

export interface Picture {
  /** When the shards were asked, epoch ms. */
  readonly askedAtMs: number;
  readonly workFlows: Verdict;
  readonly runsSucceed: Verdict;
  readonly figuresFresh: Verdict;
  readonly alerts: readonly Alert[];
  readonly survey: QueueSurvey;
  /** Those that shards tell of, most pressing first. */
  readonly queues: readonly QueueFigures[];
  /** Names of all queues that may be seen, sorted. */
  readonly names: readonly string[];
  readonly queuesTotal: number;
  readonly quarantined: ReadonlySet<string>;
  readonly failures: readonly FailureCount[];
  readonly shards: number;
  readonly silentShards: number;
  /** Absent if the caller lacks `cluster.read`. */
  readonly cluster?: ClusterFacts;
}

export interface PictureParts extends LimitsParts {
  readonly surveys: SurveyReader;
  readonly clusterFacts: ReadClusterFacts;
  readonly config: Pick<SharedConfig, 'queues'>;
  readonly quarantines: Pick<QueueQuarantines, 'ofTenant'>;
  readonly membership: Pick<Membership, 'nodes'>;
  readonly fleet: Pick<HandlerFleet, 'someNodeTakes'>;
  readonly known: Pick<KnownTenants, 'lastSeen'>;
  readonly tenantStats: Pick<TenantStatsReader, 'read'>;
}

/** Queues whose limits are looked up. */
const limitsMax = 200;
const maxAgeMs = 1_000;
const namesMaxAgeMs = 5_000;

/** The picture for a caller that may read the queues of these patterns. Undefined: all. */
export function createPictures(
  parts: PictureParts,
): (context: CallContext, onlyIn: readonly string[] | undefined) => Promise<Picture> {
  const { surveys, clock, config } = parts;
  const pictures = new SharedAnswers<Picture>(clock, maxAgeMs);
  const names = new SharedAnswers<ReadonlyMap<string, readonly string[]>>(clock, namesMaxAgeMs);
  const sightings = new Sightings();
  const allNames = () => names.read('', async () => namesByTenant(config.queues().keys()));

  async function make(context: CallContext, onlyIn: readonly string[] | undefined): Promise<Picture> {
    const { tenant, principal } = context;
    const seesCluster = principal.permissions.has('cluster.read');
    const [survey, byTenant, cluster, quotas] = await Promise.all([
      surveys.read({ tenant, ...given({ onlyIn }) }),
      allNames(),
      seesCluster ? parts.clusterFacts(context) : undefined,
      onlyIn === undefined ? quotasOf(parts, tenant) : [],
    ]);
    const seen = (queue: string): boolean => isInSome(queue, onlyIn);
    const marks = liveMarks(parts, tenant).filter(({ queue }) => seen(queue));
    const quarantined = new Set(marks.map(({ queue }) => queue));
    const known = new Set([
      ...(byTenant.get(tenant) ?? []).filter(seen),
      ...survey.stats.rows.map(({ queue }) => queue),
    ]);
    const settings = await settingsOf(
      parts,
      tenant,
      survey.stats.rows.slice(0, limitsMax).map(({ queue }) => queue),
    );
    const queues = survey.stats.rows.map((row) => figuresOf(row, settings.get(row.queue), quarantined.has(row.queue)));
    const hasWorkers = parts.fleet.someNodeTakes(tenant);
    const judged = judge({ survey, queues, hasWorkers, cluster, nowMs: clock.nowMs() });
    const alerts = alertsOf({
      ...judged.facts,
      fresh: judged.figuresFresh,
      ageMs: clock.nowMs() - survey.askedAtMs,
      unserved: survey.stats.unserved,
      marks,
      queues,
      quotas,
      ...given({ cluster }),
    });
    return {
      ...judged,
      askedAtMs: survey.askedAtMs,
      alerts: sightings.date(tenant, alerts, clock.nowMs()),
      survey: survey.stats,
      queues,
      queuesTotal: known.size,
      names: [...known].sort(),
      quarantined,
      failures: survey.stats.failures,
      shards: survey.shards,
      silentShards: survey.silent,
      ...given({ cluster }),
    };
  }

  return (context, onlyIn) => {
    const { tenant, principal } = context;
    const key = JSON.stringify([tenant, onlyIn ?? null, principal.permissions.has('cluster.read')]);
    return pictures.read(key, () => make(context, onlyIn));
  };
}

function namesByTenant(keys: Iterable<string>): ReadonlyMap<string, readonly string[]> {
  const names = new Map<string, string[]>();
  for (const key of keys) {
    const [tenant = '', queue = ''] = key.split('/');
    const ofTenant = names.get(tenant) ?? [];
    ofTenant.push(queue);
    names.set(tenant, ofTenant);
  }
  return names;
}

/** A mark of a node that is gone holds nothing back. */
function liveMarks({ quarantines, membership }: PictureParts, tenant: string): readonly QueueMark[] {
  const marks = quarantines.ofTenant(tenant);
  if (marks.length === 0) return marks;
  const present = new Set(membership.nodes().map(({ nodeId }) => nodeId));
  return marks.filter(({ node }) => node === undefined || present.has(node));
}

/** Only quotas that are set are counted. */
async function quotasOf({ known, tenantStats }: PictureParts, tenant: string) {
  const quotas = known.lastSeen(tenant)?.quotas ?? {};
  const { runningJobs, unfinishedJobs, storedBytes } = quotas;
  if (runningJobs === undefined && unfinishedJobs === undefined && storedBytes === undefined) return [];
  const { stats } = await tenantStats.read(tenant);
  const rows = [
    { quota: 'running_jobs', used: stats.running, most: runningJobs },
    { quota: 'unfinished_jobs', used: stats.unfinished, most: unfinishedJobs },
    { quota: 'stored_bytes', used: stats.storedBytes ?? 0, most: storedBytes },
  ];
  return rows.flatMap(({ most, ...row }) => (most === undefined ? [] : [{ ...row, most }]));
}

interface Judged {
  readonly survey: ClusterSurvey;
  readonly queues: readonly QueueFigures[];
  readonly hasWorkers: boolean;
  readonly cluster: ClusterFacts | undefined;
  readonly nowMs: number;
}

function judge({ survey, queues, hasWorkers, cluster, nowMs }: Judged) {
  const { stats, shards, silent: silentShards, askedAtMs } = survey;
  const { totals, failures } = stats;
  const facts = flowFacts(queues, survey);
  const slots = cluster?.slots;
  const [most] = failures;
  return {
    facts: { shards, silentShards, hasWorkers, waiting: facts.waiting - facts.pausedWaiting },
    workFlows: doesWorkFlow({ ...facts, hasWorkers, shards, silentShards, ...given({ slots }) }),
    runsSucceed: doRunsSucceed({
      endsPerSecond: totals.ends,
      failedAttemptsPerSecond: totals.failedAttempts,
      failedJobsPerSecond: totals.failedJobs,
      recentFailures: failures.reduce((sum, { count }) => sum + count, 0),
      ...given({ most }),
    }),
    figuresFresh: areFiguresFresh({
      ageMs: nowMs - askedAtMs,
      shards,
      silentShards,
      ...given({ silentNodes: cluster?.silentNodes.length }),
    }),
  };
}

type QueueFacts = Omit<FlowFacts, 'hasWorkers' | 'slots' | 'shards' | 'silentShards'>;

/** What is held back is known of the queues that shards tell of one by one, which are the most pressing ones. */
function flowFacts(queues: readonly QueueFigures[], { stats, askedAtMs }: ClusterSurvey): QueueFacts {
  const { totals, unserved } = stats;
  const sumOf = (of: readonly QueueFigures[]): number => of.reduce((sum, { waiting }) => sum + waiting, 0);
  const due = queues.filter(({ waiting, isPaused }) => waiting > 0 && !isPaused);
  const oldest = due.reduce<QueueFigures | undefined>(
    (first, one) => (readyAtMs(one) < readyAtMs(first) ? one : first),
    undefined,
  );
  return {
    waiting: totals.waiting.reduce((sum, jobs) => sum + jobs, 0),
    pausedWaiting: totals.pausedWaiting,
    quarantinedWaiting: sumOf(due.filter(({ isQuarantined }) => isQuarantined)),
    unservedWaiting: unserved.reduce((sum, { jobs }) => sum + jobs, 0),
    limitedWaiting: sumOf(due.filter(({ row, maxRunning }) => maxRunning !== undefined && row.running >= maxRunning)),
    running: totals.running,
    oldestWaitMs: oldest === undefined ? 0 : Math.max(0, askedAtMs - readyAtMs(oldest)),
    arrivalsPerSecond: totals.arrivals,
    startsPerSecond: totals.starts,
    queue: oldest?.row.queue ?? '',
  };
}

function readyAtMs(figures: QueueFigures | undefined): number {
  return figures?.row.oldestReadyAtMs ?? Infinity;
}
