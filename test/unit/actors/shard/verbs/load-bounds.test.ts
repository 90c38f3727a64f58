/** The load of a shard within one answer: what does not fit is a sum, and no worker class gets too few slots by it. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { boundedLoad } from '../../../../../src/actors/shard/verbs/load-bounds.ts';
import { shardVerbs } from '../../../../../src/application/ports/shard-protocol.ts';
import { demandOf, queueKey, slotsOf } from '../../../../../src/domain/demand.ts';

const word = 'w'.repeat(64);

function longest(count: number) {
  return Array.from({ length: count }, (_, n) => ({
    tenant: word,
    queue: `${word.slice(5)}${String(n).padStart(5, '0')}`,
    handler: [word, word, word, word].join('.'),
    version: `>=${'9'.repeat(9)}.${'9'.repeat(9)}.${'9'.repeat(9)}`,
    jobs: n + 1,
  }));
}

const sum = (rows: readonly { readonly jobs: number }[]): number => rows.reduce((all, { jobs }) => all + jobs, 0);

it('fits the size that is reckoned with, however long the names are, and counts every job', () => {
  const waiting = longest(3_000);
  const running = waiting.map((row) => ({ ...row, node: word }));
  const whole = { waiting, running, heldByKey: waiting.map(({ tenant, queue, jobs }) => ({ tenant, queue, jobs })) };
  const bytesMax = shardVerbs.load.answerBytes(2);
  const load = boundedLoad(whole, bytesMax);
  expect(Buffer.byteLength(JSON.stringify(load))).toBeLessThanOrEqual(bytesMax);
  expect(sum(load.waiting) + sum(load.running) + load.omitted).toBe(sum(waiting) + sum(running));
  expect(load.waiting.length).toBeGreaterThan(300);
  expect(load.waiting[0]?.jobs).toBe(3_000);
  expect(load.heldByKey[0]?.jobs).toBe(3_000);
});

it('is told row by row while it fits', () => {
  const waiting = longest(100);
  const whole = { waiting, running: [], heldByKey: [] };
  expect(boundedLoad(whole, shardVerbs.load.answerBytes(2))).toEqual({ ...whole, omitted: 0 });
});

it('never makes the demand of a class smaller', () => {
  const ref = fc.record({ tenant: fc.constant('t'), queue: fc.constantFrom('a', 'b') });
  const counted = <T>(row: fc.Arbitrary<T>) =>
    fc.tuple(row, fc.integer({ min: 1, max: 9 })).map(([its, jobs]) => ({ ...its, jobs }));
  const need = fc
    .tuple(ref, fc.constantFrom('x', 'y', 'z'))
    .map(([{ tenant, queue }, handler]) => ({ tenant, queue, handler }));
  const run = fc.tuple(need, fc.constantFrom('n1', 'n2', 'gone')).map(([its, node]) => ({ ...its, node }));
  const arbitrary = fc.record({
    waiting: fc.array(counted(need), { maxLength: 8 }),
    running: fc.array(counted(run), { maxLength: 8 }),
    heldByKey: fc.array(counted(ref), { maxLength: 3 }),
  });
  const handlers = [{ name: 'x', version: '1' }];
  const members = ['n1', 'n2'].map((nodeId) => ({ nodeId, workerClass: nodeId, handlers, draining: false }));
  fc.assert(
    fc.property(arbitrary, fc.integer({ min: 100, max: 1_500 }), fc.nat(20), (whole, bytesMax, runningMax) => {
      const limits = new Map([[queueKey({ tenant: 't', queue: 'a' }), { runningMax }]]);
      const slots = (load: Parameters<typeof demandOf>[0]): number =>
        slotsOf(demandOf(load, { name: 'n1' }, { members, limits }));
      expect(slots(boundedLoad(whole, bytesMax))).toBeGreaterThanOrEqual(slots({ ...whole, omitted: 0 }));
    }),
    { numRuns: 500 },
  );
});
