/**
 * Checks the spans of traces: each tells of the end of an attempt that is durable, none is made twice, and none is missing
 * unless the shard had another owner since. What the owner of a commit had not sent yet goes with it.
 */
import type { CommitGroup } from '../../../src/application/ports/job-store.ts';
import type { FinishedSpan, SpanSink } from '../../../src/application/ports/span-sink.ts';
import { attemptSpanIdOf } from '../../../src/application/traces/trace-ids.ts';
import type { JobRecord } from '../../../src/domain/job.ts';
import { type JobId, jobIdParts } from '../../../src/domain/job-id.ts';
import type { RecordWatch } from './record-watch.ts';
import type { World } from './world.ts';

interface End {
  readonly jobId: JobId;
  readonly attempt: number;
  readonly outcome: string;
  readonly atMs: number;
  readonly committedMs: number;
}

export class SpanWatch implements SpanSink {
  readonly #world: World;
  readonly #records: RecordWatch;
  /** Of attempts, by the ids of their spans. */
  readonly #ends = new Map<string, End>();
  readonly #made = new Set<string>();

  constructor(world: World, records: RecordWatch) {
    this.#world = world;
    this.#records = records;
  }

  committed({ records }: CommitGroup, before: ReadonlyMap<JobId, JobRecord>): void {
    for (const { id: jobId, trail } of records) {
      const known = before.get(jobId)?.seq ?? 0;
      for (const { seq, attempt, outcome, atMs } of trail) {
        if (outcome === undefined || seq <= known) continue;
        const end = { jobId, attempt, outcome, atMs, committedMs: this.#world.nowMs };
        this.#ends.set(attemptSpanIdOf(jobId, attempt), end);
      }
    }
  }

  add(span: FinishedSpan): void {
    const { spanId, name, kind, attributes } = span;
    const jobId = String(attributes['messaging.message.id']);
    if (this.#made.has(spanId)) this.#world.violation(6, `the span "${name}" of ${jobId} was made twice`);
    this.#made.add(spanId);
    if (kind === 'producer') {
      if (this.#records.newest(jobId as JobId) === undefined)
        this.#world.violation(6, `${jobId} has a span and is not durable`);
      return;
    }
    const end = this.#ends.get(spanId);
    if (end?.outcome !== attributes['troupe.outcome'] || end?.atMs !== span.endedAtMs)
      this.#world.violation(
        6,
        `the span of attempt ${attributes['troupe.attempt']} of ${jobId} is not what is durable`,
      );
  }

  /** Called at the end, when each shard has an owner. */
  check(): void {
    for (const [spanId, { jobId, attempt, committedMs }] of this.#ends) {
      if (this.#made.has(spanId)) continue;
      const takenMs = this.#records.takenMs(jobIdParts(jobId).shard);
      if (takenMs.some((atMs) => atMs >= committedMs)) continue;
      this.#world.violation(6, `attempt ${attempt} of ${jobId} has no span`);
    }
  }
}
