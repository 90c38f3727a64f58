/** The ring against a plain array: same content, never past its bound, storage given back. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RingBuffer } from '../../../src/kernel/ring-buffer.ts';

test('behaves like a bounded array', () => {
  const operations = fc.array(fc.constantFrom('push', 'push', 'unshift', 'shift', 'pop', 'clear'), {
    maxLength: 200,
    size: 'max',
  });
  fc.assert(
    fc.property(operations, fc.integer({ min: 1, max: 40 }), (script, capacity) => {
      const ring = new RingBuffer<number>(capacity);
      const model: number[] = [];
      script.forEach((operation, n) => {
        const isFull = model.length === capacity;
        if (operation === 'push') {
          expect(ring.push(n)).toBe(!isFull);
          if (!isFull) model.push(n);
        } else if (operation === 'unshift') {
          expect(ring.unshift(n)).toBe(!isFull);
          if (!isFull) model.unshift(n);
        } else if (operation === 'clear') {
          ring.clear();
          model.length = 0;
        } else expect(ring[operation]()).toBe(model[operation]());
        expect([ring.size, ring.toArray()]).toEqual([model.length, model]);
        expect(ring.allocatedSlots).toBeLessThanOrEqual(Math.max(8, 2 * capacity));
      });
    }),
  );
});

test('a large ring that ran empty gives its storage back', () => {
  const ring = new RingBuffer<number>(100_000);
  expect(ring.allocatedSlots).toBe(0);
  for (let n = 0; n < 100_000; n++) ring.push(n);
  expect(ring.push(1)).toBe(false);
  while (ring.size > 0) ring.shift();
  expect(ring.allocatedSlots).toBe(0);
});
