/**
 * The cold jobs of a shard: jobs that wait and whose records are in the store only. Each has a slot, a number of some
 * 80 bytes in typed arrays, which says that and when there is something to look at.
 *
 * Invariant: nothing is decided or answered from these bytes. The record of the job is read first.
 */
import { type JobId, jobIdOf, type JobIdParts, jobIdParts, uniquePartOf } from '../../../domain/job-id.ts';
import { type ColdShape, ColdShapes } from './cold-shapes.ts';
import { ColdTail, TailNumbers } from './cold-tail.ts';
import { rowOf, SlotColumns } from './slot-columns.ts';
import { hashOfId, SlotHash } from './slot-hash.ts';
import { SlotHeap } from './slot-heap.ts';
import { AllocatedBytes, type ColdSlot } from './slot-list.ts';
import { isEarlier, tailOrder, watchOrder } from './slot-orders.ts';

export type { ColdShape } from './cold-shapes.ts';
export type { ColdTail } from './cold-tail.ts';
export type { ColdSlot } from './slot-list.ts';

/** A free slot has state 0, so the number of a state is its index plus 1. */
const coldStates = ['QUEUED', 'SCHEDULED', 'RETRYING'] as const;
export type ColdState = (typeof coldStates)[number];

export interface ColdJob {
  readonly id: JobId;
  readonly shape: ColdShape;
  readonly state: ColdState;
  readonly readyAtMs: number;
  /** Infinity: none. */
  readonly deadlineAtMs: number;
  readonly place: number;
  readonly inputBytes: number;
}

export class ColdJobs {
  readonly #shard: number;
  readonly #bytes = new AllocatedBytes();
  readonly #columns = new SlotColumns(this.#bytes);
  readonly #shapes = new ColdShapes(this.#bytes);
  readonly #byId = new SlotHash((slot) => this.#hashOf(slot), this.#bytes);
  readonly #deadlines = new SlotHeap(watchOrder(this.#columns, this.#shapes), this.#bytes);
  readonly #tails = new TailNumbers(this.#columns, tailOrder(this.#columns, this.#shapes), this.#bytes);

  constructor(shard: number) {
    this.#shard = shard;
  }

  get size(): number {
    return this.#columns.size;
  }

  /** What the arrays, the hash and the shapes have allocated. */
  get bytes(): number {
    return this.#bytes.total;
  }

