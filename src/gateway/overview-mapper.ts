/** Maps the overview to the contract, and keeps it within its size: where it is too large, the least pressing queues go. */
import type { Alert } from '../application/overview/alerts.ts';
import type { ClusterFacts } from '../application/overview/cluster-facts.ts';
import type { Overview } from '../application/overview/get-overview.ts';
import type { QueueFigures } from '../application/overview/queue-figures.ts';
import { alertKindCodes, verdictGradeCodes } from '../contract/codes.ts';
import type { Init } from '../contract/codec.ts';
import type * as wire from '../contract/messages.ts';
import { toOptionalTime, toTime } from '../contract/time.ts';
import { clipped } from '../domain/clipped-text.ts';
import { quantileMs } from '../domain/duration-histogram.ts';
import type { FailureCount } from '../domain/failure-counts.ts';
import { type QueueSurvey, unpacked, waitingIn } from '../domain/queue-survey.ts';
import type { Verdict } from '../domain/verdicts.ts';
import { toQuantiles } from './queue-stats-mapper.ts';

const overviewMaxBytes = 65_536;
const alertsMax = 40;
const failuresMax = 20;
/** Of a sentence or cause, of a subject, and of a code. A reason of a quarantine and a code are words of users. */
const textMaxBytes = { sentence: 300, subject: 130, code: 100 } as const;

export function toOverview(
  overview: Overview,
  sizeOf: (answer: Init<wire.GetOverviewResponse>) => number,
): Init<wire.GetOverviewResponse> {
  const { nowMs, alerts, failures, cluster, survey } = overview;
  const answer: Init<wire.GetOverviewResponse> = {
    time: toTime(nowMs),
    age: toTime(overview.ageMs),
    workFlows: toVerdict(overview.workFlows),
    runsSucceed: toVerdict(overview.runsSucceed),
    figuresFresh: toVerdict(overview.figuresFresh),
    alerts: alerts.slice(0, alertsMax).map(toAlert),
    alertsOmitted: Math.max(0, alerts.length - alertsMax),
    totals: toTotals(survey, nowMs),
    queuesTotal: overview.queuesTotal,
    queuesMatching: overview.queuesMatching,
    failures: failures.slice(0, failuresMax).map(toFailure),
    failuresOmitted: Math.max(0, failures.length - failuresMax),
    shards: overview.shards,
    silentShards: overview.silentShards,
    cluster: cluster && toCluster(cluster),
    clusterWithheld: cluster === undefined,
  };
  return withinSize(
    answer,
    overview.queues.map((queue) => toQueueRow(queue, nowMs)),
    sizeOf,
  );
}

/** Each round leaves out as many rows as the excess takes on average, and one more. */
function withinSize(
  answer: Init<wire.GetOverviewResponse>,
  rows: readonly Init<wire.OverviewQueue>[],
  sizeOf: (answer: Init<wire.GetOverviewResponse>) => number,
): Init<wire.GetOverviewResponse> {
  const whole = { ...answer, queues: rows };
  const excess = sizeOf(whole) - overviewMaxBytes;
  if (excess <= 0 || rows.length === 0) return whole;
  const rowBytes = (sizeOf(whole) - sizeOf(answer)) / rows.length;
  return withinSize(answer, rows.slice(0, rows.length - Math.ceil(excess / rowBytes) - 1), sizeOf);
}

function toVerdict({ grade, ...texts }: Verdict): Init<wire.Verdict> {
  const { sentence, cause, command } = texts;
  return { grade: verdictGradeCodes[grade], sentence, cause: short(cause, 'sentence'), command };
}

function toAlert({ kind, grade, sentence, subject, sinceMs, page, command }: Alert): Init<wire.OverviewAlert> {
  return {
    kind: alertKindCodes[kind],
    grade: verdictGradeCodes[grade],
    sentence: short(sentence, 'sentence'),
    subject: short(subject, 'subject'),
    sinceTime: toOptionalTime(sinceMs),
    page,
    command,
  };
}

function toTotals({ totals, waits, runs }: QueueSurvey, nowMs: number): Init<wire.OverviewTotals> {
  return {
    waiting: waitingIn(totals),
    waitingByPriority: totals.waiting,
    dueLater: totals.later,
    running: totals.running,
    pausedWaiting: totals.pausedWaiting,
    arrivalsPerSecond: totals.arrivals,
    startsPerSecond: totals.starts,
    endsPerSecond: totals.ends,
    failedAttemptsPerSecond: totals.failedAttempts,
    failedJobsPerSecond: totals.failedJobs,
    oldestAge: ageOf(totals.oldestReadyAtMs, nowMs),
    wait: toQuantiles(waits),
    run: toQuantiles(runs),
  };
}

function toQueueRow(figures: QueueFigures, nowMs: number): Init<wire.OverviewQueue> {
  const { row, waiting, isPaused, isQuarantined, maxDepth, maxRunning } = figures;
  const waits = unpacked(row.waits);
  return {
    name: row.queue,
    waiting,
    waitingByPriority: waiting > 0 ? row.waiting : [],
    dueLater: row.later,
    running: row.running,
    oldestAge: ageOf(row.oldestReadyAtMs, nowMs),
    arrivalsPerSecond: row.arrivals,
    startsPerSecond: row.starts,
    endsPerSecond: row.ends,
    failedAttemptsPerSecond: row.failedAttempts,
    failedJobsPerSecond: row.failedJobs,
    waitP50: toOptionalTime(quantileMs(waits, 0.5)),
    waitP99: toOptionalTime(quantileMs(waits, 0.99)),
    paused: isPaused,
    quarantined: isQuarantined,
    maxDepth,
    maxRunning,
  };
}

function ageOf(readyAtMs: number | undefined, nowMs: number) {
  return toOptionalTime(readyAtMs === undefined ? undefined : Math.max(0, nowMs - readyAtMs));
}

function toFailure({ code, count, lastAtMs, queue, handler, jobId }: FailureCount): Init<wire.OverviewFailure> {
  return { code: short(code, 'code'), count, lastTime: toTime(lastAtMs), queue, handler, jobId };
}

function toCluster({ nodes, slots, unowned }: ClusterFacts): Init<wire.OverviewCluster> {
  return {
    nodes,
    slotsTotal: slots.total,
    slotsUsed: slots.used,
    slotsFree: slots.free,
    shardsUnowned: unowned.length,
  };
}

/** A UTF-16 unit takes three bytes at most. */
function short(text: string, what: keyof typeof textMaxBytes): string {
  const maxBytes = textMaxBytes[what];
  const cut = clipped(text, maxBytes);
  return Buffer.byteLength(cut) <= maxBytes ? cut : clipped(cut, Math.floor(maxBytes / 3));
}
