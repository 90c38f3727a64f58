/**
 * The home of limits: this shard keeps the accounts of those whose name leads to it, in memory. A new owner begins with what
 * all shards say that they use, and gives out nothing before it has heard them, or `forgetMs` have passed: by then
 * whatever an unheard one had been granted is over.
 */
import type { QuotaItem, QuotaResult, LimitUse } from '../../../application/ports/shard-protocol.ts';
import { type LimitName, limitText } from '../../../application/queues/limit-home.ts';
import { QuotaAccount, forgetMs, type LimitRule } from '../../../domain/quota-lease.ts';
import { defaultMaxRunningPerKey } from '../../../domain/flow-rule.ts';
import type { ActorContext } from '../../../kernel/index.ts';
import { type ShardMessage, whenAnswered } from '../shard-message.ts';
import type { ShardServices } from '../shard-services.ts';

/** Patience with one shard that is asked what it uses. */
const hearMaxMs = 2_000;
/** Before one that did not answer is asked again. */
const hearAgainMs = 1_000;

export interface QuotaHomeParts {
  readonly shard: number;
  readonly epoch: number;
  readonly services: Pick<ShardServices, 'flowRules' | 'peers' | 'shardCount' | 'leaseIsSure'>;
  readonly context: ActorContext<ShardMessage>;
}

export class QuotaHome {
  readonly #parts: QuotaHomeParts;
  readonly #accounts = new Map<string, QuotaAccount>();
  readonly #sinceMs: number;
  /** Shards that have not said yet what they use; undefined before anybody asked for anything. */
  #unheard: Set<number> | undefined;

  constructor(parts: QuotaHomeParts) {
    this.#parts = parts;
    this.#sinceMs = parts.context.clock.monotonicMs();
  }

  ask(item: QuotaItem): QuotaResult {
    const nowMs = this.#parts.context.clock.monotonicMs();
    this.#unheard ??= this.#hearAll();
    const rule = this.#ruleOf(item);
    const isEarly = this.#unheard.size > 0 && nowMs - this.#sinceMs < forgetMs;
    const isClosed = rule === undefined || isEarly || !this.#parts.services.leaseIsSure();
    const account = this.#accountOf(item, rule ?? {});
    if (rule !== undefined) account.setRule(rule);
    return { lease: account.ask(item, nowMs, isClosed), epoch: this.#parts.epoch };
  }

  tick(): void {
    const nowMs = this.#parts.context.clock.monotonicMs();
    for (const [name, account] of this.#accounts) if (account.isIdle(nowMs)) this.#accounts.delete(name);
  }

  #accountOf(limit: LimitName, rule: LimitRule): QuotaAccount {
    const name = limitText(limit);
    let account = this.#accounts.get(name);
    if (account === undefined) this.#accounts.set(name, (account = new QuotaAccount(rule, this.#sinceMs)));
    return account;
  }

  #ruleOf({ tenant, queue, key }: LimitName): LimitRule | undefined {
    const rule = this.#parts.services.flowRules.ruleOf(tenant, queue);
    if (rule === undefined || key === undefined) return rule;
    return { maxRunning: rule.maxRunningPerKey ?? defaultMaxRunningPerKey };
  }

  #hearAll(): Set<number> {
    const shards = Array.from({ length: this.#parts.services.shardCount }, (_, shard) => shard);
    for (const shard of shards) this.hear(shard);
    return new Set(shards);
  }

  /** Asks a shard what it uses of the limits that have their home here. */
  hear(shard: number): void {
    const { shard: home, epoch, services, context } = this.#parts;
    const deadlineAtMs = context.clock.nowMs() + hearMaxMs;
    whenAnswered(
      context,
      'shard',
      services.peers.call(shard, 'limitUse', { home, epoch }, { deadlineAtMs }),
      (outcome) => {
        if (outcome.status === 'fulfilled') this.#heard(shard, outcome.value.uses);
        else if (context.clock.monotonicMs() - this.#sinceMs < forgetMs) this.#hearLater(shard);
      },
    );
  }

  #hearLater(shard: number): void {
    this.#parts.context.setTimer(`hear:${shard}`, hearAgainMs, { kind: 'usage-due', shard });
  }

  #heard(shard: number, uses: readonly LimitUse[]): void {
    this.#unheard?.delete(shard);
    const nowMs = this.#parts.context.clock.monotonicMs();
    for (const { using, ...limit } of uses)
      this.#accountOf(limit, this.#ruleOf(limit) ?? {}).learn(shard, using, nowMs);
  }
}
