/** Shares of a flood, and bounds on waiting, for any tree of weights. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FairOrder, type FairShare } from '../../../src/domain/fair-order.ts';
import { priorities, priorityWeights } from '../../../src/domain/priority.ts';

function served(order: FairOrder<string>, paths: ReadonlyMap<string, readonly FairShare[]>, turns: number): string[] {
  return Array.from({ length: turns }, () => {
    const next = order.next(() => true) ?? '';
    order.served(paths.get(next) ?? [], 1);
    return next;
  });
}

/** Adds leaves that wait. */
function addAll(order: FairOrder<string>, paths: ReadonlyMap<string, readonly FairShare[]>): void {
  for (const [name, path] of paths) {
    order.add(path, name);
    order.waits(path);
  }
}

/** All leaves that wait, in the order of their turns. */
function inOrder<Leaf>(order: FairOrder<Leaf>): readonly Leaf[] {
  const leaves: Leaf[] = [];
  for (;;) {
    const next = order.next((leaf) => !leaves.includes(leaf));
    if (next === undefined) return leaves;
    leaves.push(next);
  }
}

function flood(paths: ReadonlyMap<string, readonly FairShare[]>, turns: number): string[] {
  const order = new FairOrder<string>();
  addAll(order, paths);
  return served(order, paths, turns);
}

const levelPaths = new Map(
  priorities.map((level) => [String(level), [{ name: String(level), weight: priorityWeights[level] }]] as const),
);

/** Most turns of others between two of this one, the wait for its first included. */
function longestWait(turns: readonly string[], name: string): number {
  const at = turns.flatMap((turn, index) => (turn === name ? [index] : []));
  return Math.max(...at.map((index, nth) => index - (at[nth - 1] ?? -1) - 1), turns.length - (at.at(-1) ?? -1) - 1);
}

describe('levels', () => {
  it('share a flood by weight, the highest first', () => {
    const turns = flood(levelPaths, 3_100);
    expect(turns[0]).toBe('4');
    const shares = priorities.map((level) => turns.filter((turn) => turn === String(level)).length);
    expect(shares).toEqual([100, 200, 400, 800, 1_600]);
  });

  it('the lowest waits for 34 starts of others at most under a flood of all, 17 under one of the highest', () => {
    expect(longestWait(flood(levelPaths, 3_100), '0')).toBeLessThanOrEqual(34);
    const two = new Map([...levelPaths].filter(([name]) => name === '0' || name === '4'));
    expect(longestWait(flood(two, 3_100), '0')).toBeLessThanOrEqual(17);
  });
});

