/**
 * Which node should own a shard: rendezvous hashing. Every process that sees the same live nodes suggests the same owner,
 * and a node that leaves or joins moves only its own share. A suggestion only: the lease elects, the store decides.
 */

/** FNV-1a over the text, then a finalizer (murmur3's), since FNV alone mixes short, similar keys badly. */
function score(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** Undefined when there are no candidates. Ties go to the smaller name. */
export function suggestOwner(shard: number, nodeIds: readonly string[]): string | undefined {
  let best: { readonly nodeId: string; readonly score: number } | undefined;
  for (const nodeId of nodeIds) {
    const own = score(`${String(shard)}:${nodeId}`);
    if (best === undefined || own > best.score || (own === best.score && nodeId < best.nodeId)) {
      best = { nodeId, score: own };
    }
  }
  return best?.nodeId;
}
