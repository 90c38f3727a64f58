/** What the lines of a queue need to keep only the next of their jobs in memory. */
import type { ColdShape, ColdTail, ColdSlot } from '../table/cold-jobs.ts';
import type { JobEntry } from '../table/queue-index.ts';

export interface ColdRoom {
  /** Whether memory is so short that only a head of each line stays warm. */
  readonly isTight: boolean;
  /** See `ShardMemory`. */
  readonly headShare: number;
  newTail(): ColdTail;
  shapeOf(slot: ColdSlot): ColdShape;
  readyAtMs(slot: ColdSlot): number;
  /** Drops the record of a held job. Undefined if that is not possible yet: the store lacks something of it. */
  cool(entry: JobEntry): ColdSlot | undefined;
  /**
   * Reads the records of cold jobs, however long the store takes. Then it calls back with those that are still cold, in
   * the same order. They are warm from then on.
   */
  load(slots: readonly ColdSlot[], then: (entries: readonly JobEntry[]) => void): void;
}

/** The room of one limiter. Jobs that are loaded for their turn are held, as they were before. */
export function coldRoomOf(
  cold: ColdRoom,
  { cool, warmed }: Pick<ColdRoom, 'cool'> & { readonly warmed: (entry: JobEntry) => void },
): ColdRoom {
  return {
    get isTight() {
      return cold.isTight;
    },
    get headShare() {
      return cold.headShare;
    },
    newTail: () => cold.newTail(),
    shapeOf: (slot) => cold.shapeOf(slot),
    readyAtMs: (slot) => cold.readyAtMs(slot),
    cool,
    load: (slots, then) => {
      cold.load(slots, (entries) => {
        for (const entry of entries) warmed(entry);
        then(entries);
      });
    },
  };
}