describe('a fair order', () => {
  const weights = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 8 });

  it('gives each child its share of a flood, to within one turn of each other', () => {
    fc.assert(
      fc.property(weights, (each) => {
        const paths = new Map(each.map((weight, index) => [`c${index}`, [{ name: `c${index}`, weight }]] as const));
        const sum = each.reduce((total, weight) => total + weight, 0);
        const turns = flood(paths, sum * 5);
        each.forEach((weight, index) => {
          const count = turns.filter((turn) => turn === `c${index}`).length;
          expect(Math.abs(count - weight * 5)).toBeLessThanOrEqual(each.length);
        });
      }),
    );
  });

  it('starves nobody: no child waits longer than its share of all weights, and one turn of each other', () => {
    fc.assert(
      fc.property(weights, (each) => {
        const paths = new Map(each.map((weight, index) => [`c${index}`, [{ name: `c${index}`, weight }]] as const));
        const sum = each.reduce((total, weight) => total + weight, 0);
        const turns = flood(paths, sum * 6);
        each.forEach((weight, index) => {
          const bound = Math.ceil((sum - weight) / weight) + each.length;
          expect(longestWait(turns, `c${index}`)).toBeLessThanOrEqual(bound);
        });
      }),
    );
  });

  it('shares among groups first: a queue with many routes gets no more than one with one', () => {
    const path = (queue: string, route: string): readonly FairShare[] => [
      { name: queue, weight: 1 },
      { name: route, weight: 4 },
    ];
    const paths = new Map([
      ...Array.from({ length: 9 }, (_, index) => [`many${index}`, path('many', String(index))] as const),
      ['single', path('single', 'a')] as const,
    ]);
    const turns = flood(paths, 900);
    expect(turns.filter((turn) => turn === 'single')).toHaveLength(450);
  });

  it('lets idleness save nothing up', () => {
    const order = new FairOrder<string>();
    const paths = new Map(['a', 'b'].map((name) => [name, [{ name, weight: 1 }]] as const));
    addAll(order, paths);
    order.rests(paths.get('b') ?? []);
    served(order, paths, 1_000);
    order.waits(paths.get('b') ?? []);
    const turns = served(order, paths, 10);
    expect(turns.filter((turn) => turn === 'b')).toHaveLength(5);
  });

  it('takes out what leaves, and the groups that it leaves empty', () => {
    const order = new FairOrder<string>();
    const inGroup = [
      { name: 'g', weight: 1 },
      { name: 'x', weight: 1 },
    ];
    const leave = order.add(inGroup, 'x');
    order.waits(inGroup);
    addAll(order, new Map([['h', [{ name: 'h', weight: 1 }]]]));
    expect(inOrder(order)).toEqual(['x', 'h']);
    leave();
    expect(inOrder(order)).toEqual(['h']);
  });

  it('gives a turn to none that rests, or that has left, however they come and go', () => {
    const path = (name: string): FairShare[] => [
      { name: name.charCodeAt(0) % 2 === 0 ? 'even' : 'odd', weight: 1 },
      { name, weight: 1 },
    ];
    const step = fc.record({
      name: fc.constantFrom('a', 'b', 'c', 'd'),
      what: fc.constantFrom('waits', 'rests', 'leaves', 'comes'),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const order = new FairOrder<string>();
        const there = new Map<string, () => void>();
        const waiting = new Set<string>();
        for (const { name, what } of steps) {
          if (what === 'comes' && !there.has(name)) there.set(name, order.add(path(name), name));
          if (what === 'waits') order.waits(path(name));
          if (what === 'waits' && there.has(name)) waiting.add(name);
          if (what === 'rests') order.rests(path(name));
          if (what === 'rests' || what === 'leaves') waiting.delete(name);
          if (what === 'leaves') there.get(name)?.();
          if (what === 'leaves') there.delete(name);
          expect(new Set(inOrder(order))).toEqual(waiting);
        }
      }),
    );
  });
});

