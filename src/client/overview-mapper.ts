/** Maps the overview of the contract to the types of the client. */
import { alertKindCodes, nodeStateCodes, verdictGradeCodes } from '../contract/codes.ts';
import { numberOf } from '../contract/int64.ts';
import type * as wire from '../contract/messages.ts';
import { durationMs, timestampMs } from '../contract/time.ts';
import { wordOf } from '../contract/word-of.ts';
import { given } from '../domain/given.ts';
import type {
  AlertInfo,
  OverviewClusterInfo,
  OverviewFailureInfo,
  OverviewFigures,
  OverviewInfo,
  OverviewQueueInfo,
  OverviewTotalsInfo,
  VerdictInfo,
} from './overview-types.ts';
import { fromQuantiles } from './queue-stats.ts';

export function fromOverview(answer: wire.GetOverviewResponse): OverviewInfo {
  return {
    at: new Date(timestampMs(answer.time) ?? 0),
    ageMs: durationMs(answer.age) ?? 0,
    workFlows: fromVerdict(answer.workFlows),
    runsSucceed: fromVerdict(answer.runsSucceed),
    figuresFresh: fromVerdict(answer.figuresFresh),
    alerts: answer.alerts.map(fromAlert),
    alertsOmitted: answer.alertsOmitted,
    totals: fromTotals(answer.totals),
    queues: answer.queues.map(fromQueueRow),
    queuesTotal: answer.queuesTotal,
    queuesMatching: answer.queuesMatching,
    failures: answer.failures.map(fromFailure),
    failuresOmitted: answer.failuresOmitted,
    shards: answer.shards,
    silentShards: answer.silentShards,
    ...given({ cluster: answer.cluster ? fromCluster(answer.cluster) : undefined }),
  };
}

function fromVerdict(verdict: wire.Verdict | null): VerdictInfo {
  if (verdict === null) return { grade: 'unspecified', sentence: '', cause: '', command: '' };
  const { grade, sentence, cause, command } = verdict;
  return { grade: wordOf(verdictGradeCodes, grade) ?? 'unspecified', sentence, cause, command };
}

function fromAlert(alert: wire.OverviewAlert): AlertInfo {
  const { kind, grade, sentence, subject, sinceTime, page, command } = alert;
  const sinceMs = timestampMs(sinceTime);
  return {
    kind: wordOf(alertKindCodes, kind) ?? 'unspecified',
    grade: wordOf(verdictGradeCodes, grade) ?? 'unspecified',
    sentence,
    subject,
    ...given({ since: sinceMs === undefined ? undefined : new Date(sinceMs) }),
    page,
    command,
  };
}

const none = { waiting: 0, waitingByPriority: [], dueLater: 0, running: 0 };
const noRates = {
  arrivalsPerSecond: 0,
  startsPerSecond: 0,
  endsPerSecond: 0,
  failedAttemptsPerSecond: 0,
  failedJobsPerSecond: 0,
};

function fromTotals(totals: wire.OverviewTotals | null): OverviewTotalsInfo {
  if (totals === null) return { ...none, ...noRates, pausedWaiting: 0 };
  return {
    ...ratesOf(totals),
    waiting: numberOf(totals.waiting),
    waitingByPriority: totals.waitingByPriority.map(numberOf),
    dueLater: numberOf(totals.dueLater),
    running: numberOf(totals.running),
    pausedWaiting: numberOf(totals.pausedWaiting),
    ...given({
      wait: totals.wait ? fromQuantiles(totals.wait) : undefined,
      run: totals.run ? fromQuantiles(totals.run) : undefined,
    }),
  };
}

function ratesOf(
  row: wire.OverviewTotals | wire.OverviewQueue,
): Omit<OverviewFigures, 'waiting' | 'waitingByPriority' | 'dueLater' | 'running'> {
  const { arrivalsPerSecond, startsPerSecond, endsPerSecond, failedAttemptsPerSecond, failedJobsPerSecond } = row;
  return {
    ...given({ oldestAgeMs: durationMs(row.oldestAge) }),
    arrivalsPerSecond,
    startsPerSecond,
    endsPerSecond,
    failedAttemptsPerSecond,
    failedJobsPerSecond,
  };
}

function fromQueueRow(row: wire.OverviewQueue): OverviewQueueInfo {
  const { name, waiting, waitingByPriority, dueLater, running, paused, quarantined } = row;
  return {
    name,
    waiting,
    waitingByPriority,
    dueLater,
    running,
    ...ratesOf(row),
    ...given({ waitP50Ms: durationMs(row.waitP50), waitP99Ms: durationMs(row.waitP99) }),
    paused,
    quarantined,
    ...given({ maxDepth: row.maxDepth ?? undefined, maxRunning: row.maxRunning ?? undefined }),
  };
}

function fromFailure({ code, count, lastTime, queue, handler, jobId }: wire.OverviewFailure): OverviewFailureInfo {
  const lastAt = new Date(timestampMs(lastTime) ?? 0);
  return { code, count, lastAt, queue, handler, ...given({ jobId: jobId || undefined }) };
}

function fromCluster(cluster: wire.OverviewCluster): OverviewClusterInfo {
  const { slotsTotal, slotsUsed, slotsFree, shardsUnowned } = cluster;
  const nodes = cluster.nodes.map(({ state, version, nodes: count }) => ({
    state: wordOf(nodeStateCodes, state) ?? ('unspecified' as const),
    version,
    nodes: count,
  }));
  return { nodes, slotsTotal, slotsUsed, slotsFree, shardsUnowned };
}
