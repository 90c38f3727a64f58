/**
 * The limits of a queue as a whole: how many of its jobs may run, and how often one may start, and what its tenant has
 * left for it. Jobs that are sent count as running. Without such a limit there is room for any number, and no home is
 * asked.
 */
import type { FlowRule } from '../../../domain/flow-rule.ts';
import type { QueueIndex } from '../table/queue-index.ts';
import type { RouteWindows } from './route-windows.ts';
import type { TenantQuota } from './tenant-quota.ts';
import { LocalQuota, type LocalQuotaParts } from './local-quota.ts';

export interface QueueQuotaParts {
  readonly index: Pick<QueueIndex, 'tenant' | 'queue' | 'runningCount'>;
  readonly windows: Pick<RouteWindows, 'sent'>;
  readonly tenant: Pick<TenantQuota<never>, 'isLimited' | 'room'>;
  readonly monotonicMs: () => number;
  /** Held jobs that could go if there were room. */
  readonly waiting: () => number;
  readonly ask: LocalQuotaParts['ask'];
  /** Called when there may be room. */
  readonly changed: () => void;
}

export class QueueQuota {
  readonly #parts: QueueQuotaParts;
  readonly #quota: LocalQuota;
  #hasHome = false;

  constructor(parts: QueueQuotaParts) {
    this.#parts = parts;
    const { tenant, queue } = parts.index;
    this.#quota = new LocalQuota({
      limit: { tenant, queue },
      demand: () => ({ using: this.using, waiting: this.#hasHome ? parts.waiting() : 0 }),
      ask: parts.ask,
      changed: parts.changed,
    });
  }

  /** The queue itself has a limit. */
  get hasHome(): boolean {
    return this.#hasHome;
  }

  /** The queue or its tenant has a limit, so no job goes without a look at it. */
  get isLimited(): boolean {
    return this.#hasHome || this.#parts.tenant.isLimited;
  }

  /** Jobs that run or may start at any moment. */
  get using(): number {
    return this.#parts.index.runningCount + this.#parts.windows.sent;
  }

  get isIdle(): boolean {
    return !this.#hasHome || this.#quota.isIdle;
  }

  /** What was granted under the former rule has to be asked for again. */
  setRule(rule: FlowRule | undefined): void {
    this.#hasHome = rule?.maxRunning !== undefined || rule?.rate !== undefined;
    this.#quota.revoke();
  }

  /** How many more jobs may be sent. */
  room(): number {
    return Math.min(this.ownRoom(), this.#parts.tenant.room());
  }

  /** The same as far as the limits of the queue itself go. */
  ownRoom(): number {
    if (!this.#hasHome) return Infinity;
    return this.#quota.room(this.#parts.monotonicMs(), { using: this.using, dispatched: this.#parts.windows.sent });
  }

  /** The same by the last answer of its home, see `LocalQuota.grantedRoom`. */
  grantedRoom(): number {
    if (!this.#hasHome) return Infinity;
    return this.#quota.grantedRoom(this.#parts.monotonicMs(), {
      using: this.using,
      dispatched: this.#parts.windows.sent,
    });
  }

  /** Which limit leaves no room. Undefined if there is room. */
  get heldBy(): 'rate' | 'running' | 'tenant' | undefined {
    if (this.ownRoom() > 0) return this.#parts.tenant.room() > 0 ? undefined : 'tenant';
    return this.#quota.lacksStarts({ using: this.using, dispatched: this.#parts.windows.sent }) ? 'rate' : 'running';
  }

  started(): void {
    this.#quota.started();
  }

  /** See `LocalQuota.revoke`. */
  revoke(homeEpoch: number): void {
    this.#quota.revoke(homeEpoch);
  }

  /** When the home has to be asked. */
  dueMs(): number {
    return this.#hasHome ? this.#quota.dueMs() : Infinity;
  }

  askIfDue(nowMs: number): void {
    if (this.#hasHome) this.#quota.askIfDue(nowMs);
  }
}
