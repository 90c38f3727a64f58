/**
 * The jobs of a queue that have a WORK message out, and the windows that bound them. Each level has a window, because
 * its messages have a route of their own: a backlog of one level keeps no other level waiting. A need that not every
 * node meets has a handler route and a window of its own in each level: a backlog for busy nodes keeps no job waiting
 * that other nodes could run. Jobs that count as `sent` take room in the window. The message of an unroutable job takes
 * none. A window that was full is filled again once half of it is used, so that messages leave together.
 *
 * A job that had its turn while the window of its handler route was full is blocked until that window has room.
 */
import { type HandlerNeed, needText } from '../../../domain/handler-need.ts';
import { defaultPriority, priorities, type Priority } from '../../../domain/priority.ts';
import { BlockedJobs } from './blocked-jobs.ts';
import { isCold, tallyOf, type WaitingJob } from './placed-jobs.ts';
import type { ColdRoom } from './cold-room.ts';
import type { OutsideJobs } from './outside-jobs.ts';
import type { ColdSlot } from '../table/cold-jobs.ts';
import type { JobEntry, NeedTally } from '../table/queue-index.ts';
import type { TenantTally } from '../table/tenant-tally.ts';
import type { DispatchWindows } from '../services/dispatch-windows.ts';

/**
 * Needs of a level with a window of their own. A caller may make up as many as he likes (`>=0.0.1`, `>=0.0.2`, …), so
 * further ones share a window.
 */
const ownWindowsMax = 32;
/** No need has this text. */
const ofOthers = '';

interface Window {
  sent: number;
  /** It was full, and more than half of it is still out. */
  isFull: boolean;
  /** Jobs that had their turn while it was full. */
  readonly blocked: BlockedJobs;
}

interface Level {
  readonly out: Set<JobEntry>;
  readonly shared: Window;
  /** Those that are in use, by need. */
  readonly ofHandlers: Map<string, Window>;
}

export interface RouteWindowsParts {
  /** Counts the jobs of the whole tenant that are sent. */
  readonly ofTenant: Pick<TenantTally, 'sent'>;
  readonly windows: DispatchWindows;
  /** Whether every live worker node has the handler, so that its jobs have the shared route. */
  readonly everyNodeHas: (need: HandlerNeed) => boolean;
  readonly cold: Pick<ColdRoom, 'shapeOf'>;
  readonly outside: OutsideJobs;
  /** The blocked jobs get their turn again. */
  readonly unblock: (jobs: readonly WaitingJob[]) => void;
}

export class RouteWindows {
  readonly #parts: RouteWindowsParts;
  /** Those that were in use. Most queues have jobs of one level, and a shard may have very many queues. */
  readonly #levels = new Map<Priority, Level>();
  /** The windows in which jobs count. A job keeps its window while it is sent, whatever nodes come or go. */
  readonly #windows = new Map<JobEntry, Window>();
  /** Jobs that are blocked, and those that got their turn again and have not had it. */
  readonly #blocked = new Map<WaitingJob, Window>();
  /** How many jobs of each need `#blocked` has. */
  readonly #blockedOf = new Map<NeedTally, number>();
  /** Windows with blocked jobs. */
  readonly #blocking = new Set<Window>();
  /** Whether the needs have the shared route. Looked up anew at each tick of the shard. */
  readonly #isShared = new Map<NeedTally, boolean>();
  #isMixed = false;
  #sent = 0;

  constructor(parts: RouteWindowsParts) {
    this.#parts = parts;
  }

