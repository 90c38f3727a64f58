/**
 * Checks what clients see at the moment they see it: an answer describes what is durable, reads never go back for any
 * client, a key leads to one job, and an end is the same for all. `History` checks everything once more at the end.
 */
import { isTerminal, type JobRecord } from '../../../src/domain/job.ts';
import { defaultTenant } from '../../../src/domain/queue.ts';
import type { JobId } from '../../../src/domain/job-id.ts';
import { History, type Observer } from '../cluster-history.ts';
import type { Executions } from './executions.ts';
import { epochMs } from './host.ts';
import type { RecordWatch } from './record-watch.ts';
import type { World } from './world.ts';

/** How far the clock of a node is off at most, ms. */
export const skewMostMs = 300;

export class Witness {
  readonly history = new History();
  /** Jobs of the default tenant. */
  readonly accepted = new Set<JobId>();
  /** Jobs of other tenants. */
  readonly foreign = new Set<JobId>();
  readonly #world: World;
  readonly #records: RecordWatch;
  readonly #seenSeq = new Map<JobId, number>();
  readonly #ended = new Set<JobId>();
  readonly #contentOfKey = new Map<string, { readonly jobId: JobId; readonly content: string }>();
  /** By the clock of any gateway. */
  readonly #runAtMs = new Map<JobId, number>();
  #leasesLostMs = -Infinity;

  constructor(world: World, records: RecordWatch) {
    this.#world = world;
    this.#records = records;
  }

  /** Checks that no code runs before the time that its caller has set. */
  checkStarts(executions: Executions): void {
    for (const [id, runAtMs] of this.#runAtMs) {
      for (const { runId, startedMs } of executions.of(id)) {
        const earlyMs = runAtMs - (epochMs + startedMs);
        if (earlyMs > skewMostMs * 2) this.#world.violation(9, `${runId} began ${Math.round(earlyMs)} ms early`);
      }
    }
  }

  /** For as long as a lease lasts, a former owner may believe in a lease that JetStream has lost. */
  leasesLost(): void {
    this.#leasesLostMs = this.#world.nowMs;
  }

  /** The highest `seq` that any client has seen. Later reads must see at least that. */
  seenSeq(id: JobId): number {
    return this.#seenSeq.get(id) ?? 0;
  }

  /** Whether any client has seen that the job ended. */
  hasSeenEnd(id: JobId): boolean {
    return this.#ended.has(id);
  }

  /** A submit was answered with this job. */
  accept(id: JobId, tenant = defaultTenant): void {
    (tenant === defaultTenant ? this.accepted : this.foreign).add(id);
    if (this.#records.newest(id) === undefined) this.#world.violation(1, `${id} was accepted and is not durable`);
  }

  submitted(answer: {
    readonly jobId: JobId;
    readonly state: string;
    readonly key: string;
    readonly content: string;
    readonly runAtMs: number | undefined;
  }): void {
    const { jobId, key, content, runAtMs } = answer;
    if (runAtMs !== undefined) this.#runAtMs.set(jobId, runAtMs);
    this.accept(jobId);
    this.history.accepted(jobId, key);
    const first = this.#contentOfKey.get(key);
    this.#contentOfKey.set(key, first ?? { jobId, content });
    if (first !== undefined && first.content !== content) {
      this.#world.violation(4, `key ${key} took other content for ${first.jobId}`);
    }
    if (first !== undefined && first.jobId !== jobId) {
      this.#world.violation(4, `key ${key} made ${first.jobId} and ${jobId}`);
    }
  }

  refusedKey(key: string, content: string): void {
    const first = this.#contentOfKey.get(key);
    if (first?.content === content) this.#world.violation(4, `key ${key} was refused the content it was used with`);
  }

  notFound(id: JobId): void {
    this.#world.violation(7, `${id} was accepted and is not found`);
  }

  /** `sinceSeq` is the highest `seq` that had been seen when the question was asked. */
  saw(by: Observer, record: JobRecord, sinceSeq: number): void {
    const { id, state, seq } = record;
    if (!this.#records.wasDurable(record)) {
      this.#world.violation(7, `${by} saw ${id} as ${state}@${seq}, which was never durable`);
    }
    if (seq < sinceSeq && !this.mayBeOld()) {
      this.#world.violation(7, `${by} saw ${id} at ${seq} after somebody had seen ${sinceSeq}`);
    }
    this.#seenSeq.set(id, Math.max(seq, this.seenSeq(id)));
    if (isTerminal(state)) this.#ended.add(id);
    // After erasure no record shows the output any more.
    const output = record.payloadsErasedAtMs === undefined ? record.output : undefined;
    this.history.saw(by, { id, state, seq, ...(output !== undefined && { output }) });
  }

  /** Whether an answer may come from a former owner that still believes in its lease. */
  mayBeOld(): boolean {
    return this.#world.nowMs - this.#leasesLostMs < 6_000;
  }
}
