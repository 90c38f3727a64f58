/** What ended jobs keep, as every store writes and reads it. */
import { invariant } from '../../domain/errors.ts';
import { type KeptSlots, keptSlotsMax } from '../../domain/kept-bytes.ts';

/** When the last of it goes. */
export function lastOf(slots: KeptSlots, nowMs: number): number {
  return slots.at(-1)?.[0] ?? nowMs;
}

export function slotsText(slots: KeptSlots): string {
  invariant(slots.length <= keptSlotsMax, 'a sum has at most keptSlotsMax instants');
  return JSON.stringify(slots);
}

export function slotsOf(text: string | undefined, nowMs: number): KeptSlots {
  return text === undefined ? [] : (JSON.parse(text) as KeptSlots).filter(([atMs]) => atMs > nowMs);
}
