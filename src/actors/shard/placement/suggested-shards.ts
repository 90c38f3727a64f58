/**
 * Suggests which node should own which shard, as this node sees the others. For itself it uses its last announced
 * state, so it does not leave because its own key was not heard of in time. Nodes that do not reach the store are left
 * out while other nodes do.
 */
import type { Membership, NodeInfo, ShardLeases } from '../../../application/ports/membership.ts';
import { placeShards } from './placement.ts';

export interface SuggestedShardsParts {
  readonly nodeId: string;
  readonly shardCount: number;
  readonly membership: Pick<Membership, 'nodes'>;
  readonly leases: Pick<ShardLeases, 'holders'>;
}

export class SuggestedShards {
  readonly #parts: SuggestedShardsParts;
  readonly #selfIsAway: () => boolean;
  #self: NodeInfo | undefined;
  /** Undefined: the view has changed since it was computed. */
  #target: readonly (string | undefined)[] | undefined;

  /** `selfIsAway`: this node does not reach the store. */
  constructor(parts: SuggestedShardsParts, selfIsAway: () => boolean) {
    this.#parts = parts;
    this.#selfIsAway = selfIsAway;
  }

  changed(): void {
    this.#target = undefined;
  }

  /** The suggested node of each shard. Undefined while there is no candidate. */
  present(): readonly (string | undefined)[] {
    const { nodeId, membership, leases, shardCount } = this.#parts;
    if (this.#target !== undefined) return this.#target;
    const seen = membership.nodes();
    this.#self = seen.find((node) => node.nodeId === nodeId) ?? this.#self;
    const others = seen.filter((node) => node.nodeId !== nodeId);
    const nodes = this.#self === undefined ? others : [...others, this.#self];
    const candidates = nodes.filter((node) => node.roles.includes('shards') && !node.draining);
    const reaching = candidates.filter((node) => !this.#isAway(node));
    this.#target = placeShards(shardCount, reaching.length > 0 ? reaching : candidates, leases.holders());
    return this.#target;
  }

  #isAway({ nodeId, storeAway }: NodeInfo): boolean {
    return nodeId === this.#parts.nodeId ? this.#selfIsAway() : storeAway === true;
  }
}
