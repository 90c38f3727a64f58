/**
 * The record against the stream, slowly and for ever: jobs that have waited for a while, though a WORK message is said to
 * be out for them. Whatever has taken the message (a purge, a stream put back to an older state, a fault of ours), the job
 * is sent again. The table alone says who waits; the stream alone says what is there.
 *
 * A route gives its messages out in the order of their places, and keeps each until it is acknowledged. So a message is
 * surely gone when its route is empty, or begins behind the last place that it can have: where the stream ended at any
 * look after it was confirmed. A job sent again gets a message with another id; its old one, should it be there after all,
 * is refused at its claim.
 *
 * A shard looks once a second at most, and the shards of a process one at a time (`WorkLooks`). A look asks about what
 * `WorkWalk` chooses, and sends at most `sendMax` messages: tenants take turns, and the queues of each.
 */
import type { Publisher, WorkRoute, WorkStanding } from '../../../application/ports/bus.ts';
import { needOf } from '../../../domain/handler-need.ts';
import { inTurns } from '../../../domain/in-turns.ts';
import { queuedAtMs } from '../../../domain/job.ts';
import type { JobId } from '../../../domain/job-id.ts';
import type { ActorContext } from '../../../kernel/index.ts';
import type { JobEntry, JobTable } from '../table/job-table.ts';
import type { QueueLimiters } from '../flow/queue-limiters.ts';
import { type ShardMessage, whenAnswered } from '../shard-message.ts';
import type { Outbox } from './outbox.ts';
import type { WorkMessages } from './work-messages.ts';
import type { LookTurn, WorkLooks } from './work-looks.ts';
import { type WorkGroup, type LevelQueue, WorkWalk } from './work-walk.ts';
import { given } from '../../../domain/given.ts';

/** What became QUEUED later than this is not looked at. */
const waitsSinceMs = 5_000;
/** Of one look. */
const sendMax = 500;

export interface WorkCheckParts {
  readonly context: ActorContext<ShardMessage>;
  readonly publisher: Pick<Publisher, 'workStanding'>;
  readonly looks: WorkLooks;
  readonly table: JobTable;
  readonly limiters: Pick<QueueLimiters, 'standingOf' | 'ready'>;
  readonly nowMs: () => number;
  readonly outbox: Pick<Outbox, 'isToSend'>;
  readonly work: Pick<WorkMessages, 'add' | 'send'>;
  /** Called with the number of jobs whose message was gone. */
  readonly onLost: (jobs: number) => void;
}

/** As it was when it was looked at: what has changed since is another matter. */
interface Suspect {
  readonly entry: JobEntry;
  readonly dispatches: number;
  readonly seq: number;
}

/** Jobs whose messages lie in the same routes: the main one of their level, and that of their need. */
interface Suspects {
  readonly levelQueue: LevelQueue;
  readonly routes: readonly [WorkRoute, WorkRoute];
  readonly jobs: readonly Suspect[];
}

export class WorkCheck {
  readonly #parts: WorkCheckParts;
  readonly #walk: WorkWalk;
  #turn: LookTurn | undefined;

  constructor(parts: WorkCheckParts) {
    this.#parts = parts;
    this.#walk = new WorkWalk(parts.table.queues, parts.context.clock.monotonicMs());
  }

