/**
 * Keeps this node's key in the membership alive. Without the key others take the node for dead. An incarnation whose
 * key has run out never returns: the node continues as a new incarnation and calls `onRejoined`, and its leases belong
 * to the new incarnation from then on. (Attempts are not affected, because each is identified by its token.) If a newer
 * incarnation of the same node exists, `onReplaced` ends this one.
 */
import type { Announced, Membership, NodeInfo } from '../../application/ports/membership.ts';
import type { ActorContext, ActorDefinition, Behavior } from '../../kernel/index.ts';

export type MembershipMessage =
  | { readonly kind: 'announce' }
  | { readonly kind: 'announced'; readonly incarnation: number; readonly outcome: PromiseSettledResult<Announced> }
  /** The handlers of this node have changed. */
  | { readonly kind: 'handlers'; readonly handlers: NodeInfo['handlers'] }
  /** From now on the node is announced as draining, so no shard is placed on it. */
  | { readonly kind: 'drain' }
  /** Whether this node fails to reach the store. */
  | { readonly kind: 'store'; readonly isAway: boolean };

export interface MembershipOptions {
  readonly node: NodeInfo;
  readonly membership: Pick<Membership, 'announce' | 'withdraw'>;
  readonly announceEveryMs: number;
  readonly onRejoined: (incarnation: number) => void;
  readonly onReplaced: () => void;
}

export function membershipActor(options: MembershipOptions): ActorDefinition<MembershipMessage> {
  return {
    kind: 'membership',
    mailboxCapacity: 64,
    start: (context) => new MembershipActor(options, context),
  };
}

class MembershipActor implements Behavior<MembershipMessage> {
  readonly #options: MembershipOptions;
  readonly #context: ActorContext<MembershipMessage>;
  #present: NodeInfo;

  constructor(options: MembershipOptions, context: ActorContext<MembershipMessage>) {
    this.#options = options;
    this.#context = context;
    this.#present = options.node;
    this.#announce();
  }

  receive(message: MembershipMessage): void {
    switch (message.kind) {
      case 'announce':
        this.#announce();
        break;
      case 'announced':
        this.#announced(message.incarnation, message.outcome);
        break;
      case 'handlers':
        this.#become({ handlers: message.handlers });
        break;
      case 'drain':
        this.#become({ draining: true });
        break;
      case 'store':
        this.#become({ storeAway: message.isAway });
        break;
    }
  }

  async onStop(): Promise<void> {
    await this.#options.membership.withdraw(this.#present).catch((error: unknown) => {
      this.#context.log.debug({ err: error }, 'membership not withdrawn; it runs out');
    });
  }

  #become(change: Partial<NodeInfo>): void {
    this.#present = { ...this.#present, ...change };
    this.#announce();
  }

  #announce(): void {
    const { incarnation } = this.#present;
    this.#context.describe({ incarnation, draining: this.#present.draining });
    this.#context.pipeToSelf(this.#options.membership.announce(this.#present), (outcome) => ({
      kind: 'announced',
      incarnation,
      outcome,
    }));
    this.#context.setTimer('announce', this.#options.announceEveryMs, { kind: 'announce' });
  }

  #announced(incarnation: number, outcome: PromiseSettledResult<Announced>): void {
    if (outcome.status === 'rejected') {
      this.#context.log.debug({ err: outcome.reason }, 'node not announced; tried again');
      return;
    }
    // A late answer that belongs to an earlier incarnation.
    if (incarnation !== this.#present.incarnation) return;
    const { nodeId } = this.#present;
    switch (outcome.value) {
      case 'present':
        break;
      case 'expired': {
        const next = Math.max(this.#context.clock.nowMs(), incarnation + 1);
        const fields = { event: 'node.rejoined', nodeId, former: incarnation, incarnation: next };
        this.#context.log.warn(fields, 'other nodes considered this node dead; it is back as a new incarnation');
        this.#options.onRejoined(next);
        this.#become({ incarnation: next });
        break;
      }
      case 'replaced':
        this.#context.log.error(
          { event: 'node.replaced', nodeId, incarnation },
          'a newer process runs under this node id; this one ends',
        );
        this.#options.onReplaced();
        break;
    }
  }
}
