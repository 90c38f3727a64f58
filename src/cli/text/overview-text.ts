/** Formats the overview for people: the three verdicts, what is wrong, and a table of queues. */
import type {
  AlertInfo,
  OverviewFailureInfo,
  OverviewInfo,
  OverviewQueueInfo,
  VerdictGradeInfo,
  VerdictInfo,
} from '../../client/index.ts';
import { oneLine } from '../../domain/printable.ts';
import { durationText } from './duration-text.ts';
import { type Fit, tableText } from './text-table.ts';

const gradeWidth = 8;
const alertsShown = 3;

const words: Readonly<Record<VerdictGradeInfo, string>> = {
  good: 'GOOD',
  doubtful: 'DOUBTFUL',
  bad: 'BAD',
  unknown: 'UNKNOWN',
  unspecified: '?',
};

function verdicts({ workFlows, runsSucceed, figuresFresh }: OverviewInfo): readonly (readonly [string, VerdictInfo])[] {
  return [
    ['work flows?', workFlows],
    ['runs succeed?', runsSucceed],
    ['figures fresh?', figuresFresh],
  ];
}

/** Nothing having run lately is no fault. What is not known about work and figures is. */
export function isHealthy({ workFlows, runsSucceed, figuresFresh }: OverviewInfo): boolean {
  const isFine = runsSucceed.grade === 'good' || runsSucceed.grade === 'unknown';
  return workFlows.grade === 'good' && figuresFresh.grade === 'good' && isFine;
}

/** The verdicts with their causes and next steps, and what is wrong now. */
export function healthText(page: OverviewInfo): string {
  const lines = verdicts(page).flatMap(([question, { grade, sentence, cause, command }]) => [
    verdictLine(question, grade, sentence),
    ...(cause === '' ? [] : [`${' '.repeat(gradeWidth + 2)}likely: ${cause}`]),
    ...(command === '' ? [] : [`${' '.repeat(gradeWidth + 2)}next:   ${command}`]),
  ]);
  const alerts = page.alerts.flatMap((alert) => [
    alertLine(alert),
    `${' '.repeat(gradeWidth + 2)}next:   ${alert.command}`,
  ]);
  const more = page.alertsOmitted > 0 ? [`... ${page.alertsOmitted} more`] : [];
  const wrong = alerts.length === 0 ? [] : ['', 'Wrong now:', ...alerts, ...more];
  return [...lines, ...wrong].map((line) => `${oneLine(line)}\n`).join('');
}

function verdictLine(question: string, grade: VerdictGradeInfo, sentence: string): string {
  return `${words[grade].padEnd(gradeWidth)}  ${question.padEnd(14)}  ${sentence}`;
}

function alertLine({ grade, sentence }: Pick<AlertInfo, 'grade' | 'sentence'>): string {
  return `${words[grade].padEnd(gradeWidth)}  ${sentence}`;
}

export const topHeader = [
  ...['QUEUE', 'WAITING', 'LATER', 'RUNNING', 'OLDEST', 'IN', 'STARTS', 'ENDS', 'FAILS', 'WAIT P50', 'P99', 'STATE'],
];
export const topFit: Fit = {
  spare: ['ENDS', 'WAIT P50', 'LATER', 'STARTS', 'P99', 'IN', 'FAILS'],
  path: 'QUEUE',
  lastWidth: 12,
};

export const topSorts = ['pressing', 'waiting', 'oldest', 'running', 'fails', 'name'] as const;
export type TopSort = (typeof topSorts)[number];

const sizes: Readonly<Record<Exclude<TopSort, 'pressing' | 'name'>, (queue: OverviewQueueInfo) => number>> = {
  waiting: ({ waiting }) => waiting,
  oldest: ({ oldestAgeMs = 0 }) => oldestAgeMs,
  running: ({ running }) => running,
  fails: ({ failedAttemptsPerSecond }) => failedAttemptsPerSecond,
};

/** The gateway's own order puts first what needs somebody most. */
export function sortedQueues(queues: readonly OverviewQueueInfo[], sort: TopSort): readonly OverviewQueueInfo[] {
  if (sort === 'pressing') return queues;
  if (sort === 'name') return queues.toSorted((one, other) => (one.name < other.name ? -1 : 1));
  const size = sizes[sort];
  return queues.toSorted((one, other) => size(other) - size(one));
}

