/**
 * The home of limits: this shard keeps, in memory, the accounts of the limits whose names hash to it. A new owner asks
 * all shards what they use. It grants nothing until it has heard from all of them, or until `forgetMs` have passed: by
 * then, every grant that a silent shard had received is over.
 */
import { ofCluster } from '../../../application/protocol/batch-queue.ts';
import type { LimitUse, QuotaItem, QuotaResult, TenantQuotaItem } from '../../../application/ports/shard-protocol.ts';
import { type LimitName, limitText } from '../../../application/queues/limit-home.ts';
import { QuotaAccount, forgetMs, type LimitRule } from '../../../domain/quota-account.ts';
import { defaultMaxRunningPerKey } from '../../../domain/flow-rule.ts';
import type { ActorContext } from '../../../kernel/index.ts';
import { type ShardMessage, whenAnswered } from '../services/shard-message.ts';
import type { ShardServices } from '../services/shard-services.ts';

/** How long to wait for a shard's report of its usage. */
const hearMaxMs = 2_000;
/** The wait before a shard that did not answer is asked again. */
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
  /** Shards that have not reported their usage yet. Undefined until somebody asks for a quota. */
  #unheard: Set<number> | undefined;

  constructor(parts: QuotaHomeParts) {
    this.#parts = parts;
    this.#sinceMs = parts.context.clock.monotonicMs();
  }

  ask(item: QuotaItem | TenantQuotaItem): QuotaResult {
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
    const { flowRules } = this.#parts.services;
    if (queue === undefined) return flowRules.limitOf(tenant);
    const rule = flowRules.ruleOf(tenant, queue);
    if (rule === undefined || key === undefined) return rule;
    return { maxRunning: rule.maxRunningPerKey ?? defaultMaxRunningPerKey };
  }

  #hearAll(): Set<number> {
    const shards = Array.from({ length: this.#parts.services.shardCount }, (_, shard) => shard);
    for (const shard of shards) this.hear(shard);
    return new Set(shards);
  }

  /** Asks a shard how much it uses of the limits that have their home here. */
  hear(shard: number): void {
    const { shard: home, epoch, services, context } = this.#parts;
    const deadlineAtMs = context.clock.nowMs() + hearMaxMs;
    whenAnswered(
      context,
      'shard',
      services.peers.call(shard, 'limitUse', { home, epoch, ofTenants: true }, { ...ofCluster, deadlineAtMs }),
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
