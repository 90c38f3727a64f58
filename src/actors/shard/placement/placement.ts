/**
 * Which node should own which shard: a pure function of the live nodes, their weights and who holds what now, so that
 * every process with the same view suggests the same. A suggestion only: the lease elects, the store decides.
 *
 * What is held stays where it is, unless somebody has less than the whole part of his share or somebody has two more than
 * it rounded up: so a join moves no more than the joiner's share, and a leave only what the leaver had. Free shards
 * go by weighted rendezvous among those that have too few.
 */

export interface Candidate {
  readonly nodeId: string;
  /** Share of the shards in relation to the others; above 0. */
  readonly weight: number;
}

interface Share {
  readonly nodeId: string;
  readonly weight: number;
  readonly ideal: number;
  count: number;
}

/** FNV-1a over the text, then a finalizer (murmur3's), since FNV alone mixes short, similar keys badly. In (0, 1). */
function uniform(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (((hash ^ (hash >>> 16)) >>> 0) + 0.5) / 2 ** 32;
}

/** Weighted rendezvous: the highest score wins each share as often as its weight says. */
function score(shard: number, { nodeId, weight }: Share): number {
  return -weight / Math.log(uniform(`${shard}:${nodeId}`));
}

/** The suggested node of each shard; undefined while there is no candidate. */
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

/** Who may get a free shard: below the whole part of the share, else below the share rounded up, else anyone. */
function inNeed(shares: readonly Share[]): readonly Share[] {
  const below = shares.filter(({ count, ideal }) => count < Math.floor(ideal));
  if (below.length > 0) return below;
  const notAbove = shares.filter(({ count, ideal }) => count < Math.ceil(ideal));
  return notAbove.length > 0 ? notAbove : shares;
}

/** From the one with most too many to the one with most too few, as long as either is out of bounds. */
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
