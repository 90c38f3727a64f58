/**
 * A sum of bytes that leave it when they are no longer kept. It holds no jobs: bytes that leave at about the same time
 * share an instant. An instant is late by at most a sixteenth of the time that the bytes are kept, or by a minute if
 * that is more. So the sum is never too low by it, and has few instants, however many jobs there are.
 */
import type { KeptPart } from './stored-bytes.ts';

/** How many bytes leave at which instant, the earliest first. */
export type KeptSlots = readonly (readonly [atMs: number, bytes: number])[];

/** Instants of one sum at most, for retentions of up to 400 days. */
export const keptSlotsMax = 640;

const minuteMs = 60_000;
const unitsOfLife = 16;

/** When bytes leave the sum that are kept from one instant to another. */
export function leavesAtMs(fromMs: number, untilMs: number): number {
  let unitMs = minuteMs;
  while (2 * unitMs * unitsOfLife <= untilMs - fromMs) unitMs *= 2;
  return Math.ceil(untilMs / unitMs) * unitMs;
}

/**
 * A sum may begin before it is known what was counted earlier. Until that is merged, more may be removed than was added,
 * because it may have been added earlier.
 */
export class KeptBytes {
  readonly #slots = new Map<number, number>();
  #isWhole = false;

  /** Bytes that are no longer kept add nothing. */
  add({ bytes, fromMs, untilMs }: KeptPart, nowMs: number): void {
    if (untilMs > nowMs) this.#change(leavesAtMs(fromMs, untilMs), bytes);
  }

  /** Removes what was added so, here or earlier. Bytes that were never added take nothing from other instants. */
  remove({ bytes, fromMs, untilMs }: KeptPart): void {
    this.#change(leavesAtMs(fromMs, untilMs), -bytes);
  }

  /** Adds what was counted earlier. From then on the sum is whole. */
  merge(slots: KeptSlots): void {
    for (const [atMs, bytes] of slots) this.#change(atMs, bytes);
    this.#isWhole = true;
    for (const [atMs, bytes] of this.#slots) if (bytes <= 0) this.#slots.delete(atMs);
  }

  total(nowMs: number): number {
    this.#forget(nowMs);
    let sum = 0;
    for (const bytes of this.#slots.values()) sum += Math.max(0, bytes);
    return sum;
  }

  slots(nowMs: number): KeptSlots {
    this.#forget(nowMs);
    return [...this.#slots].filter(([, bytes]) => bytes > 0).sort(([one], [other]) => one - other);
  }

  #change(atMs: number, byBytes: number): void {
    const bytes = (this.#slots.get(atMs) ?? 0) + byBytes;
    if (bytes > 0 || !this.#isWhole) this.#slots.set(atMs, bytes);
    else this.#slots.delete(atMs);
  }

  #forget(nowMs: number): void {
    for (const atMs of this.#slots.keys()) if (atMs <= nowMs) this.#slots.delete(atMs);
  }
}
