/**
 * The record against the stream, slowly and for ever: jobs that have waited for a while, though a WORK message is said to
 * be out for them. Whatever has taken the message (a purge, a stream put back to an older state, a fault of ours), the job
 * is sent again. The table alone says who waits; the stream alone says what is there.
 *
 * A strand gives its messages out in the order of their places, and keeps each until it is acknowledged. So a message is
 * surely gone when its strand is empty, or begins behind the last place that it can have: where the stream ended at any
 * look after it was confirmed. A job sent again gets a message with another id; its old one, should it be there after all,
 * is refused at its claim. Per second one look, at most `strandsMax` strands, and `sendMax` messages.
 */
import type { Publisher, Strand, WorkStanding } from '../../application/ports/bus.ts';
import { needOf } from '../../domain/handler-need.ts';
import { queuedAtMs } from '../../domain/job.ts';
import type { JobId } from '../../domain/job-id.ts';
import type { ActorContext } from '../kernel/index.ts';
import type { JobEntry, JobTable } from './job-table.ts';
import type { NeedTally } from './queue-book.ts';
import type { ShardGates } from './shard-gates.ts';
import type { ShardMessage } from './shard-message.ts';

/** From the end of one walk through the table to the next. */
const walkEveryMs = 5_000;
/** What became QUEUED later than this is not looked at. */
const waitsSinceMs = 5_000;
/** Of one look. */
const entriesMax = 20_000;
const strandsMax = 64;
const sendMax = 500;

export interface WorkCheckParts {
  readonly context: ActorContext<ShardMessage>;
  readonly publisher: Pick<Publisher, 'workStanding'>;
  readonly table: JobTable;
  readonly gates: Pick<ShardGates, 'standingOf' | 'ready'>;
  readonly nowMs: () => number;
  /** Those whose message is not confirmed yet. */
  readonly jobsToSend: () => ReadonlySet<JobId>;
  readonly sendAgain: (entry: JobEntry) => void;
  readonly sentAgain: (jobs: number) => void;
}

/** As it was when it was looked at: what has changed since is another matter. */
interface Suspect {
  readonly entry: JobEntry;
  readonly dispatches: number;
  readonly seq: number;
}

/** Jobs whose messages lie in the same strands: the main one of their level, and that of their need. */
interface Suspects {
  readonly strands: readonly [Strand, Strand];
  readonly jobs: Suspect[];
}

export class WorkCheck {
  readonly #parts: WorkCheckParts;
  #walk: Iterator<JobEntry> | undefined;
  /** Monotonic. */
  #dueMs: number;
  #isAsking = false;

  constructor(parts: WorkCheckParts) {
    this.#parts = parts;
    this.#dueMs = parts.context.clock.monotonicMs() + walkEveryMs;
  }

  /** Every second. */
  tick(): void {
    const { context, publisher } = this.#parts;
    if (this.#isAsking || context.clock.monotonicMs() < this.#dueMs) return;
    const groups = this.#nextSuspects();
    if (groups.length === 0) return;
    this.#isAsking = true;
    const asked = publisher.workStanding(groups.flatMap(({ strands }) => strands));
    context.pipeToSelf(asked, (outcome) => ({
      kind: 'continue',
      run: () => {
        this.#isAsking = false;
        if (outcome.status === 'fulfilled') this.#judge(groups, outcome.value);
      },
    }));
  }

  /** Goes on through the table where the last look has stopped. */
  #nextSuspects(): readonly Suspects[] {
    const { table, nowMs, jobsToSend } = this.#parts;
    const groups = new Map<NeedTally, Map<number, Suspects>>();
    const untilMs = nowMs() - waitsSinceMs;
    const toSend = jobsToSend();
    this.#walk ??= table.entries();
    let strands = 0;
    for (let seen = 0; seen < entriesMax && strands < strandsMax; seen += 1) {
      const next = this.#walk.next();
      if (next.done === true) {
        this.#walk = undefined;
        this.#dueMs = this.#parts.context.clock.monotonicMs() + walkEveryMs;
        break;
      }
      if (!this.#isSaidToBeOut(next.value, untilMs, toSend)) continue;
      if (gather(groups, next.value) === 1) strands += 2;
    }
    return [...groups.values()].flatMap((levels) => [...levels.values()]);
  }

  #isSaidToBeOut(entry: JobEntry, untilMs: number, toSend: ReadonlySet<JobId>): boolean {
    const { current } = entry;
    if (current.state !== 'QUEUED' || entry.durable !== current || queuedAtMs(current) > untilMs) return false;
    if (toSend.has(current.id)) return false;
    const { gates } = this.#parts;
    const standing = gates.standingOf(entry);
    // Its gate does not know of it: it is held, and goes when its turn comes.
    if (standing === 'unknown') gates.ready(entry);
    return standing === 'out';
  }

  #judge(groups: readonly Suspects[], { last, firsts }: WorkStanding): void {
    let sent = 0;
    for (const [index, { jobs }] of groups.entries()) {
      const first = Math.min(firsts[2 * index] ?? Infinity, firsts[2 * index + 1] ?? Infinity);
      for (const suspect of jobs) {
        if (!this.#isUnchanged(suspect)) continue;
        const { entry } = suspect;
        if (first === Infinity || first > (entry.sentThrough ?? Infinity)) {
          if (sent === sendMax) continue;
          sent += 1;
          this.#parts.sendAgain(entry);
        } else {
          // A stream that counts back ends before it did.
          entry.sentThrough = Math.min(entry.sentThrough ?? last, last);
        }
      }
    }
    if (sent > 0) this.#parts.sentAgain(sent);
  }

  #isUnchanged({ entry, dispatches, seq }: Suspect): boolean {
    const { table, gates } = this.#parts;
    if (table.get(entry.current.id) !== entry) return false;
    if (entry.dispatches !== dispatches || entry.current.seq !== seq) return false;
    return entry.current.state === 'QUEUED' && gates.standingOf(entry) === 'out';
  }
}

/** How many jobs of these strands there are now. */
function gather(groups: Map<NeedTally, Map<number, Suspects>>, entry: JobEntry): number {
  const { place, current, dispatches } = entry;
  const levels = groups.get(place.tally) ?? new Map<number, Suspects>();
  groups.set(place.tally, levels);
  const { tenant, queue, priority: level } = current.spec;
  const known = levels.get(level ?? -1);
  const main: Strand = { tenant, queue, ...(level !== undefined && { level }) };
  const group = known ?? { strands: [main, { ...main, need: needOf(current.spec) }] as const, jobs: [] };
  levels.set(level ?? -1, group);
  return group.jobs.push({ entry, dispatches, seq: current.seq });
}
