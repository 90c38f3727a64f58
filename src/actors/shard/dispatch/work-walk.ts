/**
 * Whose jobs a look at the stream of work asks about: queues take turns, those of each tenant among themselves and tenants
 * with each other, so that no backlog keeps the others waiting. Within a level of a queue (a lane) the jobs that became
 * QUEUED first come first. What a look could not settle comes before anything else of its lane in the next one.
 *
 * Of one look: at most `entriesMax` jobs are read, `turnMax` of a lane before the next one has its turn, and asked is about
 * at most `groupsMax` kinds of jobs, `laneGroupsMax` of a lane. With many lanes the next look goes on with the others.
 */
import { inTurns } from '../../../domain/in-turns.ts';
import type { JobId } from '../../../domain/job-id.ts';
import type { JobEntry } from '../table/job-table.ts';
import type { NeedTally, QueueBook, QueueBooks } from '../table/queue-book.ts';

/** From the end of one walk through a lane to the next. */
const walkEveryMs = 5_000;
const entriesMax = 20_000;
const turnMax = 500;
/** Each asks about two strands. */
const groupsMax = 32;
const laneGroupsMax = 4;

type LaneJobs = ReadonlyMap<JobId, JobEntry>;

export class WorkLane {
  readonly tenant: string;
  readonly #jobs: LaneJobs;
  #walk: Iterator<JobEntry> | undefined;
  /** Read, and not settled. */
  #rest: readonly JobEntry[] = [];
  #restAt = 0;
  #dueMs: number;
  /** Number of the look that read it last. */
  lookedAt = 0;

  constructor(tenant: string, jobs: LaneJobs, dueMs: number) {
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
      // What was read again in this look must not be met a second time.
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

/** Jobs of a lane that need the same and spell their level alike: their messages lie in the same strands. */
export interface WorkGroup {
  readonly lane: WorkLane;
  readonly jobs: JobEntry[];
}

class LaneGroups {
  readonly all: WorkGroup[] = [];
  /** Whether a job says its level or not, its lane is the same, and its strands are others. */
  readonly #byNeed = new Map<NeedTally, { said?: WorkGroup; unsaid?: WorkGroup }>();
  readonly #lane: WorkLane;

  constructor(lane: WorkLane) {
    this.#lane = lane;
  }

  /** False: its group was not begun. */
  join(entry: JobEntry): boolean {
    const group = this.#byNeed.get(entry.place.tally)?.[saysLevel(entry)];
    group?.jobs.push(entry);
    return group !== undefined;
  }

  begin(entry: JobEntry): void {
    const group: WorkGroup = { lane: this.#lane, jobs: [entry] };
    this.all.push(group);
    const { tally } = entry.place;
    this.#byNeed.set(tally, { ...this.#byNeed.get(tally), [saysLevel(entry)]: group });
  }
}

function saysLevel({ current }: JobEntry): 'said' | 'unsaid' {
  return current.spec.priority === undefined ? 'unsaid' : 'said';
}

export class WorkWalk {
  readonly #queues: Pick<QueueBooks, 'all'>;
  readonly #lanes = new WeakMap<LaneJobs, WorkLane>();
  readonly #beginsMs: number;
  #tenantLookedAt = new Map<string, number>();
  #looks = 0;

  constructor(queues: Pick<QueueBooks, 'all'>, nowMs: number) {
    this.#queues = queues;
    this.#beginsMs = nowMs + walkEveryMs;
  }

  /** There is something to read. */
  isDue(nowMs: number): boolean {
    for (const lane of this.#all()) if (lane.isDue(nowMs)) return true;
    return false;
  }

  /** Goes on where the last look has stopped; `isAsked`: whether to ask about the job. */
  next(nowMs: number, isAsked: (entry: JobEntry) => boolean): readonly WorkGroup[] {
    this.#looks += 1;
    const groups = new Map<WorkLane, LaneGroups>();
    const room = { entries: entriesMax, groups: groupsMax };
    let lanes = this.#inOrder(nowMs);
    while (lanes.length > 0 && room.entries > 0) {
      lanes = lanes.filter((lane) => {
        if (room.entries === 0 || room.groups === 0) return false;
        const known = groups.get(lane) ?? new LaneGroups(lane);
        groups.set(lane, known);
        return this.#read(lane, nowMs, { known, room, isAsked });
      });
    }
    return [...groups.values()].flatMap(({ all }) => all);
  }

  /** One turn of a lane; false: no other in this look. */
  #read(
    lane: WorkLane,
    nowMs: number,
    look: {
      readonly known: LaneGroups;
      readonly room: { entries: number; groups: number };
      readonly isAsked: (entry: JobEntry) => boolean;
    },
  ): boolean {
    const { known, room, isAsked } = look;
    lane.lookedAt = this.#looks;
    this.#tenantLookedAt.set(lane.tenant, this.#looks);
    for (let read = 0; read < turnMax && room.entries > 0; read += 1) {
      const entry = lane.next(nowMs);
      if (entry === undefined) return false;
      room.entries -= 1;
      if (!isAsked(entry)) continue;
      if (known.join(entry)) continue;
      if (known.all.length === laneGroupsMax || room.groups === 0) {
        lane.putBack([entry]);
        return false;
      }
      known.begin(entry);
      room.groups -= 1;
    }
    return true;
  }

  /** Those that are due: one of each tenant in turn; first whoever was not read for longest. */
  #inOrder(nowMs: number): readonly WorkLane[] {
    const byTenant = new Map<string, WorkLane[]>();
    for (const lane of this.#all()) {
      if (!lane.isDue(nowMs)) continue;
      const ofTenant = byTenant.get(lane.tenant) ?? [];
      byTenant.set(lane.tenant, ofTenant);
      ofTenant.push(lane);
    }
    const lookedAt = (tenant: string): number => this.#tenantLookedAt.get(tenant) ?? 0;
    this.#tenantLookedAt = new Map([...byTenant.keys()].map((tenant) => [tenant, lookedAt(tenant)]));
    const tenants = [...byTenant].sort(([one], [other]) => lookedAt(one) - lookedAt(other));
    return [
      ...inTurns<WorkLane>(tenants.map(([, lanes]) => lanes.sort((one, other) => one.lookedAt - other.lookedAt))),
    ];
  }

  *#all(): Generator<WorkLane> {
    for (const book of this.#queues.all()) {
      for (const jobs of book.waiting) if (jobs.size > 0) yield this.#laneOf(book, jobs);
    }
  }

  #laneOf({ tenant }: QueueBook, jobs: LaneJobs): WorkLane {
    const present = this.#lanes.get(jobs);
    if (present !== undefined) return present;
    const lane = new WorkLane(tenant, jobs, this.#beginsMs);
    this.#lanes.set(jobs, lane);
    return lane;
  }
}
