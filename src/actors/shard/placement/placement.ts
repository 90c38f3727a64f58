/**
 * Suggests which node should own which shard. This is a pure function of the live nodes, their weights and the present
 * holders, so every process with the same view gets the same result. It is only a suggestion: the lease elects the
 * owner, and the epoch in the store decides.
 *
 * A held shard stays where it is, with two exceptions: some node has less than its share rounded down, or some node has
 * at least two more than its share rounded up. So a join moves no more than the share of the new node, and a leave
 * moves only the shards of the node that left. Free shards go by weighted rendezvous to nodes that have too few.
 */

export interface Candidate {
  readonly nodeId: string;
  /** Share of the shards relative to the other nodes. Above 0. */
  readonly weight: number;
}

interface Share {
  readonly nodeId: string;
  readonly weight: number;
  readonly ideal: number;
  count: number;
}

/**
 * FNV-1a over the text, followed by the finalizer of murmur3, because FNV alone mixes short, similar keys badly. The
 * result lies in (0, 1).
 */
function uniform(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (((hash ^ (hash >>> 16)) >>> 0) + 0.5) / 2 ** 32;
}

/** Weighted rendezvous: each node gets the highest score as often as its weight says. */
function score(shard: number, { nodeId, weight }: Share): number {
  return -weight / Math.log(uniform(`${shard}:${nodeId}`));
}

/** The suggested node of each shard. Undefined while there is no candidate. */
export function placeShards(
  shardCount: number,
  candidates: readonly Candidate[],
  holders: ReadonlyMap<number, string>,
): readonly (string | undefined)[] {
  const shares = sharesOf(shardCount, candidates);
  const byNode = new Map(shares.map((share) => [share.nodeId, share]));
  const target: (Share | undefined)[] = Array.from({ length: shardCount }, (_, shard) => {
    const share = byNode.get(holders.get(shard) ?? '');
    if (share !== undefined) share.count += 1;
    return share;
  });
  for (const [shard, held] of target.entries()) {
    if (held !== undefined) continue;
    const taker = highest(inNeed(shares), (share) => score(shard, share));
    if (taker !== undefined) taker.count += 1;
    target[shard] = taker;
  }
  for (let move = nextMove(shares); move !== undefined; move = nextMove(shares)) {
    const { giver, taker } = move;
    const given = highest(
      [...target.keys()].filter((shard) => target[shard] === giver),
      (shard) => score(shard, taker),
    );
    if (given === undefined) break;
    target[given] = taker;
    giver.count -= 1;
    taker.count += 1;
  }
  return target.map((share) => share?.nodeId);
}

function sharesOf(shardCount: number, candidates: readonly Candidate[]): readonly Share[] {
  const weights = candidates.reduce((sum, { weight }) => sum + weight, 0);
  return [...candidates]
    .sort((a, b) => (a.nodeId < b.nodeId ? -1 : 1))
    .map(({ nodeId, weight }) => ({ nodeId, weight, ideal: (shardCount * weight) / weights, count: 0 }));
}

/**
 * Nodes that may get a free shard: those below their share rounded down, else those below their share rounded up, else
 * all.
 */
function inNeed(shares: readonly Share[]): readonly Share[] {
  const below = shares.filter(({ count, ideal }) => count < Math.floor(ideal));
  if (below.length > 0) return below;
  const notAbove = shares.filter(({ count, ideal }) => count < Math.ceil(ideal));
  return notAbove.length > 0 ? notAbove : shares;
}

/**
 * Moves a shard from the node with the largest surplus to the node with the largest deficit, as long as either is out
 * of bounds.
 */
function nextMove(shares: readonly Share[]): { readonly giver: Share; readonly taker: Share } | undefined {
  const giver = highest(shares, ({ count, ideal }) => count - ideal);
  const taker = highest(shares, ({ count, ideal }) => ideal - count);
  if (giver === undefined || taker === undefined || giver === taker) return undefined;
  const tooFew = taker.count < Math.floor(taker.ideal);
  const tooMany = giver.count >= Math.ceil(giver.ideal) + 2;
  return tooFew || tooMany ? { giver, taker } : undefined;
}

/** The first of the highest. */
function highest<T>(among: readonly T[], rank: (one: T) => number): T | undefined {
  let best: { readonly one: T; readonly rank: number } | undefined;
  for (const one of among) {
    const own = rank(one);
    if (best === undefined || own > best.rank) best = { one, rank: own };
  }
  return best?.one;
}
