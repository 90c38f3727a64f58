import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Candidate, placeShards } from '../../../../../src/actors/shard/placement/placement.ts';

const shardCounts = fc.integer({ min: 1, max: 256 });
const weights = fc.array(fc.integer({ min: 1, max: 16 }), { minLength: 1, maxLength: 12 });
const nobody: ReadonlyMap<number, string> = new Map();

const nodesOf = (given: readonly number[]): Candidate[] => given.map((weight, n) => ({ nodeId: `node-${n}`, weight }));

type Placement = readonly (string | undefined)[];
const heldBy = (placement: Placement): Map<number, string> =>
  new Map(placement.flatMap((node, shard) => (node === undefined ? [] : [[shard, node] as const])));

function idealOf(node: Candidate, nodes: readonly Candidate[], shardCount: number): number {
  return (shardCount * node.weight) / nodes.reduce((sum, { weight }) => sum + weight, 0);
}
const countOf = (placement: Placement, nodeId: string): number => placement.filter((node) => node === nodeId).length;
const moved = (before: Placement, after: Placement): number[] =>
  [...before.keys()].filter((shard) => before[shard] !== after[shard]);

function expectBalance(placement: Placement, nodes: readonly Candidate[], slack: number): void {
  for (const node of nodes) {
    const ideal = idealOf(node, nodes, placement.length);
    const count = countOf(placement, node.nodeId);
    expect(count).toBeGreaterThanOrEqual(Math.floor(ideal));
    expect(count).toBeLessThanOrEqual(Math.ceil(ideal) + slack);
  }
}

describe('placement of shards', () => {
  it('a fresh cluster: each node has its share by weight, rounded', () => {
    fc.assert(
      fc.property(shardCounts, weights, (shardCount, given) => {
        expectBalance(placeShards(shardCount, nodesOf(given), nobody), nodesOf(given), 0);
      }),
    );
  });

  it('whatever was held before: nobody has less than his share, nobody two more', () => {
    fc.assert(
      fc.property(shardCounts, weights, fc.array(fc.nat(15), { maxLength: 256 }), (shardCount, given, before) => {
        const holders = new Map(before.slice(0, shardCount).map((node, shard) => [shard, `node-${node}`]));
        expectBalance(placeShards(shardCount, nodesOf(given), holders), nodesOf(given), 1);
      }),
    );
  });

  it('is the same for all who see the same, in whatever order, and stays when it is reached', () => {
    fc.assert(
      fc.property(
        shardCounts,
        weights,
        fc.array(fc.nat(), { minLength: 12, maxLength: 12 }),
        (shardCount, given, noise) => {
          const nodes = nodesOf(given);
          const placement = placeShards(shardCount, nodes, nobody);
          const shuffled = nodes
            .map((node, n) => ({ node, at: noise[n] ?? 0 }))
            .sort((a, b) => a.at - b.at)
            .map(({ node }) => node);
          expect(placeShards(shardCount, shuffled, nobody)).toEqual(placement);
          expect(placeShards(shardCount, shuffled, heldBy(placement))).toEqual(placement);
        },
      ),
    );
  });

  it('a join moves at most the ideal share of the joiner and one', () => {
    fc.assert(
      fc.property(
        shardCounts,
        fc.array(fc.integer({ min: 1, max: 16 }), { minLength: 2, maxLength: 12 }),
        (shardCount, given) => {
          let nodes = nodesOf(given.slice(0, 1));
          let placement = placeShards(shardCount, nodes, nobody);
          for (let size = 2; size <= given.length; size += 1) {
            nodes = nodesOf(given.slice(0, size));
            const joiner = nodes.at(-1) as Candidate;
            const after = placeShards(shardCount, nodes, heldBy(placement));
            const gone = moved(placement, after);
            expect(gone.length).toBeLessThanOrEqual(idealOf(joiner, nodes, shardCount) + 1);
            placement = after;
          }
          expectBalance(placement, nodes, 1);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('a leave moves what the leaver had, and nothing else between equal nodes', () => {
    fc.assert(
      fc.property(shardCounts, fc.integer({ min: 2, max: 12 }), fc.nat(), (shardCount, size, pick) => {
        const nodes = nodesOf(Array.from({ length: size }, () => 3));
        const before = placeShards(shardCount, nodes, nobody);
        const leaver = nodes[pick % size]?.nodeId;
        const after = placeShards(
          shardCount,
          nodes.filter(({ nodeId }) => nodeId !== leaver),
          heldBy(before),
        );
        expect(moved(before, after).every((shard) => before[shard] === leaver)).toBe(true);
      }),
    );
  });

  it('step by step, however many at a time: as many hand-overs as were planned, no shard twice', () => {
    const step = fc.integer({ min: 1, max: 4 });
    fc.assert(
      fc.property(shardCounts, weights, step, fc.integer({ min: 1, max: 16 }), (shardCount, given, atATime, weight) => {
        const before = placeShards(shardCount, nodesOf(given), nobody);
        const nodes = nodesOf([...given, weight]);
        const planned = moved(before, placeShards(shardCount, nodes, heldBy(before))).length;
        const holders = heldBy(before);
        const handedOver: number[] = [];
        for (;;) {
          const wanted = placeShards(shardCount, nodes, holders);
          const next = [...holders.keys()].filter((shard) => wanted[shard] !== holders.get(shard)).slice(0, atATime);
          if (next.length === 0) break;
          handedOver.push(...next);
          // Released: whoever it is suggested to now, with nobody holding it, takes it.
          for (const shard of next) holders.delete(shard);
          const free = placeShards(shardCount, nodes, holders);
          for (const shard of next) holders.set(shard, free[shard] ?? '');
        }
        expect(handedOver.length).toBe(planned);
        expect(new Set(handedOver).size).toBe(planned);
      }),
    );
  });

  it('without a node there is nothing to suggest', () => {
    expect(placeShards(2, [], new Map([[0, 'gone']]))).toEqual([undefined, undefined]);
  });
});
