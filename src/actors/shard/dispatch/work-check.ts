/**
 * Compares the records with the WORK stream, slowly and without end. It looks at jobs that have waited for a while
 * although a WORK message should be out for them. If the message is gone (because of a purge, a stream restored to an
 * older state, or a fault of ours), the job is sent again. The limiters alone decide whose message is out, and the
 * stream alone shows what is there. Jobs that are held cost nothing here.
 *
 * A route delivers its messages in the order of their positions and keeps each until it is acknowledged. So a message
 * is surely gone when its route is empty, or begins after the last position that the message can have. That position is
 * the end of the stream at any look after the message was confirmed. A job that is sent again gets a message with
 * another id. If its old message is still there after all, the claim with it is refused.
 *
 * A shard looks at most once a second, and the shards of a process look one at a time (`WorkLooks`). A look asks about
 * the jobs that `WorkWalk` chooses and sends at most `sendMax` messages. Tenants take turns, and so do the queues of
 * each tenant.
 */
import type { Publisher, WorkRoute, WorkStanding } from '../../../application/ports/bus.ts';
import { needOf } from '../../../domain/handler-need.ts';
import { inTurns } from '../../../domain/in-turns.ts';
import { queuedAtMs } from '../../../domain/job.ts';
import type { JobId } from '../../../domain/job-id.ts';
import type { ActorContext } from '../../../kernel/index.ts';
import type { JobTable } from '../table/job-table.ts';
import type { JobEntry } from '../table/queue-index.ts';
import type { QueueLimiters } from '../flow/queue-limiters.ts';
import { type ShardMessage, whenAnswered } from '../services/shard-message.ts';
import type { Outbox } from './outbox.ts';
import type { WorkMessages } from './work-messages.ts';
import type { LookTurn, WorkLooks } from '../services/work-looks.ts';
import { type WorkGroup, type LevelQueue, WorkWalk } from './work-walk.ts';
import { given } from '../../../domain/given.ts';

/** Jobs that became QUEUED more recently than this are not looked at. */
const waitsSinceMs = 5_000;
/** Messages that one look sends. */
const sendMax = 500;

export interface WorkCheckParts {
  readonly context: ActorContext<ShardMessage>;
  readonly publisher: Pick<Publisher, 'workStanding'>;
  readonly looks: WorkLooks;
  readonly table: JobTable;
  readonly limiters: Pick<QueueLimiters, 'out'>;
  readonly nowMs: () => number;
  readonly outbox: Pick<Outbox, 'isToSend'>;
  readonly work: Pick<WorkMessages, 'add' | 'send'>;
  /** Called with the number of jobs whose message was gone. */
  readonly onLost: (jobs: number) => void;
}

/** A job as it was when it was looked at. If it has changed since, the result of the look does not apply to it. */
interface Suspect {
  readonly entry: JobEntry;
  readonly message: number | undefined;
}

/** Jobs whose messages lie in the same two routes: the shared route of their level and the route of their handler. */
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
    this.#walk = new WorkWalk(parts.limiters, parts.context.clock.monotonicMs());
  }

  /** Call this every second. */
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

  /**
   * Messages of these jobs may get other positions now, and a look under way may describe the state before. So the look
   * is abandoned and repeated.
   */
  toldAgain(jobIds: readonly JobId[]): void {
    for (const jobId of jobIds) {
      const entry = this.#parts.table.get(jobId);
      if (entry === undefined) continue;
      entry.sentThrough = Infinity;
      entry.hasLeftShared = false;
    }
    this.stop();
  }

  /** Ends the turn, so that other shards need not wait for this one. */
  stop(): void {
    if (this.#turn !== undefined) this.#over(this.#turn);
  }

  #over(turn: LookTurn): void {
    this.#turn = undefined;
    this.#parts.looks.end(turn);
  }

  look(turn: LookTurn): void {
    // The turn was abandoned in the meantime.
    if (this.#turn !== turn) return;
    const { context, publisher, looks } = this.#parts;
    const groups = this.#walk.next(context.clock.monotonicMs(), this.#mayBeLost()).map(suspectsOf);
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

  #mayBeLost(): (entry: JobEntry) => boolean {
    const { outbox, nowMs } = this.#parts;
    const untilMs = nowMs() - waitsSinceMs;
    return ({ current }) => queuedAtMs(current) <= untilMs && !outbox.isToSend(current.id);
  }

  #judge(groups: readonly Suspects[], { last, firsts }: WorkStanding): void {
    const lost = new Map<LevelQueue, JobEntry[]>();
    for (const [index, { levelQueue, jobs }] of groups.entries()) {
      const [shared, handler] = [firsts[2 * index] ?? Infinity, firsts[2 * index + 1] ?? Infinity];
      const ofLevel = lost.get(levelQueue) ?? [];
      lost.set(levelQueue, ofLevel);
      for (const suspect of jobs) {
        const { entry, message } = suspect;
        if (message === undefined || entry.message !== message) continue;
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
}

/**
 * A node that cannot run the job copies the message from the shared route to the handler route, and then acknowledges
 * it. So once the shared route has passed the message, a copy, if there is one, is already in the stream.
 */
function isLost(
  entry: JobEntry,
  at: { readonly last: number; readonly shared: number; readonly handler: number },
): boolean {
  const { last, shared, handler } = at;
  // The stream may have been restored to an older state. Its end is then lower than before.
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
    jobs: jobs.map((entry) => ({ entry, message: entry.message })),
  };
}
