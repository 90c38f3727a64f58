/** The quotas of the tenants in a shard that have a limiter, and of those whose home has to hear that nothing is used any more. */
import type { LimitUse } from '../../../application/ports/shard-protocol.ts';
import { homeOfLimit } from '../../../application/queues/limit-home.ts';
import type { ActorContext } from '../../../kernel/index.ts';
import type { ShardMessage } from '../services/shard-message.ts';
import type { ShardServices } from '../services/shard-services.ts';
import type { JobTable } from '../table/job-table.ts';
import type { LimitQuestions } from './limit-questions.ts';
import { type TakesTurns, TenantQuota } from './tenant-quota.ts';

export interface TenantQuotasParts<Queue extends TakesTurns> {
  readonly services: Pick<ShardServices, 'flowRules' | 'shardCount'>;
  readonly context: ActorContext<ShardMessage>;
  readonly table: Pick<JobTable, 'queues'>;
  readonly questions: LimitQuestions;
  /** The limiter had a turn. */
  readonly hadTurn: (limiter: Queue) => void;
}

export class TenantQuotas<Queue extends TakesTurns> {
  readonly #parts: TenantQuotasParts<Queue>;
  readonly #quotas = new Map<string, TenantQuota<Queue>>();

  constructor(parts: TenantQuotasParts<Queue>) {
    this.#parts = parts;
  }

  of(tenant: string): TenantQuota<Queue> {
    const present = this.#quotas.get(tenant);
    if (present !== undefined) return present;
    const { context, services, table, questions, hadTurn } = this.#parts;
    const quota = new TenantQuota<Queue>(
      {
        tenant,
        tally: () => table.queues.tallyOf(tenant),
        monotonicMs: () => context.clock.monotonicMs(),
        ask: (question, answered) => {
          questions.ask(question, answered);
        },
        hadTurn,
      },
      services.flowRules.limitOf(tenant),
    );
    this.#quotas.set(tenant, quota);
    return quota;
  }

  /** Something has happened to a job of the tenant. */
  changed(tenant: string): void {
    const quota = this.#quotas.get(tenant);
    if (quota?.isLimited === true) this.#parts.questions.changed(quota);
  }

  /** The tenant may have another quota, or none. The caller arms the timer of the questions. */
  applyRule(tenant: string): void {
    const quota = this.#quotas.get(tenant);
    if (quota === undefined) return;
    quota.setRule(this.#parts.services.flowRules.limitOf(tenant));
    this.#parts.questions.note(quota);
  }

  /** Forgets the tenants of which nothing is left. The caller arms the timer of the questions. */
  look(): void {
    for (const [name, quota] of this.#quotas) {
      const { isIdle } = quota;
      if (isIdle) this.#quotas.delete(name);
      this.#parts.questions.note(quota, isIdle);
    }
  }

  /** How much is used of the quotas that have their home there. What its former owner granted ends here. */
  reportUsage(home: number, homeEpoch: number): LimitUse[] {
    const uses: LimitUse[] = [];
    for (const [tenant, quota] of this.#quotas) {
      if (!quota.isLimited || homeOfLimit({ tenant }, this.#parts.services.shardCount) !== home) continue;
      quota.revoke(homeEpoch);
      const { using } = quota;
      if (using > 0) uses.push({ tenant, using });
    }
    return uses;
  }
}
