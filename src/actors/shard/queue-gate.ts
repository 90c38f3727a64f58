/**
 * Holds the jobs of one queue in this shard back: while the queue is paused, its limits or those of a concurrency key are
 * reached, or enough of its jobs lie with the nodes. It lets them go in fair order, as many as may run.
 *
 * A job that waits is `held` (its turn has not come), `sent` (a WORK message is out for it; it counts as if it ran) or
 * `adrift` (a message is out, but no live node has its handler: it counts for nothing, and starts only if there is room
 * then). What is held survives nowhere but in the store, as every QUEUED job does: a new owner holds all of them again.
 */
import type { HeldBy } from '../../application/shard-protocol.ts';
import { isPlain } from '../../domain/flow-rule.ts';
import type { FlowRule } from '../../domain/flow-rule.ts';
import type { JobRecord } from '../../domain/job.ts';
import { queuedAtMs } from '../../domain/job.ts';
import type { JobId } from '../../domain/job-id.ts';
import { Allowance } from './allowance.ts';
import type { AllowanceParts } from './allowance.ts';
import { FairLine } from './fair-line.ts';
import type { JobEntry } from './job-table.ts';
import type { QueueBook } from './queue-book.ts';

/** Jobs that lie with the nodes: what they start in a quarter of a second, but at least so many. */
const sentLeast = 32;
const sentForMs = 250;

export interface GateParts {
  readonly book: QueueBook;
  readonly nowMs: () => number;
  readonly monotonicMs: () => number;
  /** Sends a WORK message for it. */
  readonly dispatch: (entry: JobEntry) => void;
  readonly ask: AllowanceParts['ask'];
  /** Whether any live node could run it. */
  readonly isServed: (record: JobRecord) => boolean;
}

interface KeyState {
  running: number;
  sent: number;
  held: number;
  /** Their turn came while the key had no room. */
  readonly parked: Set<JobEntry>;
  readonly allowance: Allowance;
}

export class QueueGate {
  readonly #parts: GateParts;
  readonly #line: FairLine;
  readonly #held = new Map<JobId, JobEntry>();
  readonly #sent = new Map<JobId, JobEntry>();
  readonly #adrift = new Map<JobId, JobEntry>();
  readonly #keys = new Map<string, KeyState>();
  readonly #allowance: Allowance;
  /** Over all keys. */
  #parked = 0;
  /** Jobs with a concurrency or fairness key have come. */
  #isKeyed = false;
  /** Undefined: not known yet; nothing goes. */
  #rule: FlowRule | undefined;

  constructor(parts: GateParts, rule: FlowRule | undefined) {
    this.#parts = parts;
    this.#line = new FairLine((entry) => this.#held.get(entry.current.id) === entry, parts.monotonicMs);
    const { tenant, queue } = parts.book;
    this.#allowance = new Allowance({
      limit: { tenant, queue },
      demand: () => ({ using: this.#using, waiting: this.#isLimited ? this.#held.size - this.#parked : 0 }),
      ask: parts.ask,
      changed: () => {
        this.pump();
      },
    });
    this.setRule(rule);
  }

