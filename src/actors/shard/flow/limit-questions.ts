/** When the limiters of a shard ask the homes of their limits, and the questions themselves. One timer serves them all. */
import { ofCluster } from '../../../application/protocol/batch-queue.ts';
import { homeOfLimit } from '../../../application/queues/limit-home.ts';
import type { QuotaResult } from '../../../application/ports/shard-protocol.ts';
import { given } from '../../../domain/given.ts';
import type { QuotaRequest } from '../../../domain/quota-account.ts';
import type { ActorContext } from '../../../kernel/index.ts';
import { type ShardMessage, whenAnswered } from '../services/shard-message.ts';
import type { ShardServices } from '../services/shard-services.ts';
import type { QuotaQuestion } from './local-quota.ts';

/** How long to wait for an answer of a limit's home. */
const askMaxMs = 2_000;
/** How long a question takes that is not sent, because the lease is not sure. */
const unsureMs = 500;

export interface LimitQuestionsParts {
  readonly shard: number;
  readonly epoch: number;
  readonly services: Pick<ShardServices, 'leaseIsSure' | 'peers' | 'shardCount'>;
  readonly context: ActorContext<ShardMessage>;
}

/** Something with limits that may have a home: a limiter of a queue, or the quota of a tenant. */
export interface AsksHomes {
  /** Whether there are limits with a home, which has to be asked. */
  readonly asksHomes: boolean;
  /** When `ask` has to be called. */
  askDueMs(): number;
  ask(): void;
}

export class LimitQuestions {
  readonly #parts: LimitQuestionsParts;
  /** Those with limits that have a home. The others are never asked when they have to ask it. */
  readonly #asking = new Set<AsksHomes>();
  #armedMs = Infinity;
  #armAsked = false;
  /** Counts the questions. The number orders them. */
  #asked = 0;

  constructor(parts: LimitQuestionsParts) {
    this.#parts = parts;
  }

  /** Notes whether the limiter has limits with a home. The caller arms the timer. */
  note(limiter: AsksHomes, isOver = false): void {
    if (limiter.asksHomes && !isOver) this.#asking.add(limiter);
    else this.#asking.delete(limiter);
  }

  /**
   * The needs of the limiter may have changed. Arms the timer once for all decisions of a turn, because arming looks at
   * every key of every limiter.
   */
  changed(limiter: AsksHomes): void {
    if (limiter.asksHomes) this.#asking.add(limiter);
    if (this.#armAsked || !this.#asking.has(limiter)) return;
    this.#armAsked = true;
    if (!this.#parts.context.self.tell({ kind: 'quota-needs-changed' })) this.turnOver();
  }

  /** Called at the end of a turn in which the limiters' needs of quota may have changed. */
  turnOver(): void {
    this.#armAsked = false;
    this.arm();
  }

  arm(): void {
    let dueMs = Infinity;
    for (const limiter of this.#asking) dueMs = Math.min(dueMs, limiter.askDueMs());
    const nowMs = this.#parts.context.clock.monotonicMs();
    if (dueMs === Infinity || (dueMs >= this.#armedMs && this.#armedMs > nowMs)) return;
    this.#armedMs = dueMs;
    this.#parts.context.setTimer('limiters', Math.max(0, dueMs - nowMs), { kind: 'quota-due' });
  }

  /** Sends the questions that are due. */
  askDue(): void {
    this.#armedMs = Infinity;
    for (const limiter of this.#asking) limiter.ask();
    this.arm();
  }

  ask(question: QuotaQuestion, answered: (answer: QuotaResult | undefined) => void): void {
    const { shard, epoch, services, context } = this.#parts;
    // This owner may have a successor. Then its own usage is not the usage of the shard.
    if (!services.leaseIsSure()) {
      // Not at once: each key that knows that it has no answer lets the next one of a backlog ask.
      const over = new Promise<void>((resolve) => context.clock.setTimer(unsureMs, resolve));
      whenAnswered(context, 'shard', over, () => {
        answered(undefined);
        this.arm();
      });
      return;
    }
    const home = homeOfLimit(question, services.shardCount);
    const deadlineAtMs = context.clock.nowMs() + askMaxMs;
    this.#asked += 1;
    const item = { ...question, holder: shard, order: { epoch, number: this.#asked } };
    const asked = lease(services.peers, home, item, deadlineAtMs);
    whenAnswered(context, 'shard', asked, (outcome) => {
      answered(outcome.status === 'fulfilled' ? outcome.value : undefined);
      this.arm();
    });
  }
}

function lease(
  peers: LimitQuestionsParts['services']['peers'],
  home: number,
  { queue, key, ...item }: QuotaQuestion & QuotaRequest,
  deadlineAtMs: number,
): Promise<QuotaResult> {
  const options = { ...ofCluster, deadlineAtMs };
  if (queue === undefined) return peers.call(home, 'leaseTenantQuota', item, options);
  return peers.call(home, 'leaseQuota', { ...item, queue, ...given({ key }) }, options);
}
