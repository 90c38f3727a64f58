/**
 * The figures of all queues of a tenant at one moment: in one shard, or added up over several. A shard tells the most
 * pressing queues one by one and all others in sums, so what it says is bounded. Pure.
 */
import { addWeights, type DurationWeights, noWeights, weightsOf } from './duration-histogram.ts';
import { addFailureCounts, type FailureCount } from './failure-counts.ts';
import { given } from './given.ts';
import { type HandlerNeed, needText } from './handler-need.ts';
import { priorities } from './priority.ts';

/** Numbers that can be added up. Rates are per second, as in `QueueStats`. */
export interface SurveyFigures {
  /** QUEUED jobs by priority, lowest first. */
  readonly waiting: readonly number[];
  /** QUEUED jobs that wait because their queue or the tenant is paused. */
  readonly pausedWaiting: number;
  readonly later: number;
  readonly running: number;
  readonly arrivals: number;
  readonly starts: number;
  readonly ends: number;
  /** Attempts that failed or were lost. */
  readonly failedAttempts: number;
  /** Jobs that ended FAILED or EXPIRED. */
  readonly failedJobs: number;
  readonly oldestReadyAtMs?: number;
}

export interface SurveyRow extends SurveyFigures {
  readonly queue: string;
  /** Durations from QUEUED to the start, packed. */
  readonly waits: PackedWeights;
}

/** Waiting jobs that no live worker can run. */
export interface UnservedJobs extends HandlerNeed {
  readonly jobs: number;
  /** A queue with some of them. */
  readonly queue: string;
}

export interface QueueSurvey {
  /** The most pressing queues first. */
  readonly rows: readonly SurveyRow[];
  /** Queues that are in the sums only. */
  readonly omitted: number;
  readonly totals: SurveyFigures;
  readonly waits: DurationWeights;
  readonly runs: DurationWeights;
  /** Most frequent first. */
  readonly failures: readonly FailureCount[];
  readonly unserved: readonly UnservedJobs[];
}

/** The number of the first bucket, and weights from there on. Most queues use a few buckets in the middle. */
export type PackedWeights = readonly number[];

/** Rows that one shard tells of. */
export const surveyRowsMax = 400;
/** Codes, and needs of handlers, that one shard tells of. */
export const surveyListMax = 50;

export const noFigures: SurveyFigures = {
  waiting: priorities.map(() => 0),
  pausedWaiting: 0,
  later: 0,
  running: 0,
  arrivals: 0,
  starts: 0,
  ends: 0,
  failedAttempts: 0,
  failedJobs: 0,
};

export const noSurvey: QueueSurvey = {
  rows: [],
  omitted: 0,
  totals: noFigures,
  waits: [],
  runs: [],
  failures: [],
  unserved: [],
};

export function packed(weights: DurationWeights): PackedWeights {
  const first = weights.findIndex((weight) => weight > 0);
  return first === -1 ? [] : [first, ...weights.slice(first)];
}

export function unpacked([first, ...weights]: PackedWeights): DurationWeights {
  return first === undefined ? [] : [...new Array<number>(first).fill(0), ...weights];
}

export function waitingIn({ waiting }: Pick<SurveyFigures, 'waiting'>): number {
  return waiting.reduce((sum, jobs) => sum + jobs, 0);
}

export function addFigures(one: SurveyFigures, other: SurveyFigures): SurveyFigures {
  const oldestReadyAtMs = Math.min(one.oldestReadyAtMs ?? Infinity, other.oldestReadyAtMs ?? Infinity);
  return {
    waiting: one.waiting.map((jobs, priority) => jobs + (other.waiting[priority] ?? 0)),
    pausedWaiting: one.pausedWaiting + other.pausedWaiting,
    later: one.later + other.later,
    running: one.running + other.running,
    arrivals: one.arrivals + other.arrivals,
    starts: one.starts + other.starts,
    ends: one.ends + other.ends,
    failedAttempts: one.failedAttempts + other.failedAttempts,
    failedJobs: one.failedJobs + other.failedJobs,
    ...given({ oldestReadyAtMs: Number.isFinite(oldestReadyAtMs) ? oldestReadyAtMs : undefined }),
  };
}

/**
 * How much a queue needs somebody's attention: first by how long its oldest job has waited and how many wait, then by the
 * share of attempts that fail, then by what runs. What is paused waits because somebody wants it to.
 */
export function pressOf(figures: SurveyFigures, nowMs: number): number {
  const { oldestReadyAtMs = nowMs, pausedWaiting, failedAttempts, ends, running, later } = figures;
  const waiting = waitingIn(figures);
  const waitedS = waiting === 0 ? 0 : Math.max(0, nowMs - oldestReadyAtMs) / 1_000;
  const waits = waiting === 0 ? 0 : 2 * Math.log2(1 + waitedS) + Math.log2(1 + waiting);
  const fails = failedAttempts === 0 ? 0 : (8 * failedAttempts) / Math.max(failedAttempts, ends);
  return (pausedWaiting > 0 ? waits / 4 : waits) + fails + 0.25 * Math.log2(1 + running) + 0.1 * Math.log2(1 + later);
}

