/** Messages of a node's admin actor. */
import type { NodeVerb, NodeVerbs } from '../../application/ports/node-protocol.ts';
import type { ActorRef } from '../../kernel/index.ts';

export type Reply = ActorRef<PromiseSettledResult<NodeVerbs[NodeVerb]['answer']>>;

export type AdminMessage =
  | { readonly kind: 'ask'; readonly verb: NodeVerb; readonly question: unknown; readonly reply: Reply }
  | { readonly kind: 'mark' }
  | { readonly kind: 'quarantines-changed' }
  | { readonly kind: 'marked'; readonly key: string; readonly outcome: PromiseSettledResult<void> };
