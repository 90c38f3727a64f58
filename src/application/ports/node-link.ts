/** Sends requests to one node of the cluster, which is named by its id. */
import type { NodeVerb, NodeVerbs } from './node-protocol.ts';

export interface NodeClient {
  /**
   * Rejects with NODE_SILENT if no such node listens (nothing was done), and with OUTCOME_UNKNOWN after `timeoutMs`.
   */
  ask<V extends NodeVerb>(
    nodeId: string,
    verb: V,
    question: NodeVerbs[V]['ask'],
    timeoutMs: number,
  ): Promise<NodeVerbs[V]['answer']>;
}
