/**
 * Asks many nodes the same question at once. A node that does not answer in time is silent. Silence is an answer too,
 * so the call does not fail because of a node.
 */
import type { CallContext } from '../ports/call-context.ts';
import type { NodeVerb, NodeVerbs } from '../ports/node-protocol.ts';
import type { Membership, NodeInfo } from '../ports/membership.ts';
import type { NodeClient } from '../ports/node-link.ts';
import type { Clock, Logger } from '../ports/runtime.ts';
import { TroupeError } from '../../domain/errors.ts';

export interface NodeAnswer<A> {
  readonly node: NodeInfo;
  /** Undefined if the node is silent. */
  readonly answer: A | undefined;
}

export interface AskNodesParts {
  readonly nodes: NodeClient;
  readonly membership: Pick<Membership, 'nodes'>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Nodes answer from memory. A node that needs longer is in trouble and shown as silent. */
const answerMaxMs = 1_000;
/** Part of the caller's time that is kept for combining and sending the answers. */
const reserveMs = 100;
/** Least time that a node gets, even if the caller's deadline is closer. */
const leastMs = 50;

export class NodesAsker {
  readonly #parts: AskNodesParts;

  constructor(parts: AskNodesParts) {
    this.#parts = parts;
  }

  /** Nodes ordered by id. Throws NODE_NOT_FOUND if `node` is given and is not a member. */
  members(node = ''): readonly NodeInfo[] {
    const nodes = [...this.#parts.membership.nodes()].sort((a, b) => (a.nodeId < b.nodeId ? -1 : 1));
    if (node === '') return nodes;
    const found = nodes.filter(({ nodeId }) => nodeId === node);
    if (found.length === 0) throw new TroupeError('NODE_NOT_FOUND', { metadata: { node } });
    return found;
  }

  askAll<V extends NodeVerb>(
    context: Pick<CallContext, 'deadlineAtMs'>,
    nodes: readonly NodeInfo[],
    verb: V,
    question: NodeVerbs[V]['ask'],
  ): Promise<readonly NodeAnswer<NodeVerbs[V]['answer']>[]> {
    const timeoutMs = this.timeoutMs(context, answerMaxMs);
    return Promise.all(
      nodes.map(async (node) => {
        try {
          return { node, answer: await this.#parts.nodes.ask(node.nodeId, verb, question, timeoutMs) };
        } catch (error) {
          this.#parts.log.debug({ err: error, node: node.nodeId, verb }, 'node did not answer');
          return { node, answer: undefined };
        }
      }),
    );
  }

  /** Asks one node. Its silence is an error. */
  ask<V extends NodeVerb>(
    node: string,
    verb: V,
    question: NodeVerbs[V]['ask'],
    timeoutMs: number,
  ): Promise<NodeVerbs[V]['answer']> {
    return this.#parts.nodes.ask(node, verb, question, timeoutMs);
  }

  timeoutMs({ deadlineAtMs }: Pick<CallContext, 'deadlineAtMs'>, mostMs: number): number {
    if (deadlineAtMs === undefined) return mostMs;
    return Math.max(leastMs, Math.min(mostMs, deadlineAtMs - this.#parts.clock.nowMs() - reserveMs));
  }
}