/** Most pressing first, and by name among equals, so that the order is the same everywhere. */
export function byPress<Row extends SurveyFigures & { readonly queue: string }>(
  rows: readonly Row[],
  nowMs: number,
): readonly Row[] {
  return rows
    .map((row) => ({ row, press: pressOf(row, nowMs) }))
    .sort((one, other) => other.press - one.press || (one.row.queue < other.row.queue ? -1 : 1))
    .map(({ row }) => row);
}

/** A row that grows. */
interface RowSum {
  readonly queue: string;
  readonly waiting: number[];
  pausedWaiting: number;
  later: number;
  running: number;
  arrivals: number;
  starts: number;
  ends: number;
  failedAttempts: number;
  failedJobs: number;
  oldestReadyAtMs: number;
  readonly waits: Float64Array;
}

/**
 * Adds surveys up, one after the other. Many shards tell of many queues each, so it adds in place, and only the rows that
 * are most pressing in all become rows again.
 */
export class SurveySum {
  readonly #rows = new Map<string, RowSum>();
  readonly #failures = new Map<string, FailureCount>();
  readonly #unserved = new Map<string, UnservedJobs>();
  #omitted = 0;
  #totals = noFigures;
  #waits: DurationWeights = [];
  #runs: DurationWeights = [];

  add(survey: QueueSurvey): void {
    for (const row of survey.rows) this.#addRow(row);
    for (const failure of survey.failures)
      this.#failures.set(failure.code, addFailureCounts(this.#failures.get(failure.code), failure));
    for (const need of survey.unserved) {
      const key = needText(need);
      this.#unserved.set(key, { ...need, jobs: need.jobs + (this.#unserved.get(key)?.jobs ?? 0) });
    }
    this.#totals = addFigures(this.#totals, survey.totals);
    this.#waits = addWeights(this.#waits, survey.waits);
    this.#runs = addWeights(this.#runs, survey.runs);
    // The shards leave out about the same queues.
    this.#omitted = Math.max(this.#omitted, survey.omitted);
  }

  total(nowMs: number): QueueSurvey {
    const rows = byPress([...this.#rows.values()], nowMs);
    return {
      rows: rows.slice(0, surveyRowsMax).map(rowOf),
      omitted: this.#omitted + Math.max(0, rows.length - surveyRowsMax),
      totals: this.#totals,
      waits: this.#waits,
      runs: this.#runs,
      failures: mostFirst([...this.#failures.values()], ({ count }) => count),
      unserved: mostFirst([...this.#unserved.values()], ({ jobs }) => jobs),
    };
  }

  #addRow(row: SurveyRow): void {
    const sum = this.#rows.get(row.queue) ?? noRow(row.queue);
    if (!this.#rows.has(row.queue)) this.#rows.set(row.queue, sum);
    for (let level = 0; level < sum.waiting.length; level += 1)
      sum.waiting[level] = (sum.waiting[level] ?? 0) + (row.waiting[level] ?? 0);
    sum.pausedWaiting += row.pausedWaiting;
    sum.later += row.later;
    sum.running += row.running;
    sum.arrivals += row.arrivals;
    sum.starts += row.starts;
    sum.ends += row.ends;
    sum.failedAttempts += row.failedAttempts;
    sum.failedJobs += row.failedJobs;
    sum.oldestReadyAtMs = Math.min(sum.oldestReadyAtMs, row.oldestReadyAtMs ?? Infinity);
    const [first = 0] = row.waits;
    for (let at = 1; at < row.waits.length; at += 1) {
      const bucket = first + at - 1;
      sum.waits[bucket] = (sum.waits[bucket] ?? 0) + (row.waits[at] ?? 0);
    }
  }
}

function noRow(queue: string): RowSum {
  const { waiting, ...none } = noFigures;
  return { ...none, queue, waiting: [...waiting], oldestReadyAtMs: Infinity, waits: noWeights() };
}

function rowOf({ oldestReadyAtMs, waits, ...sums }: RowSum): SurveyRow {
  const known = given({ oldestReadyAtMs: Number.isFinite(oldestReadyAtMs) ? oldestReadyAtMs : undefined });
  return { ...sums, ...known, waits: packed(weightsOf(waits)) };
}

export function mostFirst<T>(items: readonly T[], amount: (item: T) => number): readonly T[] {
  return items.toSorted((one, other) => amount(other) - amount(one));
}
