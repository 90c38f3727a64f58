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

/** Time and age of a later answer may take some bytes more. */
const spareBytes = 16;
const overviewMaxBytes = 65_536 - spareBytes;
const longestId = '0'.repeat(36);
const alertsMax = 40;
const failuresMax = 20;
/** Of a sentence or cause, of a subject, and of a code. A reason of a quarantine and a code are words of users. */
const textMaxBytes = { sentence: 300, subject: 130, code: 100 } as const;

type Answer = Init<wire.GetOverviewResponse>;

/**
 * What is the same for all who see the same list is mapped and measured once, however many look. `sizeOf` encodes an answer.
 */
export function createOverviewMapper(sizeOf: (answer: Answer) => number): (overview: Overview) => Answer {
  const made = new WeakMap<Overview['queues'], Answer>();
  return (overview) => {
    const known = made.get(overview.queues) ?? withinSize(bodyOf(overview), rowsOf(overview), sizeOf);
    made.set(overview.queues, known);
    const { nowMs, ageMs, failures } = overview;
    return { ...known, time: toTime(nowMs), age: toTime(ageMs), failures: failuresOf(failures) };
  };
}

function bodyOf(overview: Overview): Answer {
  const { nowMs, ageMs, askedAtMs, alerts, failures, cluster, survey } = overview;
  return {
    // These are replaced in each answer. Here they count for the size.
    time: toTime(nowMs),
    age: toTime(ageMs),
    failures: failuresOf(failures.map((failure) => ({ ...failure, jobId: longestId }))),
    workFlows: toVerdict(overview.workFlows),
    runsSucceed: toVerdict(overview.runsSucceed),
    figuresFresh: toVerdict(overview.figuresFresh),
    alerts: alerts.slice(0, alertsMax).map(toAlert),
    alertsOmitted: Math.max(0, alerts.length - alertsMax),
    totals: toTotals(survey, askedAtMs),
    queuesTotal: overview.queuesTotal,
    queuesMatching: overview.queuesMatching,
    failuresOmitted: Math.max(0, failures.length - failuresMax),
    shards: overview.shards,
    silentShards: overview.silentShards,
    cluster: cluster && toCluster(cluster),
    clusterWithheld: cluster === undefined,
  };
}

function rowsOf({ queues, askedAtMs }: Overview): readonly Init<wire.OverviewQueue>[] {
  return queues.map((queue) => toQueueRow(queue, askedAtMs));
}

function failuresOf(failures: readonly FailureCount[]): readonly Init<wire.OverviewFailure>[] {
  return failures.slice(0, failuresMax).map(toFailure);
}

/** Each round leaves out as many rows as the excess takes on average, and one more. */
function withinSize(
  answer: Answer,
  rows: readonly Init<wire.OverviewQueue>[],
  sizeOf: (answer: Answer) => number,
): Answer {
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

function toTotals({ totals, waits, runs }: QueueSurvey, atMs: number): Init<wire.OverviewTotals> {
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
    oldestAge: ageOf(totals.oldestReadyAtMs, atMs),
    wait: toQuantiles(waits),
    run: toQuantiles(runs),
  };
}

function toQueueRow(figures: QueueFigures, atMs: number): Init<wire.OverviewQueue> {
  const { row, waiting, isPaused, isQuarantined, maxDepth, maxRunning } = figures;
  const waits = unpacked(row.waits);
  return {
    name: row.queue,
    waiting,
    waitingByPriority: waiting > 0 ? row.waiting : [],
    dueLater: row.later,
    running: row.running,
    oldestAge: ageOf(row.oldestReadyAtMs, atMs),
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

function ageOf(readyAtMs: number | undefined, atMs: number) {
  return toOptionalTime(readyAtMs === undefined ? undefined : Math.max(0, atMs - readyAtMs));
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
