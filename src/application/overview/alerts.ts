/**
 * What is wrong now, as a bounded list: each problem with a sentence, the page that says what to do, and the command to go
 * on with. Pure, but for `Sightings`, which remembers since when a problem was seen.
 */
import { given } from '../../domain/given.ts';
import { needText } from '../../domain/handler-need.ts';
import type { UnservedJobs } from '../../domain/queue-survey.ts';
import { failureShare, spoken, type Verdict } from '../../domain/verdicts.ts';
import type { QueueMark } from '../ports/queue-quarantines.ts';
import type { ClusterFacts } from './cluster-facts.ts';
import type { QueueFigures } from './queue-figures.ts';

type AlertKind =
  | 'node-silent'
  | 'shard-unowned'
  | 'shards-silent'
  | 'no-workers'
  | 'jobs-unserved'
  | 'queue-quarantined'
  | 'queue-nearly-full'
  | 'queue-fails'
  | 'quota-nearly-used'
  | 'figures-stale';

export interface Alert {
  readonly kind: AlertKind;
  readonly grade: 'doubtful' | 'bad';
  readonly sentence: string;
  readonly subject: string;
  /** Absent: nobody has recorded it. */
  readonly sinceMs?: number;
  readonly page: string;
  readonly command: string;
}

export interface AlertFacts {
  readonly shards: number;
  readonly silentShards: number;
  readonly fresh: Verdict;
  readonly ageMs: number;
  readonly hasWorkers: boolean;
  readonly waiting: number;
  readonly unserved: readonly UnservedJobs[];
  readonly marks: readonly QueueMark[];
  readonly queues: readonly QueueFigures[];
  /** Uses of the quotas of the tenant. Empty for a caller that sees some of its queues only. */
  readonly quotas: readonly { readonly quota: string; readonly used: number; readonly most: number }[];
  /** Absent if the caller may not know. */
  readonly cluster?: ClusterFacts;
}

/** Alerts of one kind. More of the same say nothing new. */
const ofKindMax = 20;
const nearlyShare = 0.8;
/** Failed attempts a second below which a queue is left alone: about three in a minute. */
const failsPerSecond = 0.05;

const alertsPage = (anchor: string): string => `docs/operating/alerts.md#${anchor}`;
const visibilityPage = (anchor: string): string => `docs/operating/visibility.md#${anchor}`;

/** Worst first. */
export function alertsOf(facts: AlertFacts): readonly Alert[] {
  const kinds = [
    ofWorkers(facts),
    ofShards(facts),
    unservedJobs(facts),
    quarantines(facts),
    ofNodes(facts),
    fullQueues(facts),
    failingQueues(facts),
    ofQuotas(facts),
    staleFigures(facts),
  ];
  const all = kinds.flatMap((alerts) => alerts.slice(0, ofKindMax));
  return [...all.filter(({ grade }) => grade === 'bad'), ...all.filter(({ grade }) => grade !== 'bad')];
}

function ofWorkers({ hasWorkers, waiting }: AlertFacts): readonly Alert[] {
  if (hasWorkers || waiting === 0) return [];
  const sentence = `No live worker takes these jobs, and ${waiting} wait.`;
  const page = alertsPage('troupejobsunserved');
  return [{ kind: 'no-workers', grade: 'bad', sentence, subject: '', page, command: 'troupe nodes' }];
}

function ofShards({ cluster, shards, silentShards }: AlertFacts): readonly Alert[] {
  const page = alertsPage('troupeshardsilent');
  const command = 'troupe shards';
  const unowned = cluster?.unowned ?? [];
  const alerts: Alert[] = [];
  if (unowned.length > 0) {
    const named = unowned.slice(0, 10).join(', ');
    const subject = unowned.length > 10 ? `${named}, …` : named;
    const sentence = `${unowned.length} of ${shards} shards have no owner that says so: ${subject}.`;
    alerts.push({ kind: 'shard-unowned', grade: 'bad', sentence, subject, page, command });
  }
  if (silentShards > 0) {
    const grade = silentShards * 2 >= shards ? 'bad' : 'doubtful';
    const sentence = `${silentShards} of ${shards} shards did not answer within a second.`;
    alerts.push({ kind: 'shards-silent', grade, sentence, subject: '', page, command });
  }
  return alerts;
}

function unservedJobs({ unserved, hasWorkers }: AlertFacts): readonly Alert[] {
  if (!hasWorkers) return [];
  return unserved.map(({ queue, jobs, ...need }) => {
    const subject = needText(need);
    return {
      kind: 'jobs-unserved',
      grade: 'bad',
      sentence: `${jobs === 1 ? '1 job waits' : `${jobs} jobs wait`} for ${subject}, which no live worker has; some are in the queue ${queue}.`,
      subject,
      page: alertsPage('troupejobsunserved'),
      command: 'troupe nodes',
    };
  });
}

