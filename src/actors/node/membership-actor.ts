/** Keeps this node's key in the membership alive; without it others take the node for dead. */
import type { Membership, NodeInfo } from '../../application/ports/membership.ts';
import type { ActorContext, ActorDefinition, Behavior } from '../kernel/index.ts';

export type MembershipMessage =
  | { readonly kind: 'announce' }
  | { readonly kind: 'announced'; readonly outcome: PromiseSettledResult<void> }
  /** The handlers of this node are others now. */
  | { readonly kind: 'handlers'; readonly handlers: NodeInfo['handlers'] }
  /** From now on the node is announced as leaving: no shard is placed on it. */
  | { readonly kind: 'drain' };

export function membershipActor(
  node: NodeInfo,
  membership: Pick<Membership, 'announce' | 'withdraw'>,
  announceEveryMs: number,
): ActorDefinition<MembershipMessage> {
  return {
    kind: 'membership',
    mailboxCapacity: 64,
    start: (context) => startMembership(node, membership, announceEveryMs, context),
  };
}

function startMembership(
  node: NodeInfo,
  membership: Pick<Membership, 'announce' | 'withdraw'>,
  announceEveryMs: number,
  context: ActorContext<MembershipMessage>,
): Behavior<MembershipMessage> {
  let present = node;
  const announce = (): void => {
    context.pipeToSelf(membership.announce(present), (outcome) => ({ kind: 'announced', outcome }));
    context.setTimer('announce', announceEveryMs, { kind: 'announce' });
  };
  announce();
  return {
    receive(message) {
      switch (message.kind) {
        case 'announce':
          announce();
          break;
        case 'announced':
          if (message.outcome.status === 'rejected') {
            context.log.debug({ err: message.outcome.reason }, 'node not announced; tried again');
          }
          break;
        case 'handlers':
          present = { ...present, handlers: message.handlers };
          announce();
          break;
        case 'drain':
          present = { ...present, draining: true };
          announce();
          break;
      }
    },
    async onStop() {
      await membership.withdraw(present).catch((error: unknown) => {
        context.log.debug({ err: error }, 'membership not withdrawn; it runs out');
      });
    },
  };
}
