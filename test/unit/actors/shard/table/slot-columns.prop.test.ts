/** Slots are used one job at a time, and a chunk of them is there only while jobs need it, save one. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SlotColumns } from '../../../../../src/actors/shard/table/slot-columns.ts';
import { AllocatedBytes } from '../../../../../src/actors/shard/table/slot-list.ts';

const chunkSlots = 4_096;
const [bytesOfOne, bytesOfTwo] = [1, chunkSlots + 1].map((count) => {
  const bytes = new AllocatedBytes();
  const columns = new SlotColumns(bytes);
  for (let n = 0; n < count; n += 1) columns.use(1);
  return bytes.total;
});

/** The used slots of each chunk. */
class Model {
  readonly chunks = new Map<number, Set<number>>();

  use(slot: number): void {
    const no = Math.floor(slot / chunkSlots);
    const used = this.chunks.get(no) ?? new Set();
    if (used.has(slot)) throw new Error(`slot ${slot} is used twice`);
    this.chunks.set(no, used.add(slot));
  }

  free(slot: number): void {
    const no = Math.floor(slot / chunkSlots);
    this.chunks.get(no)?.delete(slot);
    if (this.chunks.get(no)?.size === 0) this.chunks.delete(no);
  }

  get hasRoom(): boolean {
    return [...this.chunks.values()].some(({ size }) => size < chunkSlots);
  }

  get slots(): number[] {
    return [...this.chunks.values()].flatMap((used) => [...used]).sort((one, other) => one - other);
  }
}

const step = fc.oneof(
  fc.record({ do: fc.constant('use' as const), count: fc.nat({ max: 9_000 }) }),
  fc.record({ do: fc.constant('free' as const), chunk: fc.nat(), count: fc.nat({ max: chunkSlots }) }),
  fc.record({ do: fc.constant('free' as const), chunk: fc.nat(), count: fc.constant(chunkSlots) }),
);

describe('slots in chunks', () => {
  it('are as those of a plain model, and so is what they take', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 2, maxLength: 14, size: 'max' }), (steps) => {
        const bytes = new AllocatedBytes();
        const columns = new SlotColumns(bytes);
        const model = new Model();
        const chunksNow = (): number => bytes.total / (bytesOfOne ?? 1);
        for (const order of steps) {
          if (order.do === 'use') {
            for (let n = 0; n < order.count; n += 1) {
              const [before, hadRoom] = [model.chunks.size, model.hasRoom];
              model.use(columns.use(1));
              if (hadRoom && model.chunks.size !== before) throw new Error('the spare chunk is used before others');
            }
          } else {
            const of = [...model.chunks.values()][order.chunk % (model.chunks.size || 1)];
            for (const slot of [...(of ?? [])].slice(0, order.count)) {
              columns.free(slot);
              model.free(slot);
            }
          }
          expect([...columns.slots()]).toEqual(model.slots);
          expect(columns.size).toBe(model.slots.length);
          expect(chunksNow()).toBeLessThanOrEqual(model.chunks.size + 1);
          expect(chunksNow()).toBeGreaterThanOrEqual(model.chunks.size);
        }
      }),
      { numRuns: 30 },
    );
    expect(bytesOfTwo).toBe(2 * (bytesOfOne ?? 0));
  });

  it('are not of a chunk that went while others had room too', () => {
    const columns = new SlotColumns(new AllocatedBytes());
    for (let n = 0; n < 4 * chunkSlots; n += 1) columns.use(1);
    // Each of three chunks gets room; then the first is the spare one, and the second goes from between the others.
    for (const chunk of [0, 1, 2]) columns.free(chunk * chunkSlots);
    for (const chunk of [0, 1]) for (let row = 1; row < chunkSlots; row += 1) columns.free(chunk * chunkSlots + row);
    const used = Array.from({ length: chunkSlots + 2 }, () => columns.use(1));
    expect(used[0]).toBe(2 * chunkSlots);
    expect([...columns.slots()]).toHaveLength(columns.size);
    for (const slot of used) columns.free(slot);
    expect(columns.size).toBe(2 * chunkSlots - 1);
  });
});