  setRule(rule: FlowRule | undefined): void {
    this.#rule = rule;
    this.#line.setWeights(rule?.fairnessWeights ?? {});
    // What was granted under the former rule is asked for again.
    this.#allowance.revoke();
    for (const { allowance } of this.#keys.values()) allowance.revoke();
    this.pump();
  }

  /**
   * The job waits, and the store knows. While it knows an earlier record only, a message for that one would count as sent,
   * and none would be sent for this one: once it is durable, it comes here again.
   */
  hold(entry: JobEntry): void {
    const { id, state } = entry.current;
    if (state !== 'QUEUED' || entry.durable !== entry.current) return;
    if (this.#held.has(id) || this.#sent.has(id)) return;
    this.#adrift.delete(id);
    this.#held.set(id, entry);
    this.#isKeyed ||= hasKey(entry.current);
    const key = this.#keyOf(entry.current);
    if (key !== undefined) key.held += 1;
    this.#line.push(entry);
  }

  /** A job that ran when this shard was taken over. */
  restoreRunning({ current }: JobEntry): void {
    this.#isKeyed ||= hasKey(current);
    const key = this.#keyOf(current);
    if (key !== undefined) key.running += 1;
  }

  /** A decision was made about the job, which had this record before. */
  moved(entry: JobEntry, before: JobRecord): void {
    const { current } = entry;
    const [ran, runs] = [before.run !== undefined, current.run !== undefined];
    if (before.state === 'QUEUED' && current.state !== 'QUEUED') this.#leave(entry);
    if (runs && !ran) this.#allowance.started();
    const key = ran === runs ? undefined : this.#keyOf(current);
    if (key !== undefined) {
      key.running += runs ? 1 : -1;
      if (!runs) this.#unpark(key);
    }
    this.pump();
  }

  /** Lets go what may go. */
  pump(): void {
    let room = this.#room();
    while (room > 0 && this.#held.size > 0) {
      const entry = this.#line.shift();
      if (entry === undefined) return;
      const key = this.#keyOf(entry.current);
      if (key !== undefined && this.#keyRoom(key) <= 0) {
        key.parked.add(entry);
        this.#parked += 1;
        continue;
      }
      this.#leave(entry);
      if (!this.#parts.isServed(entry.current)) {
        this.#adrift.set(entry.current.id, entry);
      } else {
        this.#sent.set(entry.current.id, entry);
        if (key !== undefined) key.sent += 1;
        room -= 1;
      }
      this.#parts.dispatch(entry);
    }
  }

  /** A node claims the job. `false`: it is held; a message will be sent when its turn comes. */
  mayStart(entry: JobEntry): boolean {
    if (this.#rule === undefined || this.#rule.paused === true) {
      this.#takeBack(entry);
      return false;
    }
    if (this.#sent.has(entry.current.id)) return true;
    const key = this.#keyOf(entry.current);
    if (this.#limitRoom() > 0 && (key === undefined || this.#keyRoom(key) > 0)) return true;
    this.hold(entry);
    return false;
  }

  /** Asks for what is needed, finds out which handlers have come or gone. */
  tick(): void {
    for (const entry of [...this.#adrift.values()]) if (this.#parts.isServed(entry.current)) this.hold(entry);
    for (const entry of [...this.#sent.values()]) {
      if (this.#parts.isServed(entry.current)) continue;
      this.#leave(entry);
      this.#adrift.set(entry.current.id, entry);
    }
    this.pump();
    for (const [name, key] of this.#keys) {
      if (key.running + key.sent + key.held === 0 && key.allowance.isIdle) this.#keys.delete(name);
    }
  }

  /** A queue without a rule, and without jobs that have keys, needs none. */
  get isNeeded(): boolean {
    return this.#isKeyed || this.#rule === undefined || !isPlain(this.#rule);
  }

  /** What is still held, once it is needed no more. */
  dissolve(): readonly JobEntry[] {
    const held = [...this.#held.values()];
    this.#held.clear();
    return held;
  }

  /** When `ask` is due. */
  askDueMs(): number {
    let dueMs = this.#isLimited ? this.#allowance.dueMs() : Infinity;
    for (const { allowance } of this.#keys.values()) dueMs = Math.min(dueMs, allowance.dueMs());
    return dueMs;
  }

  ask(): void {
    const nowMs = this.#parts.monotonicMs();
    if (this.#isLimited) this.#allowance.askIfDue(nowMs);
    for (const { allowance } of this.#keys.values()) allowance.askIfDue(nowMs);
  }

  /**
   * What runs or may start at any moment of the limits that are asked for: the queue's own has no key. Told to a new owner
   * of their home, so what a former one had granted is over.
   */
  *surrender(
    isOfHome: (key?: string) => boolean,
    homeEpoch: number,
  ): Generator<{ readonly key?: string; readonly using: number }> {
    if (isOfHome()) {
      this.#allowance.revoke(homeEpoch);
      yield { using: this.#using };
    }
    for (const [key, { running, sent, allowance }] of this.#keys) {
      if (!isOfHome(key)) continue;
      allowance.revoke(homeEpoch);
      yield { key, using: running + sent };
    }
  }

  /** `out`: a WORK message was sent for it. `unknown`: it is in none of the lists. */
  standingOf({ current: { id } }: JobEntry): 'held' | 'out' | 'unknown' {
    if (this.#held.has(id)) return 'held';
    return this.#sent.has(id) || this.#adrift.has(id) ? 'out' : 'unknown';
  }

  /** What holds the job back; undefined: nothing but others before it. */
  heldBy(entry: JobEntry): HeldBy | undefined {
    if (this.#rule?.paused === true) return 'pause';
    if (!this.#held.has(entry.current.id)) return undefined;
    const key = this.#keyOf(entry.current);
    if (key?.parked.has(entry) === true) return 'key';
    if (!this.#isLimited || this.#limitRoom() > 0) return undefined;
    return this.#allowance.lacksStarts({ using: this.#using, sent: this.#sent.size }) ? 'rate' : 'running';
  }

  /** Jobs whose turn has come, while their concurrency key has no room. */
  get heldByKey(): number {
    return this.#parked;
  }

  /** When the one among those held that became QUEUED first did so; Infinity without one. */
  oldestHeldAtMs(): number {
    let oldest = Infinity;
    for (const { current } of this.#held.values()) oldest = Math.min(oldest, queuedAtMs(current));
    return oldest;
  }

  get isIdle(): boolean {
    const { size } = this.#keys;
    const waits = this.#held.size + this.#sent.size + this.#adrift.size + size;
    return waits === 0 && this.#parts.book.isIdle && (!this.#isLimited || this.#allowance.isIdle);
  }

  get #isLimited(): boolean {
    return this.#rule?.maxRunning !== undefined || this.#rule?.rate !== undefined;
  }

  get #using(): number {
    return this.#parts.book.runningCount + this.#sent.size;
  }

  #room(): number {
    if (this.#rule === undefined || this.#rule.paused === true) return 0;
    const perSecond = this.#parts.book.starts.perSecond(this.#parts.nowMs());
    const window = Math.max(sentLeast, Math.ceil((perSecond * sentForMs) / 1_000));
    return Math.min(window - this.#sent.size, this.#limitRoom());
  }

  #limitRoom(): number {
    if (!this.#isLimited) return Infinity;
    return this.#allowance.room(this.#parts.monotonicMs(), { using: this.#using, sent: this.#sent.size });
  }

  #keyRoom({ allowance, running, sent }: KeyState): number {
    return allowance.room(this.#parts.monotonicMs(), { using: running + sent, sent });
  }

  #keyOf({ spec: { concurrencyKey } }: JobRecord): KeyState | undefined {
    if (concurrencyKey === undefined) return undefined;
    const present = this.#keys.get(concurrencyKey);
    if (present !== undefined) return present;
    const { tenant, queue } = this.#parts.book;
    const state: KeyState = {
      ...{ running: 0, sent: 0, held: 0, parked: new Set<JobEntry>() },
      allowance: new Allowance({
        limit: { tenant, queue, key: concurrencyKey },
        demand: () => ({ using: state.running + state.sent, waiting: state.held }),
        ask: this.#parts.ask,
        changed: () => {
          this.#unpark(state);
          this.pump();
        },
      }),
    };
    this.#keys.set(concurrencyKey, state);
    return state;
  }

  /** As many as there is room for come to the front of their lines; the last one first, so that they keep their order. */
  #unpark(key: KeyState): void {
    const ready = [...key.parked].slice(0, Math.max(0, this.#keyRoom(key)));
    for (const entry of ready.reverse()) {
      key.parked.delete(entry);
      this.#parked -= 1;
      this.#line.pushFront(entry);
    }
  }

  /** It waits no more, or not like this. */
  #leave(entry: JobEntry): void {
    const { id } = entry.current;
    const key = this.#keyOf(entry.current);
    if (this.#held.delete(id) && key !== undefined) key.held -= 1;
    if (this.#sent.delete(id) && key !== undefined) key.sent -= 1;
    if (key?.parked.delete(entry) === true) this.#parked -= 1;
    this.#adrift.delete(id);
  }

  #takeBack(entry: JobEntry): void {
    if (this.#sent.has(entry.current.id)) this.#leave(entry);
    this.hold(entry);
  }
}

/** Whether jobs of a queue pass through a gate: most do not. */
export function needsGate(rule: FlowRule | undefined, record: JobRecord): boolean {
  return rule === undefined || !isPlain(rule) || hasKey(record);
}

function hasKey({ spec }: JobRecord): boolean {
  return spec.concurrencyKey !== undefined || spec.fairnessKey !== undefined;
}