function quarantines({ marks }: AlertFacts): readonly Alert[] {
  return marks.map(({ queue, node, reason, sinceMs }) => ({
    kind: 'queue-quarantined',
    grade: node === undefined ? 'bad' : 'doubtful',
    sentence: `The queue ${queue} is in quarantine on ${node === undefined ? 'all nodes' : `the node ${node}`}: ${reason}`,
    subject: queue,
    sinceMs,
    page: visibilityPage('quarantine-of-a-queue'),
    command: `troupe resume ${queue}`,
  }));
}

function ofNodes({ cluster }: AlertFacts): readonly Alert[] {
  return (cluster?.silentNodes ?? []).map((node) => ({
    kind: 'node-silent',
    grade: 'doubtful',
    sentence: `The node ${node} is a member and does not answer.`,
    subject: node,
    page: visibilityPage('nodes-troupe-nodes'),
    command: 'troupe nodes',
  }));
}

function fullQueues({ queues }: AlertFacts): readonly Alert[] {
  return queues.flatMap(({ row, waiting, maxDepth }) => {
    const depth = waiting + row.later;
    if (maxDepth === undefined || depth < nearlyShare * maxDepth) return [];
    const isFull = depth >= maxDepth;
    const says = isFull ? 'is full and refuses jobs' : `is ${Math.floor((100 * depth) / maxDepth)} % full`;
    const sentence = `The queue ${row.queue} ${says}: it holds ${depth} of ${maxDepth} jobs.`;
    const page = alertsPage('troupequeuewaits');
    const command = `troupe queues get ${row.queue}`;
    return [
      { kind: 'queue-nearly-full', grade: isFull ? 'bad' : 'doubtful', sentence, subject: row.queue, page, command },
    ] as const;
  });
}

function failingQueues({ queues }: AlertFacts): readonly Alert[] {
  return queues.flatMap(({ row }) => {
    const share = failureShare({
      endsPerSecond: row.ends,
      failedAttemptsPerSecond: row.failedAttempts,
      failedJobsPerSecond: row.failedJobs,
    });
    if (row.failedAttempts < failsPerSecond || share < 0.5) return [];
    const sentence = `${Math.round(100 * share)} % of the attempts of the queue ${row.queue} fail.`;
    const page = visibilityPage('the-overview');
    const command = `troupe list --queue ${row.queue} --state FAILED`;
    return [{ kind: 'queue-fails', grade: 'doubtful', sentence, subject: row.queue, page, command }] as const;
  });
}

function ofQuotas({ quotas }: AlertFacts): readonly Alert[] {
  return quotas.flatMap(({ quota, used, most }) => {
    if (used < nearlyShare * most) return [];
    const percent = Math.floor((100 * used) / most);
    const sentence = `The tenant uses ${percent} % of its quota ${quota}: ${used} of ${most}.`;
    const [page, command] = ['docs/operating/tenants.md#quotas', 'troupe whoami'];
    return [
      { kind: 'quota-nearly-used', grade: used >= most ? 'bad' : 'doubtful', sentence, subject: quota, page, command },
    ] as const;
  });
}

function staleFigures({ fresh, ageMs, silentShards }: AlertFacts): readonly Alert[] {
  if (silentShards > 0 || ageMs < 5_000 || fresh.grade === 'good' || fresh.grade === 'unknown') return [];
  const sentence = `The figures are ${spoken(ageMs)} old.`;
  const [page, command] = [visibilityPage('the-overview'), 'troupe nodes'];
  return [{ kind: 'figures-stale', grade: fresh.grade, sentence, subject: '', page, command }];
}

/** So long a problem may be out of sight and count as the same. */
const forgetMs = 30_000;
const sightingsMax = 10_000;

/** Since when this process has seen problems. Those that nobody looks at are not seen. */
export class Sightings {
  readonly #seen = new Map<string, { readonly firstMs: number; lastMs: number }>();

  /** Puts in since when it was seen where nobody has recorded it. */
  date(tenant: string, alerts: readonly Alert[], nowMs: number): readonly Alert[] {
    return alerts.map((alert) => {
      if (alert.sinceMs !== undefined) return alert;
      return { ...alert, ...given({ sinceMs: this.#see(`${tenant}/${alert.kind}/${alert.subject}`, nowMs) }) };
    });
  }

  #see(key: string, nowMs: number): number {
    const known = this.#seen.get(key);
    const seen = known !== undefined && nowMs - known.lastMs < forgetMs ? known : { firstMs: nowMs, lastMs: nowMs };
    seen.lastMs = nowMs;
    // In the order in which they were last seen, so that the first is the one to forget.
    this.#seen.delete(key);
    this.#seen.set(key, seen);
    const [oldest] = this.#seen.keys();
    if (this.#seen.size > sightingsMax && oldest !== undefined) this.#seen.delete(oldest);
    return seen.firstMs;
  }
}