  /** Every second. */
  tick(): void {
    const { context, looks } = this.#parts;
    if (this.#turn !== undefined || !this.#walk.isDue(context.clock.monotonicMs())) return;
    const turn: LookTurn = {
      begin: () => {
        if (!context.self.tell({ kind: 'look-turn', turn })) this.#over(turn);
      },
    };
    this.#turn = turn;
    looks.ask(turn);
  }

  /** Their messages may have other places now, and what is being looked up may be of before: it is looked up anew. */
  toldAgain(jobIds: readonly JobId[]): void {
    for (const jobId of jobIds) {
      const entry = this.#parts.table.get(jobId);
      if (entry === undefined) continue;
      entry.sentThrough = Infinity;
      entry.hasLeftShared = false;
    }
    this.stop();
  }

  /** The others need not wait for this shard. */
  stop(): void {
    if (this.#turn !== undefined) this.#over(this.#turn);
  }

  #over(turn: LookTurn): void {
    this.#turn = undefined;
    this.#parts.looks.end(turn);
  }

  look(turn: LookTurn): void {
    // The shard that asked for the turn has ended.
    if (this.#turn !== turn) return;
    const { context, publisher, looks } = this.#parts;
    const groups = this.#walk.next(context.clock.monotonicMs(), this.#saidToBeOut()).map(suspectsOf);
    if (groups.length === 0) {
      this.#over(turn);
      return;
    }
    const asked = publisher.workStanding(groups.flatMap(({ routes }) => routes));
    const ended = (): void => {
      looks.end(turn);
    };
    asked.then(ended, ended);
    whenAnswered(context, 'stream', asked, (outcome) => {
      if (this.#turn !== turn) return;
      this.#turn = undefined;
      if (outcome.status === 'fulfilled') this.#judge(groups, outcome.value);
      else for (const { levelQueue, jobs } of groups) levelQueue.putBack(jobs.map(({ entry }) => entry));
    });
  }

  #saidToBeOut(): (entry: JobEntry) => boolean {
    const { limiters, outbox, nowMs } = this.#parts;
    const untilMs = nowMs() - waitsSinceMs;
    return (entry) => {
      const { current } = entry;
      if (current.state !== 'QUEUED' || entry.durable !== current || queuedAtMs(current) > untilMs) return false;
      if (outbox.isToSend(current.id)) return false;
      const standing = limiters.standingOf(entry);
      // Its limiter does not know of it: it is held, and goes when its turn comes.
      if (standing === 'unknown') limiters.ready(entry);
      return standing === 'out';
    };
  }

  #judge(groups: readonly Suspects[], { last, firsts }: WorkStanding): void {
    const lost = new Map<LevelQueue, JobEntry[]>();
    for (const [index, { levelQueue, jobs }] of groups.entries()) {
      const [shared, handler] = [firsts[2 * index] ?? Infinity, firsts[2 * index + 1] ?? Infinity];
      const ofLevel = lost.get(levelQueue) ?? [];
      lost.set(levelQueue, ofLevel);
      for (const suspect of jobs) {
        if (!this.#isUnchanged(suspect)) continue;
        const { entry } = suspect;
        if (isLost(entry, { last, shared, handler })) ofLevel.push(entry);
      }
    }
    this.#sendAgain(lost);
  }

  #sendAgain(lost: ReadonlyMap<LevelQueue, readonly JobEntry[]>): void {
    const byTenant = Map.groupBy(lost, ([{ tenant }]) => tenant);
    const tenants = [...byTenant.values()].map((levelQueues) =>
      inTurns<JobEntry>(levelQueues.map(([, entries]) => entries)),
    );
    const sent = new Set<JobEntry>();
    for (const entry of inTurns<JobEntry>(tenants)) {
      if (sent.size === sendMax) break;
      if (sent.has(entry)) continue;
      sent.add(entry);
      this.#parts.work.add(entry);
    }
    for (const [levelQueue, entries] of lost) levelQueue.putBack(entries.filter((entry) => !sent.has(entry)));
    if (sent.size === 0) return;
    this.#parts.onLost(sent.size);
    this.#parts.work.send();
  }

  #isUnchanged({ entry, dispatches, seq }: Suspect): boolean {
    const { table, limiters } = this.#parts;
    if (table.get(entry.current.id) !== entry) return false;
    if (entry.dispatches !== dispatches || entry.current.seq !== seq) return false;
    return entry.current.state === 'QUEUED' && limiters.standingOf(entry) === 'out';
  }
}

/**
 * A node that cannot run the job copies the message from the shared route to that of the handler, and then acknowledges it.
 * So once the shared route has passed it, the copy, if there is one, is in the stream.
 */
function isLost(
  entry: JobEntry,
  at: { readonly last: number; readonly shared: number; readonly handler: number },
): boolean {
  const { last, shared, handler } = at;
  // A stream that counts back ends before it did.
  entry.sentThrough = Math.min(entry.sentThrough, last);
  if (handler <= entry.sentThrough || (shared <= entry.sentThrough && !entry.hasLeftShared)) return false;
  if (entry.hasLeftShared || handler === Infinity) return true;
  entry.sentThrough = last;
  entry.hasLeftShared = true;
  return false;
}

function suspectsOf({ levelQueue, jobs }: WorkGroup): Suspects {
  const [first] = jobs;
  if (first === undefined) throw new Error('a group has a job');
  const { tenant, queue, priority: level } = first.current.spec;
  const main: WorkRoute = { tenant, queue, ...given({ level }) };
  return {
    levelQueue,
    routes: [main, { ...main, need: needOf(first.current.spec) }],
    jobs: jobs.map((entry) => ({ entry, dispatches: entry.dispatches, seq: entry.current.seq })),
  };
}
