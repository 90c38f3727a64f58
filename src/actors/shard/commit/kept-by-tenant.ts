/**
 * What the ended jobs of this shard keep, for each tenant with a quota of stored bytes. Ended jobs leave the memory of a
 * shard, and the next owner does not read them, so the sums are saved in the store: 10 s after they change at most, and
 * at a hand-over. A crash loses what ended since (ADR 0068). It is lost until the retention of these jobs is over.
 *
 * A sum that was not read yet is not saved, because it would take the place of what a former owner has counted. Saves of
 * a tenant come one after the other. A failed one is repeated.
 */
import type { JobRecord } from '../../../domain/job.ts';
import { KeptBytes } from '../../../domain/kept-bytes.ts';
import { keptParts } from '../../../domain/stored-bytes.ts';
import type { ActorContext } from '../../../kernel/index.ts';
import { type ShardMessage, whenAnswered } from '../services/shard-message.ts';
import type { ShardServices } from '../services/shard-services.ts';

/** How long a change may wait until it is saved, while no more than `savesPerTick` times as many tenants change. */
export const saveEveryMs = 10_000;
/** Sums that are saved at each tick, which is every second. A hand-over saves as many at a time as `savesMax`. */
const savesPerTick = 2;
const savesMax = 8;
/** A sum that nobody changed or asked for is forgotten, and read again when it is needed. */
const forgetMs = 600_000;

interface Kept {
  readonly sum: KeptBytes;
  readonly asked: ((bytes: number) => void)[];
  state: 'unread' | 'reading' | 'read';
  isChanged: boolean;
  isSaving: boolean;
  savedMs: number;
  usedMs: number;
}

export interface KeptByTenantParts {
  readonly shard: number;
  readonly epoch: number;
  readonly services: Pick<ShardServices, 'flowRules'> & {
    readonly store: Pick<ShardServices['store'], 'saveKept' | 'findKept'>;
  };
  readonly context: Pick<ActorContext<ShardMessage>, 'clock' | 'log' | 'pipeToSelf'>;
  readonly nowMs: () => number;
  /** Less is owed than before. */
  readonly saved: () => void;
}

export class KeptByTenant {
  readonly #parts: KeptByTenantParts;
  /** Those that were saved longest ago come first. */
  readonly #byTenant = new Map<string, Kept>();
  #isLeaving = false;
  #saves = 0;

  constructor(parts: KeptByTenantParts) {
    this.#parts = parts;
  }

  /** The end of the job is durable. */
  ended(record: JobRecord): void {
    this.#change(record, (sum) => {
      for (const part of keptParts(record)) sum.add(part, this.#parts.nowMs());
    });
  }

  /** The job has ended, and its payloads are gone. */
  erased(before: JobRecord, after: JobRecord): void {
    this.#change(before, (sum) => {
      for (const part of keptParts(before)) sum.remove(part);
      for (const part of keptParts(after)) sum.add(part, this.#parts.nowMs());
    });
  }

  /**
   * Answers what the ended jobs of the tenant keep: 0 without the quota, and what this owner has counted if the store does
   * not answer.
   */
  ask(tenant: string, answered: (bytes: number) => void): void {
    if (!this.#counts(tenant)) {
      answered(0);
      return;
    }
    const kept = this.#of(tenant);
    if (kept.state === 'read') answered(kept.sum.total(this.#parts.nowMs()));
    else kept.asked.push(answered);
    this.#read(tenant, kept);
  }

  tick(): void {
    const nowMs = this.#parts.context.clock.monotonicMs();
    for (const [tenant, kept] of this.#byTenant) {
      if (kept.isSaving) continue;
      const isIdle = !kept.isChanged && kept.asked.length === 0 && nowMs - kept.usedMs >= forgetMs;
      if (isIdle || !this.#counts(tenant)) this.#forget(tenant, kept);
      else if (kept.isChanged) this.#read(tenant, kept);
    }
    if (this.#isLeaving) this.#saveAll();
    else this.#save(savesPerTick, (kept) => nowMs - kept.savedMs >= saveEveryMs);
  }

  /** Saves all that has changed, and from then on whatever changes at once. */
  leave(): void {
    this.#isLeaving = true;
    this.#saveAll();
  }

  /** Whether the store lacks something that it will have soon. */
  get owes(): boolean {
    if (!this.#isLeaving) return false;
    return this.#saves > 0 || [...this.#byTenant.values()].some((kept) => kept.isChanged && kept.state !== 'unread');
  }

  #counts(tenant: string): boolean {
    return this.#parts.services.flowRules.countsStored(tenant);
  }

  #change({ spec: { tenant } }: JobRecord, change: (sum: KeptBytes) => void): void {
    if (!this.#counts(tenant)) return;
    const kept = this.#of(tenant);
    change(kept.sum);
    kept.isChanged = true;
    this.#read(tenant, kept);
    if (this.#isLeaving) this.#saveAll();
  }

  #of(tenant: string): Kept {
    const nowMs = this.#parts.context.clock.monotonicMs();
    const present = this.#byTenant.get(tenant);
    if (present !== undefined) {
      present.usedMs = nowMs;
      return present;
    }
    const kept: Kept = {
      sum: new KeptBytes(),
      asked: [],
      state: 'unread',
      isChanged: false,
      isSaving: false,
      savedMs: nowMs,
      usedMs: nowMs,
    };
    this.#byTenant.set(tenant, kept);
    return kept;
  }

  #forget(tenant: string, kept: Kept): void {
    this.#byTenant.delete(tenant);
    this.#answer(kept);
  }

  #answer(kept: Kept): void {
    const bytes = kept.sum.total(this.#parts.nowMs());
    for (const answered of kept.asked.splice(0)) answered(bytes);
  }

  #read(tenant: string, kept: Kept): void {
    if (kept.state !== 'unread') return;
    kept.state = 'reading';
    const { shard, services, context } = this.#parts;
    whenAnswered(context, 'store', services.store.findKept({ shard, tenant }), (outcome) => {
      kept.state = outcome.status === 'fulfilled' ? 'read' : 'unread';
      if (outcome.status === 'fulfilled') kept.sum.merge(outcome.value);
      this.#answer(kept);
      this.#goOnLeaving();
    });
  }

  #saveAll(): void {
    this.#save(savesMax, () => true);
  }

  #goOnLeaving(): void {
    if (!this.#isLeaving) return;
    this.#saveAll();
    this.#parts.saved();
  }

  #save(most: number, isDue: (kept: Kept) => boolean): void {
    for (const [tenant, kept] of this.#byTenant) {
      if (this.#saves >= most) return;
      if (kept.isChanged && !kept.isSaving && kept.state === 'read' && isDue(kept)) this.#saveOne(tenant, kept);
    }
  }

  #saveOne(tenant: string, kept: Kept): void {
    const { shard, epoch, services, context, nowMs } = this.#parts;
    kept.isChanged = false;
    kept.isSaving = true;
    kept.savedMs = context.clock.monotonicMs();
    this.#byTenant.delete(tenant);
    this.#byTenant.set(tenant, kept);
    this.#saves += 1;
    const save = services.store.saveKept({ shard, tenant }, epoch, kept.sum.slots(nowMs()));
    whenAnswered(context, 'store', save, (outcome) => {
      this.#saves -= 1;
      kept.isSaving = false;
      if (outcome.status === 'rejected') {
        kept.isChanged = true;
        context.log.debug(
          { err: outcome.reason as unknown, tenant },
          'what ended jobs keep was not saved; tried again',
        );
      } else this.#goOnLeaving();
    });
  }
}