  /** The job is in no tail. It is watched if it has a deadline. */
  add(job: ColdJob): ColdSlot {
    const parts = jobIdParts(job.id);
    if (parts.shard !== this.#shard || parts.queueNo !== job.shape.queueNo) throw new Error(`${job.id} is not of here`);
    const unique = uniquePartOf(job.id);
    if (this.#findBy(parts, unique) !== undefined) throw new Error(`${job.id} is cold already`);
    const slot = this.#columns.use(coldStates.indexOf(job.state) + 1);
    const chunk = this.#columns.at(slot);
    const row = rowOf(slot);
    chunk.createdAtMs[row] = parts.createdAtMs;
    chunk.unique[row] = unique;
    chunk.readyAtMs[row] = job.readyAtMs;
    chunk.place[row] = job.place;
    chunk.inputBytes[row] = job.inputBytes;
    chunk.shape[row] = this.#shapes.add(job.shape);
    this.#byId.add(slot);
    this.watch(slot, job.deadlineAtMs);
    return slot;
  }

  find(id: JobId): ColdSlot | undefined {
    const parts = jobIdParts(id);
    return parts.shard === this.#shard ? this.#findBy(parts, uniquePartOf(id)) : undefined;
  }

  #findBy({ createdAtMs, queueNo }: JobIdParts, unique: number): ColdSlot | undefined {
    return this.#byId.find(hashOfId(createdAtMs, unique), (slot) => {
      const chunk = this.#columns.at(slot);
      const row = rowOf(slot);
      if (chunk.unique[row] !== unique || chunk.createdAtMs[row] !== createdAtMs) return false;
      return this.#shapes.of(chunk.shape[row] ?? 0).queueNo === queueNo;
    });
  }

  idOf(slot: ColdSlot): JobId {
    const { createdAtMs, unique } = this.#columns.of(slot);
    const row = rowOf(slot);
    const { queueNo } = this.shapeOf(slot);
    return jobIdOf({ createdAtMs: createdAtMs[row] ?? 0, shard: this.#shard, queueNo }, unique[row] ?? 0);
  }

  shapeOf(slot: ColdSlot): ColdShape {
    return this.#shapes.of(this.#columns.of(slot).shape[rowOf(slot)] ?? 0);
  }

  stateOf(slot: ColdSlot): ColdState {
    const state = coldStates[(this.#columns.of(slot).state[rowOf(slot)] ?? 0) - 1];
    if (state === undefined) throw new Error(`slot ${slot} has no state`);
    return state;
  }

  createdAtMs(slot: ColdSlot): number {
    return this.#columns.of(slot).createdAtMs[rowOf(slot)] ?? 0;
  }

  readyAtMs(slot: ColdSlot): number {
    return this.#columns.of(slot).readyAtMs[rowOf(slot)] ?? 0;
  }

  /** Orders jobs by when they became ready, and those of one instant by their ids. */
  compareReady(one: ColdSlot, other: ColdSlot): number {
    const byTime = this.readyAtMs(one) - this.readyAtMs(other);
    if (byTime !== 0 || one === other) return byTime;
    return isEarlier(this.#columns, this.#shapes, one, other) ? -1 : 1;
  }

  inputBytes(slot: ColdSlot): number {
    return this.#columns.of(slot).inputBytes[rowOf(slot)] ?? 0;
  }

  placeOf(slot: ColdSlot): number {
    return this.#columns.of(slot).place[rowOf(slot)] ?? 0;
  }

  /** The job must be in no tail, because tails are ordered by place. */
  setPlace(slot: ColdSlot, place: number): void {
    if (this.#tails.noOf(slot) !== 0) throw new Error(`slot ${slot} is in a tail`);
    this.#columns.of(slot).place[rowOf(slot)] = place;
  }

  /** The job leaves its tail and the deadlines. The slot may be used again. */
  remove(slot: ColdSlot): void {
    this.#tails.leave(slot);
    this.#unwatch(slot);
    this.#byId.remove(slot);
    this.#shapes.remove(this.#columns.of(slot).shape[rowOf(slot)] ?? 0);
    this.#columns.free(slot);
  }

  /** In no particular order. Jobs may be removed meanwhile. One that is added meanwhile may be left out. */
  slots(): Iterable<ColdSlot> {
    return this.#columns.slots();
  }

  /** Infinity: none is watched. */
  nextDeadlineAtMs(): number {
    const { first } = this.#deadlines;
    return first === undefined ? Infinity : this.#watchedAtMs(first);
  }

  /** The job whose deadline is the earliest of those that have come. It is not watched any more. */
  takeDue(nowMs: number): ColdSlot | undefined {
    const { first } = this.#deadlines;
    if (first === undefined || this.#watchedAtMs(first) > nowMs) return undefined;
    this.#deadlines.remove(first);
    return first;
  }

  /** Sets when the job is due by `takeDue`, in place of what was set before. Infinity: never. */
  watch(slot: ColdSlot, atMs: number): void {
    this.#unwatch(slot);
    if (atMs === Infinity) return;
    this.#columns.of(slot).watchedAtMs[rowOf(slot)] = atMs;
    this.#deadlines.push(slot);
  }

  newTail(): ColdTail {
    return new ColdTail(this.#tails);
  }

  #unwatch(slot: ColdSlot): void {
    if (this.#columns.of(slot).watchPosition[rowOf(slot)] !== 0) this.#deadlines.remove(slot);
  }

  #watchedAtMs(slot: ColdSlot): number {
    return this.#columns.of(slot).watchedAtMs[rowOf(slot)] ?? 0;
  }

  #hashOf(slot: ColdSlot): number {
    const { createdAtMs, unique } = this.#columns.at(slot);
    return hashOfId(createdAtMs[rowOf(slot)] ?? 0, unique[rowOf(slot)] ?? 0);
  }
}
