/**
 * Chooses the jobs that a look at the WORK stream asks about. Tenants take turns, and so do the queues of each tenant,
 * so that no backlog keeps the others waiting. A level queue is one level of a queue; in it, the job that was dispatched
 * first comes first. Jobs that a look could not settle come first in the next look at their level queue.
 *
 * A look reads at most `entriesMax` jobs, and `turnMax` of a level queue before the next one has its turn. It asks
 * about at most `groupsMax` groups of jobs, `levelGroupsMax` of them per level queue. If there are more level queues,
 * the next look continues with the others.
 */
import { inTurns } from '../../../domain/in-turns.ts';
import type { QueueLimiters } from '../flow/queue-limiters.ts';
import type { JobEntry, NeedTally } from '../table/queue-index.ts';

/** The wait between two walks through a level queue. */
const walkEveryMs = 5_000;
const entriesMax = 20_000;
const turnMax = 500;
/** Each group needs a question about two routes. */
const groupsMax = 32;
const levelGroupsMax = 4;

type LevelJobs = ReadonlySet<JobEntry>;

export class LevelQueue {
  readonly tenant: string;
  readonly #jobs: LevelJobs;
  #walk: Iterator<JobEntry> | undefined;
  /** Jobs that were read and are not settled. */
  #rest: readonly JobEntry[] = [];
  #restAt = 0;
  #dueMs: number;
  /** Number of the look that read this level queue last. */
  lookedAt = 0;

  constructor(tenant: string, jobs: LevelJobs, dueMs: number) {
    this.tenant = tenant;
    this.#jobs = jobs;
    this.#dueMs = dueMs;
  }

  isDue(nowMs: number): boolean {
    return this.#restAt < this.#rest.length || this.#walk !== undefined || nowMs >= this.#dueMs;
  }

  next(nowMs: number): JobEntry | undefined {
    const again = this.#rest[this.#restAt];
    if (again !== undefined) {
      this.#restAt += 1;
      return again;
    }
    if (this.#walk === undefined) {
      // A job that was read again in this look must not be met a second time, so the next walk begins with the next
      // look.
      const hasRead = this.#rest.length > 0;
      this.#rest = [];
      this.#restAt = 0;
      if (hasRead || nowMs < this.#dueMs) return undefined;
      this.#walk = this.#jobs.values();
    }
    const next = this.#walk.next();
    if (next.done !== true) return next.value;
    this.#walk = undefined;
    this.#dueMs = nowMs + walkEveryMs;
    return undefined;
  }

  putBack(entries: readonly JobEntry[]): void {
    this.#rest = [...entries, ...this.#rest.slice(this.#restAt)];
    this.#restAt = 0;
  }
}

/**
 * Jobs of a level queue with the same need that all state their level or all leave it out. Their messages lie in the
 * same routes.
 */
export interface WorkGroup {
  readonly levelQueue: LevelQueue;
  readonly jobs: JobEntry[];
}

class LevelGroups {
  readonly all: WorkGroup[] = [];
  /**
   * A job that states the default level and one that states no level are in the same level queue, but their messages
   * lie in different routes.
   */
  readonly #byNeed = new Map<NeedTally, { said?: WorkGroup; unsaid?: WorkGroup }>();
  readonly #levelQueue: LevelQueue;

  constructor(levelQueue: LevelQueue) {
    this.#levelQueue = levelQueue;
  }

  /** False if the group of the job was not begun yet. */
  join(entry: JobEntry): boolean {
    const group = this.#byNeed.get(entry.queueRef.tally)?.[saysLevel(entry)];
    group?.jobs.push(entry);
    return group !== undefined;
  }

  begin(entry: JobEntry): void {
    const group: WorkGroup = { levelQueue: this.#levelQueue, jobs: [entry] };
    this.all.push(group);
    const { tally } = entry.queueRef;
    this.#byNeed.set(tally, { ...this.#byNeed.get(tally), [saysLevel(entry)]: group });
  }
}

function saysLevel({ current }: JobEntry): 'said' | 'unsaid' {
  return current.spec.priority === undefined ? 'unsaid' : 'said';
}

export class WorkWalk {
  readonly #limiters: Pick<QueueLimiters, 'out'>;
  readonly #levelQueues = new WeakMap<LevelJobs, LevelQueue>();
  readonly #beginsMs: number;
  #tenantLookedAt = new Map<string, number>();
  #looks = 0;

