/** Lines that take turns, against one list in which the next is found by looking at all that was taken. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TurnQueue } from '../../../src/domain/turn-queue.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

interface Item {
  readonly tenant: string;
  readonly number: number;
}

const tenants = ['acme', 'toString', '__proto__', ''];
const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('add' as const), tenant: fc.constantFrom(...tenants) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('take' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('keep' as const), divisor: fc.integer({ min: 2, max: 5 }) }) },
);

describe('lines that take turns', () => {
  it('keep the order of each, and let nobody go twice while another waits', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const queue = new TurnQueue<Item>();
        let model: Item[] = [];
        /** Since when each tenant that waits has not been served, the longest first. */
        let order: string[] = [];
        steps.forEach((each, number) => {
          if (each.kind === 'add') {
            const item = { tenant: each.tenant, number };
            queue.add(each.tenant, item);
            if (!model.some(({ tenant }) => tenant === each.tenant)) order.push(each.tenant);
            model.push(item);
          } else if (each.kind === 'take') {
            const [tenant] = order;
            const expected = model.find((item) => item.tenant === tenant);
            expect(queue.next()).toBe(expected);
            queue.take();
            model = model.filter((item) => item !== expected);
            order = order.slice(1);
            if (tenant !== undefined && model.some((item) => item.tenant === tenant)) order.push(tenant);
          } else {
            const isKept = (item: Item): boolean => item.number % each.divisor !== 0;
            queue.keep(isKept);
            model = model.filter(isKept);
            order = order.filter((tenant) => model.some((item) => item.tenant === tenant));
          }
          expect(queue.size).toBe(model.length);
          const byNumber = (a: Item, b: Item): number => a.number - b.number;
          expect([...queue.all()].sort(byNumber)).toEqual([...model].sort(byNumber));
        });
      }),
    );
  });

  it('hold nothing of what has left', () => {
    const queue = new TurnQueue<number>();
    for (let at = 0; at < 10_000; at += 1) queue.add('acme', at);
    for (let at = 0; at < 9_999; at += 1) {
      expect(queue.next()).toBe(at);
      queue.take();
    }
    expect([...queue.all()]).toEqual([9_999]);
    queue.take();
    queue.take();
    expect([queue.size, queue.next()]).toEqual([0, undefined]);
  });

  it('hold none of the things that have left a line in which others wait', async () => {
    const queue = new TurnQueue<object>();
    const things = Array.from({ length: 20 }, () => {
      const thing = {};
      queue.add('acme', thing);
      return new WeakRef(thing);
    });
    for (let taken = 0; taken < 10; taken += 1) queue.take();
    // A reference that was made in this turn holds its thing until the turn ends.
    await new Promise(setImmediate);
    collectGarbage();
    const held = things.map((thing) => thing.deref() !== undefined);
    expect(held).toEqual(things.map((_, at) => at >= 10));
    expect(queue.size).toBe(10);
  });
});
