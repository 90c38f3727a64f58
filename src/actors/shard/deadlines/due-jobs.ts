/**
 * Decides about jobs whose deadlines have come. Dates follow the wall clock, and all other deadlines the time of the
 * shard.
 */
import type { Clock } from '../../../application/ports/runtime.ts';
import { type Deadline, nextDeadline, waitsForDate } from '../../../domain/deadline.ts';
import type { JobRecord } from '../../../domain/job.ts';
import type { JobId } from '../../../domain/job-id.ts';
import type { SteadyTime } from '../../../domain/steady-time.ts';
import type { ActorContext } from '../../../kernel/index.ts';
import type { ShardMessage } from '../services/shard-message.ts';
import type { JobTable } from '../table/job-table.ts';
import type { ColdSlot } from '../table/cold-jobs.ts';
import type { JobEntry } from '../table/queue-index.ts';
import { DeadlineWatch } from './deadline-watch.ts';

/**
 * A deadline that cannot be handled yet is looked at again after this time. This happens when the wall clock is behind
 * a job's date, and when JetStream still lacks too many events of the job.
 */
const lookAgainMs = 1_000;
/**
 * How many jobs that are due together are decided in one turn. The others have theirs in the next turns, so that no
 * caller waits for all of them.
 */
const dueMax = 250;
/** How many cold jobs that are due may be on their way from the store. */
const loadingMax = 500;

export interface DueJobsParts {
  readonly context: Pick<ActorContext<ShardMessage>, 'setTimer'> & { readonly clock: Pick<Clock, 'wallMs'> };
  readonly time: Pick<SteadyTime, 'nowMs'>;
  readonly table: Pick<JobTable, 'get' | 'cold'>;
  /** Reads the records of cold jobs that are due. */
  readonly load: (slots: readonly ColdSlot[], then: (entries: readonly JobEntry[]) => void) => void;
  /** How many decisions may go to the store now. */
  readonly room: () => number;
  /** Whether the record can remember another start of this job. */
  readonly mayStart: (entry: JobEntry) => boolean;
  readonly decide: (entry: JobEntry, command: { readonly kind: Deadline['command'] }) => void;
}

export class DueJobs {
  readonly #parts: DueJobsParts;
  readonly #watch: DeadlineWatch;
  #areHeldBack = false;
  /** Cold jobs that are due and on their way from the store. */
  #loading = 0;

  constructor(parts: DueJobsParts) {
    this.#parts = parts;
    this.#watch = new DeadlineWatch(parts.context, parts.table.cold, () => parts.time.nowMs());
  }

  /** Watches the deadline of the newest record of a job. */
  watch(record: JobRecord): void {
    this.#watch.watch(record);
  }

  /** Forgets a job that has ended. */
  forget(jobId: JobId): void {
    this.#watch.forget(jobId);
  }

  /** While too much waits for the store, the deadlines wait as well: they go on after a commit. */
  decide(): void {
    const nowMs = this.#parts.time.nowMs();
    const most = Math.max(0, Math.min(dueMax, this.#parts.room()));
    this.#areHeldBack = most === 0;
    const slots: ColdSlot[] = [];
    const bounds = { most, coldMost: Math.max(0, Math.min(most, loadingMax - this.#loading)) };
    this.#watch.due(nowMs, bounds, {
      warm: (id) => {
        const entry = this.#parts.table.get(id);
        if (entry !== undefined) this.#deadlineCame(entry, nowMs);
      },
      cold: (slot) => slots.push(slot),
    });
    if (slots.length > 0) this.#load(slots);
  }

  /** Cold jobs were added. One of them may be the next that is due. */
  coldCame(): void {
    this.#watch.coldCame();
  }

  #load(slots: readonly ColdSlot[]): void {
    this.#loading += slots.length;
    this.#parts.load(slots, (entries) => {
      this.#loading -= slots.length;
      const nowMs = this.#parts.time.nowMs();
      for (const entry of entries) this.#deadlineCame(entry, nowMs);
      this.#watch.coldCame();
    });
  }

  /** Deadlines have come and wait for the next commit. */
  get areHeldBack(): boolean {
    return this.#areHeldBack;
  }

  #deadlineCame(entry: JobEntry, nowMs: number): void {
    const deadline = nextDeadline(entry.current);
    if (deadline === undefined) return;
    const earlyMs = this.#earlyMs(entry.current, deadline);
    if (earlyMs > 0) this.#watch.watch(entry.current, nowMs + earlyMs);
    else if (deadline.command === 'due' && !this.#parts.mayStart(entry))
      this.#watch.watch(entry.current, nowMs + lookAgainMs);
    else this.#parts.decide(entry, { kind: deadline.command });
  }

  /**
   * How many ms too early it is for this deadline. The wall clock may run up to twice as fast as the time of this shard
   * while the shard waits for it, and may be corrected meanwhile.
   */
  #earlyMs({ state, trail }: JobRecord, { atMs, command }: Deadline): number {
    const { time, context } = this.#parts;
    const byDate = command === 'due' && waitsForDate({ state, trail });
    const nowMs = time.nowMs();
    const earlyMs = atMs - nowMs;
    const wallMs = Math.min(nowMs, context.clock.wallMs());
    return earlyMs <= 0 && byDate ? Math.min(Math.ceil((atMs - wallMs) / 2), lookAgainMs) : earlyMs;
  }
}
