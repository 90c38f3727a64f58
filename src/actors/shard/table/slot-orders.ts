/** The columns of the heaps of an arena: deadlines by their instant, and tails by the places of their jobs. */
import type { ColdShapes } from './cold-shapes.ts';
import { rowOf, type SlotColumns } from './slot-columns.ts';
import type { HeapColumns } from './slot-heap.ts';
import type { ColdSlot } from './slot-list.ts';

export function watchOrder(columns: SlotColumns, shapes: ColdShapes): HeapColumns {
  return {
    keyOf: (slot) => columns.at(slot).watchedAtMs[rowOf(slot)] ?? 0,
    isBefore: (one, other) => isEarlier(columns, shapes, one, other),
    positionOf: (slot) => columns.at(slot).watchPosition[rowOf(slot)] ?? 0,
    setPosition: (slot, position) => {
      columns.at(slot).watchPosition[rowOf(slot)] = position;
    },
  };
}

export function tailOrder(columns: SlotColumns, shapes: ColdShapes): HeapColumns {
  return {
    keyOf: (slot) => columns.at(slot).place[rowOf(slot)] ?? 0,
    isBefore: (one, other) => isEarlier(columns, shapes, one, other),
    positionOf: (slot) => columns.at(slot).tailPosition[rowOf(slot)] ?? 0,
    setPosition: (slot, position) => {
      columns.at(slot).tailPosition[rowOf(slot)] = position;
    },
  };
}

/** Ids by time, then by their unique part, which counts within a ms, whatever the queue. */
export function isEarlier(columns: SlotColumns, shapes: ColdShapes, one: ColdSlot, other: ColdSlot): boolean {
  const [left, right] = [columns.at(one), columns.at(other)];
  const [leftRow, rightRow] = [rowOf(one), rowOf(other)];
  const byTime = (left.createdAtMs[leftRow] ?? 0) - (right.createdAtMs[rightRow] ?? 0);
  if (byTime !== 0) return byTime < 0;
  const byUnique = (left.unique[leftRow] ?? 0) - (right.unique[rightRow] ?? 0);
  if (byUnique !== 0) return byUnique < 0;
  return shapes.of(left.shape[leftRow] ?? 0).queueNo < shapes.of(right.shape[rightRow] ?? 0).queueNo;
}
