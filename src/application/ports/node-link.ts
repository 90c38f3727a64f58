/** The way to one node of the cluster by its id. */
import type { NodeVerb, NodeVerbs } from '../protocol/node-protocol.ts';

export interface NodeClient {
  /** Rejects NODE_SILENT when no such node listens (nothing was done), OUTCOME_UNKNOWN after `timeoutMs`. */
  ask<V extends NodeVerb>(
    nodeId: string,
    verb: V,
    question: NodeVerbs[V]['ask'],
    timeoutMs: number,
  ): Promise<NodeVerbs[V]['answer']>;
}