  #newWindow(): Window {
    return { sent: 0, isFull: false, blocked: new BlockedJobs(this.#parts.outside) };
  }

  /** Jobs of all levels that are sent. */
  get sent(): number {
    return this.#sent;
  }

  /** The jobs of each level with a message out, in the order in which the messages were sent. */
  get out(): readonly ReadonlySet<JobEntry>[] {
    return priorities.flatMap((priority) => this.#levels.get(priority)?.out ?? []);
  }

  get areOut(): boolean {
    for (const { out } of this.#levels.values()) if (out.size > 0) return true;
    return false;
  }

  /** The jobs that are sent, of each level in the order of their messages. */
  sentJobs(): JobEntry[] {
    return this.out.flatMap((ofLevel) => [...ofLevel].filter(({ standing }) => standing === 'sent'));
  }

  /** Some of the needs have a handler route. */
  get isMixed(): boolean {
    return this.#isMixed;
  }

  /** Nodes may have come or gone. Also forgets the windows of handler routes that nothing uses. */
  refresh(needs: Iterable<NeedTally>): void {
    const before = new Map(this.#isShared);
    this.#isShared.clear();
    this.#isMixed = false;
    const moved = new Set<NeedTally>();
    for (const need of needs) if (before.get(need) === !this.sees(need)) moved.add(need);
    if (moved.size > 0) this.#moveBlocked(moved);
    for (const { ofHandlers } of this.#levels.values()) {
      for (const [need, { sent, blocked }] of ofHandlers) if (sent === 0 && blocked.isEmpty) ofHandlers.delete(need);
    }
  }

  /** These needs have another route now. Their blocked jobs wait for room in that one, or others would go before them. */
  #moveBlocked(needs: ReadonlySet<NeedTally>): void {
    const windows = new Set(this.#blocked.values());
    for (const { blocked } of windows) {
      for (const job of blocked.take((one) => needs.has(tallyOf(one, this.#parts.cold)))) this.block(job);
    }
    for (const window of windows) if (window.blocked.size === 0) this.#blocking.delete(window);
  }

  /** A job with this need waits. Returns whether it has the shared route. */
  sees(tally: NeedTally): boolean {
    const known = this.#isShared.get(tally);
    if (known !== undefined) return known;
    const isShared = this.#parts.everyNodeHas(tally.need);
    this.#isShared.set(tally, isShared);
    this.#isMixed ||= !isShared;
    return isShared;
  }

  /** Whether a job that no other has to wait for may be sent. */
  hasRoom(entry: JobEntry, size: number): boolean {
    return this.#routeOf(entry).sent < size;
  }

  /** Whether the next of the jobs of this level may be sent that wait for room in the shared route. */
  mayFillLevel(priority: Priority, size: number): boolean {
    const level = this.#levels.get(priority);
    return level === undefined || mayFill(level.shared, size);
  }

  /** Whether the job may be sent, which has waited for room in its route. */
  mayFill(job: WaitingJob, size: number): boolean {
    return mayFill(this.#routeOf(job), size);
  }

  /** Whether the job had its turn while its route had no room. */
  isBlocked(job: WaitingJob): boolean {
    return this.#blocked.get(job)?.blocked.has(job) === true;
  }

  /** The job had its turn, and its route has no room. */
  block(job: WaitingJob): void {
    const window = this.#routeOf(job);
    window.blocked.add(job);
    if (!this.#blocked.has(job)) this.#countBlocked(job, 1);
    this.#blocked.set(job, window);
    this.#blocking.add(window);
  }

  /** The job has its turn, or waits no more. */
  leave(job: WaitingJob): void {
    const window = this.#blocked.get(job);
    if (window === undefined) return;
    this.#blocked.delete(job);
    this.#countBlocked(job, -1);
    window.blocked.leave(job);
    if (window.blocked.size === 0) this.#blocking.delete(window);
  }

  /**
   * No node has the handler any more, so the blocked jobs of this need wait for no room. They have their turn again.
   * Those of other needs that no node has come with them: each need by itself would cost a look at all blocked jobs.
   */
  unblockUnserved(need: NeedTally, isServed: (need: HandlerNeed) => boolean): readonly WaitingJob[] {
    if (!this.#blockedOf.has(need)) return [];
    const unserved = new Set([...this.#blockedOf.keys()].filter((one) => one === need || !isServed(one.need)));
    const taken: WaitingJob[] = [];
    for (const [job, { blocked }] of this.#blocked) {
      if (!unserved.has(tallyOf(job, this.#parts.cold))) continue;
      // A job that got its turn again and has not had it is in its line already.
      if (blocked.has(job)) taken.push(job);
      this.leave(job);
    }
    return taken;
  }

  /** The first cold job of each window that has blocked jobs. */
  *firstCold(): Generator<ColdSlot, void> {
    for (const { blocked } of this.#blocking) if (blocked.firstCold !== undefined) yield blocked.firstCold;
  }

  /** Gives blocked jobs their turn again, as many as may be sent. */
  unblock(size: number): void {
    for (const window of this.#blocking) {
      if (!mayFill(window, size)) continue;
      this.#parts.unblock(window.blocked.takeFirst(size - window.sent));
      if (window.blocked.size === 0) this.#blocking.delete(window);
    }
  }

  messageOut(entry: JobEntry): void {
    this.#levelOf(entry).out.add(entry);
  }

  messageUsed(entry: JobEntry): void {
    this.#levelOf(entry).out.delete(entry);
  }

  send(entry: JobEntry): void {
    const window = this.#routeOf(entry);
    this.#windows.set(entry, window);
    window.sent += 1;
    this.#sent += 1;
    this.#parts.ofTenant.sent += 1;
    if (window.sent === 1) this.#parts.windows.opened();
  }

  /** The job was sent, and is so no longer. */
  free(entry: JobEntry): void {
    const window = this.#windows.get(entry);
    if (window === undefined) return;
    this.#windows.delete(entry);
    window.sent -= 1;
    this.#sent -= 1;
    this.#parts.ofTenant.sent -= 1;
    if (window.sent === 0) this.#parts.windows.closed();
  }

  /** The shard ends. */
  stop(): void {
    for (const { shared, ofHandlers } of this.#levels.values())
      for (const { sent } of [shared, ...ofHandlers.values()]) if (sent > 0) this.#parts.windows.closed();
  }

  #countBlocked(job: WaitingJob, by: 1 | -1): void {
    const tally = tallyOf(job, this.#parts.cold);
    const count = (this.#blockedOf.get(tally) ?? 0) + by;
    if (count === 0) this.#blockedOf.delete(tally);
    else this.#blockedOf.set(tally, count);
  }

  #routeOf(job: WaitingJob): Window {
    if (!isCold(job)) return this.#routeIn(this.#levelOf(job), job.queueRef.tally);
    const { priority = defaultPriority, tally } = this.#parts.cold.shapeOf(job);
    return this.#routeIn(this.#level(priority), tally);
  }

  #routeIn(level: Level, tally: NeedTally): Window {
    if (this.sees(tally)) return level.shared;
    const { ofHandlers } = level;
    const own = needText(tally.need);
    // While the window of others is in use, jobs of this need may wait there. This one goes behind them.
    const mayOwn = ofHandlers.size < ownWindowsMax && !ofHandlers.has(ofOthers);
    const name = ofHandlers.has(own) || mayOwn ? own : ofOthers;
    let window = ofHandlers.get(name);
    if (window === undefined) ofHandlers.set(name, (window = this.#newWindow()));
    return window;
  }

  #levelOf({ current: { spec } }: JobEntry): Level {
    return this.#level(spec.priority ?? defaultPriority);
  }

  #level(priority: Priority): Level {
    const known = this.#levels.get(priority);
    if (known !== undefined) return known;
    const level: Level = { out: new Set(), shared: this.#newWindow(), ofHandlers: new Map() };
    this.#levels.set(priority, level);
    return level;
  }
}

function mayFill(window: Window, size: number): boolean {
  if (window.sent >= size) window.isFull = true;
  else if (2 * window.sent <= size) window.isFull = false;
  return !window.isFull;
}
