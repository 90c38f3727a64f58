/** Serves the verbs of this node, from the broker to its actors and back, and sends verbs to all nodes. */
import type { NatsBus } from '../adapters/nats/connect-nats.ts';
import { createProcessVitals } from '../adapters/system/process-vitals.ts';
import { adminActor, askAdmin } from '../actors/node/admin-actor.ts';
import type { AdminMessage } from '../actors/node/admin-message.ts';
import type { ActorDefinition, ActorRef } from '../kernel/index.ts';
import type { AdminServices } from '../actors/node/node-view.ts';
import type { StopRun } from '../actors/shard/services/shard-services.ts';
import { isNodeVerb, type NodeVerb, type NodeVerbs } from '../application/ports/node-protocol.ts';
import type { NodeInfo } from '../application/ports/membership.ts';
import type { NodeClient } from '../application/ports/node-link.ts';
import type { Clock } from '../application/ports/runtime.ts';
import { TroupeError } from '../domain/errors.ts';

/**
 * A profile takes up to a minute and is assembled afterwards. Callers set shorter limits where they are appropriate.
 */
const answerMaxMs = 90_000;

export function nodeAdmin(services: Omit<AdminServices, 'vitals'>): ActorDefinition<AdminMessage> {
  return adminActor({ ...services, vitals: createProcessVitals() });
}

export interface ServedNode {
  readonly bus: Pick<NatsBus, 'serveNode'>;
  readonly node: Omit<NodeInfo, 'handlers'>;
  readonly startedAtMs: number;
  readonly clock: Clock;
  readonly admin: ActorRef<AdminMessage>;
  readonly stopRun: (stop: StopRun) => void;
}

export function serveNode({ bus, node, startedAtMs, clock, admin, stopRun }: ServedNode): () => void {
  const metadata = { nodeId: node.nodeId, incarnation: String(node.incarnation), roles: node.roles.join(',') };
  return bus.serveNode(
    node.nodeId,
    async (verb, payload) => {
      if (verb === 'stop') {
        stopRun(payload as StopRun);
        return null;
      }
      if (!isNodeVerb(verb)) throw new TroupeError('INVALID_ARGUMENT', { message: `unknown node verb: ${verb}` });
      return askAdmin(admin, verb, payload, { timeoutMs: answerMaxMs, clock });
    },
    { version: node.version, metadata, startedAtMs },
  );
}

/** Asks this process's own node without the broker, so that it can be inspected while NATS is unavailable. */
export function createNodeClient(parts: {
  readonly bus: Pick<NatsBus, 'requestNode'>;
  readonly ownId: string;
  readonly admin: ActorRef<AdminMessage>;
  readonly clock: Clock;
}): NodeClient {
  const { bus, ownId, admin, clock } = parts;
  return {
    async ask<V extends NodeVerb>(nodeId: string, verb: V, question: NodeVerbs[V]['ask'], timeoutMs: number) {
      const answer =
        nodeId === ownId
          ? await askAdmin(admin, verb, question, { timeoutMs, clock })
          : await bus.requestNode(nodeId, verb, question, timeoutMs);
      // The verb determines the type of its answer, because both ends are this code.
      return answer as NodeVerbs[V]['answer'];
    },
  };
}