describe('a weight that changes', () => {
  const weight = fc.integer({ min: 1, max: 100 });
  const pathOf = (name: string, weight: number): readonly FairShare[] => [{ name, weight }];

  it('decides the shares from then on, whatever was taken before: to within one turn of each other', () => {
    const children = fc.array(fc.record({ before: weight, after: fc.integer({ min: 1, max: 20 }) }), {
      minLength: 1,
      maxLength: 6,
    });
    fc.assert(
      fc.property(children, fc.nat(300), (each, turnsBefore) => {
        const order = new FairOrder<string>();
        const paths = new Map(each.map(({ before }, n) => [`c${n}`, pathOf(`c${n}`, before)] as const));
        addAll(order, paths);
        served(order, paths, turnsBefore);
        each.forEach(({ after }, n) => {
          order.weigh(pathOf(`c${n}`, after));
        });
        const sum = each.reduce((total, { after }) => total + after, 0);
        const turns = served(order, paths, sum * 5);
        each.forEach(({ after }, n) => {
          const count = turns.filter((turn) => turn === `c${n}`).length;
          expect(Math.abs(count - after * 5)).toBeLessThanOrEqual(2 * each.length);
        });
      }),
    );
  });

  it('loses no turn of who waits, and gives none to who rests', () => {
    const step = fc.record({ name: fc.constantFrom('a', 'b', 'c'), weight, waits: fc.boolean(), turns: fc.nat(5) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const order = new FairOrder<string>();
        const paths = new Map(['a', 'b', 'c'].map((name) => [name, pathOf(name, 1)] as const));
        for (const [name, path] of paths) order.add(path, name);
        const waiting = new Set<string>();
        for (const { name, weight, waits, turns } of steps) {
          order.weigh(pathOf(name, weight));
          if (waits) order.waits(pathOf(name, 1));
          else order.rests(pathOf(name, 1));
          if (waits) waiting.add(name);
          else waiting.delete(name);
          if (waiting.size > 0) served(order, paths, turns);
          expect(new Set(inOrder(order))).toEqual(waiting);
        }
      }),
    );
  });

  it('keeps what was taken in advance: after a burst of 90, a child of weight 3 waits for 30 turns of one of weight 1', () => {
    const order = new FairOrder<string>();
    const paths = new Map([
      ['burst', pathOf('burst', 1)],
      ['other', pathOf('other', 1)],
    ]);
    addAll(order, paths);
    order.served(pathOf('burst', 1), 90);
    order.weigh(pathOf('burst', 3));
    const turns = served(order, paths, 60);
    expect(turns.indexOf('burst')).toBe(30);
    order.weigh(pathOf('nobody', 3));
    expect(inOrder(order)).toHaveLength(2);
  });

  it('is that of the latest path to a child', () => {
    const order = new FairOrder<string>();
    const leaf = (weight: number, name: string): FairShare[] => [
      { name: 'group', weight },
      { name, weight: 1 },
    ];
    const paths = new Map([
      ['x', leaf(1, 'x')],
      ['y', leaf(3, 'y')],
      ['z', [{ name: 'z', weight: 1 }]],
    ]);
    addAll(order, paths);
    expect(served(order, paths, 40).filter((turn) => turn === 'z')).toHaveLength(10);
  });
});

describe('ageing', () => {
  const afterMs = 60_000;
  const floods = fc.record({
    weights: fc.array(fc.integer({ min: 1, max: 64 }), { minLength: 2, maxLength: 6 }),
    turnsMs: fc.array(fc.integer({ min: 1, max: 2 * afterMs }), { minLength: 20, maxLength: 120 }),
  });

  it('passes over nobody who has waited long enough, but for those who have waited longer', () => {
    fc.assert(
      fc.property(floods, ({ weights, turnsMs }) => {
        let nowMs = 0;
        const order = new FairOrder<number>({ afterMs, nowMs: () => nowMs });
        const paths = weights.map((weight, index) => [{ name: String(index), weight, ages: true }]);
        paths.forEach((path, index) => {
          order.add(path, index);
          order.waits(path);
        });
        const sinceMs = weights.map(() => 0);
        const passedOver = weights.map(() => 0);
        for (const turnMs of turnsMs) {
          const next = order.next(() => true) ?? -1;
          expect(inOrder(order).toSorted((a, b) => a - b)).toEqual(weights.map((_, index) => index));
          weights.forEach((_, index) => {
            const isAged = nowMs - (sinceMs[index] ?? 0) >= afterMs;
            passedOver[index] = index !== next && isAged ? (passedOver[index] ?? 0) + 1 : 0;
          });
          expect(Math.max(...passedOver)).toBeLessThan(weights.length);
          order.served(paths[next] ?? [], 1);
          sinceMs[next] = nowMs;
          nowMs += turnMs;
        }
      }),
    );
  });

  it('changes nothing for who is served in time, and nothing for who has nothing to be served', () => {
    let nowMs = 0;
    const order = new FairOrder<string>({ afterMs, nowMs: () => nowMs });
    const paths = new Map(
      ['heavy', 'light'].map((name, index) => [name, [{ name, weight: 16 - 15 * index, ages: true }]]),
    );
    addAll(order, paths);
    order.rests(paths.get('light') ?? []);
    nowMs = 10 * afterMs;
    order.served(paths.get('heavy') ?? [], 1);
    order.waits(paths.get('light') ?? []);
    nowMs += afterMs - 1;
    order.served(paths.get('light') ?? [], 1);
    expect(inOrder(order)).toEqual(['heavy', 'light']);
  });
});
