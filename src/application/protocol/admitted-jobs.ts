/**
 * What one gateway lets into something whose room it knows from statistics. It counts its own jobs until an answer of the
 * shards surely includes them. A submit that was under way between a question and its answer may be in the answer or not,
 * so it is counted as well.
 */
import type { Clock } from '../ports/runtime.ts';
import { statsMaxAgeMs, statsPatienceMs } from './cluster-stats.ts';

/** Oldest statistics that may refuse a job. */
export const refusalMaxAgeMs = 100;
/** How long admissions are remembered. No answer in use was requested earlier than this. */
const memoryMs = statsMaxAgeMs + 2 * statsPatienceMs;

/** Submits that ended after one question to the shards and before the next. */
interface Ended {
  /** The `ask` of the former. */
  readonly after: number;
  lastMs: number;
  jobs: number;
  bytes: number;
}

/** What this gateway recently admitted to one queue or tenant, regardless of the outcome. */
export class AdmittedJobs {
  #open = { jobs: 0, bytes: 0 };
  /** Oldest first. */
  #ended: Ended[] = [];

  begin(bytes: number): void {
    this.#open.jobs += 1;
    this.#open.bytes += bytes;
  }

  end(bytes: number, lastAsk: number, nowMs: number): void {
    this.#open.jobs -= 1;
    this.#open.bytes -= bytes;
    let ended = this.#ended.at(-1);
    if (ended?.after !== lastAsk) {
      ended = { after: lastAsk, lastMs: nowMs, jobs: 0, bytes: 0 };
      this.#forget(nowMs);
      this.#ended.push(ended);
    }
    ended.lastMs = nowMs;
    ended.jobs += 1;
    ended.bytes += bytes;
  }

  /** The admissions that the answer to that question may not include. */
  unseenBy(ask: number): { readonly jobs: number; readonly bytes: number } {
    const unseen = this.#ended.filter(({ after }) => after >= ask);
    return {
      jobs: unseen.reduce((sum, { jobs }) => sum + jobs, this.#open.jobs),
      bytes: unseen.reduce((sum, { bytes }) => sum + bytes, this.#open.bytes),
    };
  }

  isIdle(nowMs: number): boolean {
    this.#forget(nowMs);
    return this.#open.jobs === 0 && this.#ended.length === 0;
  }

  #forget(nowMs: number): void {
    this.#ended = this.#ended.filter(({ lastMs }) => nowMs - lastMs <= memoryMs);
  }
}

/** The same for many queues or tenants. Past `most` those are forgotten of which nothing is under way. */
export class AdmittedByName {
  readonly #most: number;
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #byName = new Map<string, AdmittedJobs>();

  constructor(most: number, clock: Pick<Clock, 'monotonicMs'>) {
    this.#most = most;
    this.#clock = clock;
  }

  /** Ask again after an await: what nobody had begun to use may have been forgotten. */
  of(name: string): AdmittedJobs {
    const known = this.#byName.get(name);
    if (known !== undefined) return known;
    if (this.#byName.size >= this.#most) {
      for (const [other, jobs] of this.#byName) if (jobs.isIdle(this.#clock.monotonicMs())) this.#byName.delete(other);
    }
    const begun = new AdmittedJobs();
    this.#byName.set(name, begun);
    return begun;
  }
}