  constructor(limiters: Pick<QueueLimiters, 'out'>, nowMs: number) {
    this.#limiters = limiters;
    this.#beginsMs = nowMs + walkEveryMs;
  }

  /** Whether there is something to read. */
  isDue(nowMs: number): boolean {
    for (const levelQueue of this.#all()) if (levelQueue.isDue(nowMs)) return true;
    return false;
  }

  /** Continues where the last look stopped. `isAsked`: whether to ask about the job. */
  next(nowMs: number, isAsked: (entry: JobEntry) => boolean): readonly WorkGroup[] {
    this.#looks += 1;
    const groups = new Map<LevelQueue, LevelGroups>();
    const room = { entries: entriesMax, groups: groupsMax };
    let levelQueues = this.#inOrder(nowMs);
    while (levelQueues.length > 0 && room.entries > 0) {
      levelQueues = levelQueues.filter((levelQueue) => {
        if (room.entries === 0 || room.groups === 0) return false;
        const known = groups.get(levelQueue) ?? new LevelGroups(levelQueue);
        groups.set(levelQueue, known);
        return this.#read(levelQueue, nowMs, { known, room, isAsked });
      });
    }
    return [...groups.values()].flatMap(({ all }) => all);
  }

  /** One turn of a level queue. False: the level queue gets no other turn in this look. */
  #read(
    levelQueue: LevelQueue,
    nowMs: number,
    look: {
      readonly known: LevelGroups;
      readonly room: { entries: number; groups: number };
      readonly isAsked: (entry: JobEntry) => boolean;
    },
  ): boolean {
    const { known, room, isAsked } = look;
    levelQueue.lookedAt = this.#looks;
    this.#tenantLookedAt.set(levelQueue.tenant, this.#looks);
    for (let read = 0; read < turnMax && room.entries > 0; read += 1) {
      const entry = levelQueue.next(nowMs);
      if (entry === undefined) return false;
      room.entries -= 1;
      if (!isAsked(entry)) continue;
      if (known.join(entry)) continue;
      if (known.all.length === levelGroupsMax || room.groups === 0) {
        levelQueue.putBack([entry]);
        return false;
      }
      known.begin(entry);
      room.groups -= 1;
    }
    return true;
  }

  /**
   * The level queues that are due, one of each tenant in turn. The tenant that was not looked at for longest comes
   * first.
   */
  #inOrder(nowMs: number): readonly LevelQueue[] {
    const byTenant = new Map<string, LevelQueue[]>();
    for (const levelQueue of this.#all()) {
      if (!levelQueue.isDue(nowMs)) continue;
      const ofTenant = byTenant.get(levelQueue.tenant) ?? [];
      byTenant.set(levelQueue.tenant, ofTenant);
      ofTenant.push(levelQueue);
    }
    const lookedAt = (tenant: string): number => this.#tenantLookedAt.get(tenant) ?? 0;
    this.#tenantLookedAt = new Map([...byTenant.keys()].map((tenant) => [tenant, lookedAt(tenant)]));
    const tenants = [...byTenant].sort(([one], [other]) => lookedAt(one) - lookedAt(other));
    return [
      ...inTurns<LevelQueue>(
        tenants.map(([, levelQueues]) => levelQueues.sort((one, other) => one.lookedAt - other.lookedAt)),
      ),
    ];
  }

  *#all(): Generator<LevelQueue> {
    for (const { tenant, jobs } of this.#limiters.out()) if (jobs.size > 0) yield this.#levelQueueOf(tenant, jobs);
  }

  #levelQueueOf(tenant: string, jobs: LevelJobs): LevelQueue {
    const present = this.#levelQueues.get(jobs);
    if (present !== undefined) return present;
    const levelQueue = new LevelQueue(tenant, jobs, this.#beginsMs);
    this.#levelQueues.set(jobs, levelQueue);
    return levelQueue;
  }
}
