/**
 * The figures of all queues of a tenant, from memory, for the overview. The cost grows with the number of queues that have
 * jobs or had some lately, never with the number of jobs, and is spread over slices between which the loop is free.
 */
import { shardVerbs, type SurveyItem } from '../../../application/ports/shard-protocol.ts';
import { isInSome } from '../../../domain/access/role-binding.ts';
import { noWeights, weightsOf } from '../../../domain/duration-histogram.ts';
import { TroupeError } from '../../../domain/errors.ts';
import { addFailureCounts, type FailureCount } from '../../../domain/failure-counts.ts';
import { given } from '../../../domain/given.ts';
import { needText } from '../../../domain/handler-need.ts';
import {
  addFigures,
  byPress,
  mostFirst,
  noFigures,
  packed,
  type QueueSurvey,
  type SurveyFigures,
  surveyListMax,
  type SurveyRow,
  surveyRowsMax,
  type UnservedJobs,
  waitingIn,
} from '../../../domain/queue-survey.ts';
import type { SlicedWork } from '../../../domain/sliced-work.ts';
import type { Slot } from '../core/batch-reply.ts';
import type { ShardCore } from '../core/shard-core.ts';
import { inSlices } from '../core/slices.ts';
import type { QueueIndex } from '../table/queue-index.ts';

/** A queue costs as much as so many jobs, so a slice is a fraction of a millisecond. */
const queueJobs = 20;
/** Beyond twice as many rows as are told, the least pressing are put away. */
const heldMax = 2 * surveyRowsMax;

export function survey(core: ShardCore, item: SurveyItem, slot: Slot<QueueSurvey>): void {
  const maker = new SurveyMaker(core, item);
  inSlices(core.context.clock, maker.look()).then(
    () => slot.ok(maker.survey),
    (error: unknown) => slot.fail(TroupeError.from(error)),
  );
}

interface HeldRow extends SurveyRow {
  readonly index: QueueIndex;
}

class SurveyMaker {
  readonly #core: ShardCore;
  readonly #item: SurveyItem;
  readonly #nowMs: number;
  readonly #waits = noWeights();
  readonly #runs = noWeights();
  readonly #failures = new Map<string, FailureCount>();
  readonly #unserved = new Map<string, UnservedJobs>();
  #rows: HeldRow[] = [];
  #totals = noFigures;
  #queues = 0;
  #told: readonly SurveyRow[] = [];

  constructor(core: ShardCore, item: SurveyItem) {
    this.#core = core;
    this.#item = item;
    this.#nowMs = core.nowMs();
  }

  *look(): SlicedWork {
    const { tenant, onlyIn, contains = '' } = this.#item;
    for (const index of this.#core.table.queues.ofTenant(tenant)) {
      yield queueJobs;
      if (!isInSome(index.queue, onlyIn)) continue;
      const figures = this.#figuresOf(index);
      this.#addUp(index, figures);
      if (!index.queue.toLowerCase().includes(contains)) continue;
      this.#queues += 1;
      this.#rows.push({ ...figures, queue: index.queue, waits: [], index });
      if (this.#rows.length >= heldMax) this.#putAway();
    }
    this.#putAway();
    yield* this.#tell();
  }

  get survey(): QueueSurvey {
    return {
      rows: this.#told,
      omitted: this.#queues - this.#told.length,
      totals: this.#totals,
      waits: weightsOf(this.#waits),
      runs: weightsOf(this.#runs),
      failures: mostFirst([...this.#failures.values()], ({ count }) => count).slice(0, surveyListMax),
      unserved: mostFirst([...this.#unserved.values()], ({ jobs }) => jobs).slice(0, surveyListMax),
    };
  }

  #figuresOf(index: QueueIndex): SurveyFigures {
    const nowMs = this.#nowMs;
    const { oldestReadyAtMs } = index;
    return {
      // The index changes its own list while the survey goes on.
      waiting: [...index.waitingCounts],
      pausedWaiting: this.#core.limiters.isPaused(index) ? index.waitingCount : 0,
      later: index.laterCount,
      running: index.runningCount,
      arrivals: index.arrivals.perSecond(nowMs),
      starts: index.starts.perSecond(nowMs),
      ends: index.ends.perSecond(nowMs),
      failedAttempts: index.failedAttempts.perSecond(nowMs),
      failedJobs: index.failedJobs.perSecond(nowMs),
      ...given({ oldestReadyAtMs }),
    };
  }

  #addUp(index: QueueIndex, figures: SurveyFigures): void {
    const nowMs = this.#nowMs;
    this.#totals = addFigures(this.#totals, figures);
    index.waits.addTo(this.#waits, nowMs);
    index.runs.addTo(this.#runs, nowMs);
    for (const failure of index.failures.counts(index.queue, nowMs)) {
      const known = this.#failures.get(failure.code);
      if (known !== undefined || this.#failures.size < heldMax)
        this.#failures.set(failure.code, addFailureCounts(known, failure));
    }
    if (waitingIn(figures) > figures.pausedWaiting) this.#addUnserved(index);
  }

  #addUnserved({ tenant, queue, needs }: QueueIndex): void {
    for (const { need, waiting } of needs) {
      if (waiting === 0 || this.#core.services.someNodeHas(need, tenant)) continue;
      const key = needText(need);
      const known = this.#unserved.get(key);
      if (known === undefined && this.#unserved.size >= heldMax) continue;
      this.#unserved.set(key, { ...need, queue: known?.queue ?? queue, jobs: waiting + (known?.jobs ?? 0) });
    }
  }

  #putAway(): void {
    this.#rows = byPress(this.#rows, this.#nowMs).slice(0, surveyRowsMax);
  }

  /** Only what is told needs its distribution. */
  *#tell(): SlicedWork {
    const told: SurveyRow[] = [];
    let left = shardVerbs.survey.answerBytes(0) - bytesOf(this.survey);
    for (const { index, ...row } of this.#rows) {
      yield queueJobs;
      const whole = { ...rounded(row), waits: packed(index.waits.weights(this.#nowMs)) };
      left -= bytesOf(whole) + 1;
      if (left < 0) break;
      told.push(whole);
    }
    this.#told = told;
  }
}

/** Digits that nobody sees would be most of a row. */
function rounded<Row extends SurveyFigures>(row: Row): Row {
  const round = (rate: number): number => Number(rate.toPrecision(4));
  const { arrivals, starts, ends, failedAttempts, failedJobs } = row;
  return {
    ...row,
    arrivals: round(arrivals),
    starts: round(starts),
    ends: round(ends),
    failedAttempts: round(failedAttempts),
    failedJobs: round(failedJobs),
  };
}

/** Exactly. An upper bound would count each of many short numbers in its longest form. */
function bytesOf(value: object): number {
  return Buffer.byteLength(JSON.stringify(value));
}