export function topRow(queue: OverviewQueueInfo): readonly string[] {
  const { name, waiting, dueLater, running, oldestAgeMs, waitP50Ms, waitP99Ms } = queue;
  const time = (ms: number | undefined): string => (ms === undefined ? '-' : durationText(ms));
  return [
    name,
    `${waiting}`,
    `${dueLater}`,
    `${running}`,
    time(oldestAgeMs),
    rateText(queue.arrivalsPerSecond),
    rateText(queue.startsPerSecond),
    rateText(queue.endsPerSecond),
    rateText(queue.failedAttemptsPerSecond),
    time(waitP50Ms),
    time(waitP99Ms),
    stateText(queue),
  ];
}

function stateText({
  paused,
  quarantined,
  waiting,
  dueLater,
  running,
  maxDepth,
  maxRunning,
}: OverviewQueueInfo): string {
  const states = [
    paused ? 'paused' : '',
    quarantined ? 'quarantined' : '',
    maxDepth === undefined ? '' : `${Math.floor((100 * (waiting + dueLater)) / maxDepth)}% full`,
    maxRunning === undefined ? '' : `${running}/${maxRunning} run`,
  ];
  return states.filter((state) => state !== '').join(', ') || '-';
}

function rateText(perSecond: number): string {
  if (perSecond === 0) return '-';
  return `${perSecond < 10 ? perSecond.toFixed(2) : Math.round(perSecond)}/s`;
}

/** What stands over the table. `trouble`: why there are no newer figures. */
export function topTitles(
  page: OverviewInfo,
  { ageMs, sort, trouble }: { readonly ageMs: number; readonly sort: TopSort; readonly trouble?: string },
): readonly string[] {
  const time = page.at.toISOString().slice(11, 19);
  const keys = `troupe top (q quits, s sorts: ${sort})  ${time}  figures ${durationText(ageMs)} old`;
  const lines = [
    trouble === undefined ? keys : `${keys}  ${trouble}`,
    ...verdicts(page).map(([question, { grade, sentence }]) => verdictLine(question, grade, sentence)),
    totalsLine(page),
    ...page.alerts.slice(0, alertsShown).map(alertLine),
    ...moreAlerts(page),
    ...failureLine(page.failures),
  ];
  return lines.map(oneLine);
}

function moreAlerts({ alerts, alertsOmitted }: OverviewInfo): readonly string[] {
  const more = Math.max(0, alerts.length - alertsShown) + alertsOmitted;
  return more === 0 ? [] : [`... ${more} more alerts: troupe health`];
}

function totalsLine({ totals, cluster, queuesTotal }: OverviewInfo): string {
  const { waiting, dueLater, running, startsPerSecond, failedAttemptsPerSecond } = totals;
  const slots = cluster === undefined ? [] : [`slots ${cluster.slotsUsed}/${cluster.slotsTotal}`];
  const nodes = cluster?.nodes.reduce((sum, row) => sum + row.nodes, 0);
  const parts = [
    ...(nodes === undefined ? [] : [`nodes ${nodes}`]),
    ...slots,
    `queues ${queuesTotal}`,
    `waiting ${waiting}`,
    `later ${dueLater}`,
    `running ${running}`,
    `starts ${rateText(startsPerSecond)}`,
    `fails ${rateText(failedAttemptsPerSecond)}`,
  ];
  return parts.join('  ');
}

function failureLine(failures: readonly OverviewFailureInfo[]): readonly string[] {
  const most = failures.slice(0, 3).map(({ code, count }) => `${code} ${Math.max(1, Math.round(count))}`);
  return most.length === 0 ? [] : [`failed in 5 min: ${most.join(', ')}`];
}

export function topText(page: OverviewInfo, sort: TopSort): string {
  const [, ...titles] = topTitles(page, { ageMs: page.ageMs, sort });
  const { queues, queuesMatching } = page;
  const rows = sortedQueues(queues, sort).map(topRow);
  const table = rows.length === 0 ? '' : `\n${tableText(topHeader, rows)}`;
  const left = queuesMatching - rows.length;
  return `${titles.join('\n')}\n${table}${left > 0 ? `... ${left} more queues\n` : ''}`;
}
