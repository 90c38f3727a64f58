/**
 * What attempts and jobs of a queue failed with lately, counted by code in memory that is bounded. Where there are more
 * codes than fit, the rarest one makes room: a code in which somebody writes an id pushes out no frequent one.
 */
import { FadingCount } from './fading-count.ts';
import { isTerminal, type JobRecord } from './job.ts';

/** An attempt that failed, or a job that ended without success. One event may be both. */
export interface FailureEvent {
  readonly code: string;
  readonly isAttempt: boolean;
  readonly isJob: boolean;
}

/** The newest failure with a code, and about how many there were in the last five minutes. */
export interface FailureCount {
  readonly code: string;
  readonly count: number;
  readonly lastAtMs: number;
  readonly queue: string;
  readonly handler: string;
  readonly jobId: string;
}

/** Codes that are counted of one queue. */
const failureCodesMax = 20;

/**
 * What the change of a job says about failures. The code is the handler's own, or the reason. An attempt that was lost with
 * its node or process has none of the two: it is `LOST`. A job that was cancelled has not failed.
 */
export function failureEventOf(before: JobRecord | undefined, after: JobRecord): FailureEvent | undefined {
  const isJob = isTerminal(after.state) && (after.state === 'FAILED' || after.state === 'EXPIRED');
  const last = after.trail.at(-1);
  const isEnd = before?.run !== undefined && after.run === undefined;
  const isAttempt = isEnd && (last?.outcome === 'failed' || last?.outcome === 'lost');
  if (!isJob && !isAttempt) return undefined;
  return { code: last?.code ?? last?.reason ?? (isAttempt ? 'LOST' : after.state), isAttempt, isJob };
}

interface Counted {
  readonly count: FadingCount;
  lastAtMs: number;
  handler: string;
  jobId: string;
}

/** Uses no memory until the first failure. */
export class FailureCounts {
  #byCode: Map<string, Counted> | undefined;

  add(code: string, { id, spec: { handler } }: Pick<JobRecord, 'id' | 'spec'>, nowMs: number): void {
    this.#byCode ??= new Map();
    const known = this.#byCode.get(code);
    if (known === undefined && this.#byCode.size >= failureCodesMax) this.#dropRarest(this.#byCode, nowMs);
    const counted = known ?? { count: new FadingCount(), lastAtMs: nowMs, handler, jobId: id };
    counted.count.add(nowMs);
    counted.lastAtMs = nowMs;
    counted.handler = handler;
    counted.jobId = id;
    if (known === undefined) this.#byCode.set(code, counted);
  }

  *counts(queue: string, nowMs: number): Generator<FailureCount, void> {
    for (const [code, { count, lastAtMs, handler, jobId }] of this.#byCode ?? []) {
      const about = count.about(nowMs);
      if (about > 0) yield { code, count: about, lastAtMs, queue, handler, jobId };
    }
  }

  /** True if everything has faded. Also releases the memory. */
  isCold(nowMs: number): boolean {
    for (const { count } of this.#byCode?.values() ?? []) if (count.about(nowMs) > 0) return false;
    this.#byCode = undefined;
    return true;
  }

  #dropRarest(byCode: Map<string, Counted>, nowMs: number): void {
    let rarest: string | undefined;
    let least = Infinity;
    for (const [code, { count }] of byCode) {
      const about = count.about(nowMs);
      if (about < least) [rarest, least] = [code, about];
    }
    if (rarest !== undefined) byCode.delete(rarest);
  }
}

/** Both counts of one code together. Who failed last is named. */
export function addFailureCounts(one: FailureCount | undefined, other: FailureCount): FailureCount {
  if (one === undefined) return other;
  const last = one.lastAtMs >= other.lastAtMs ? one : other;
  return { ...last, count: one.count + other.count };
}
