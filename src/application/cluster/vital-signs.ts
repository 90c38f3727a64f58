/**
 * The services that a process depends on, as they were when it last used them. A sign is in trouble from its first
 * failure until its next success. The process makes no attempt just to test a sign: it renews leases and checks streams
 * anyway, and repeats a failed write every few seconds. A failure that is not repeated within `staleMs` therefore no
 * longer counts; for example, the shard that failed may have moved to another node.
 */
import type { Clock } from '../ports/runtime.ts';

export type VitalSign = 'leases' | 'streams' | 'WORK' | 'EVENTS' | 'store';

export interface Trouble {
  readonly sign: VitalSign;
  /** A message for people. */
  readonly reason: string;
  /** Monotonic ms of the first failure. */
  readonly sinceMs: number;
}

const staleMs = 30_000;

const texts: Readonly<Record<VitalSign, string>> = {
  leases: 'no lease can be renewed',
  streams: 'the streams of NATS cannot be looked at',
  WORK: 'the stream of work takes no messages',
  EVENTS: 'the stream of events takes no messages',
  store: 'the store takes no writes',
};

export class VitalSigns {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #troubles = new Map<VitalSign, Trouble & { readonly lastMs: number }>();

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock;
  }

  ok(sign: VitalSign): void {
    this.#troubles.delete(sign);
  }

  failed(sign: VitalSign, why: string): void {
    const lastMs = this.#clock.monotonicMs();
    const sinceMs = this.#fresh().find((trouble) => trouble.sign === sign)?.sinceMs ?? lastMs;
    this.#troubles.set(sign, { sign, reason: `${texts[sign]}: ${why}`, sinceMs, lastMs });
  }

  troubles(): readonly Trouble[] {
    return this.#fresh().map(({ sign, reason, sinceMs }) => ({ sign, reason, sinceMs }));
  }

  #fresh(): readonly (Trouble & { readonly lastMs: number })[] {
    const nowMs = this.#clock.monotonicMs();
    return [...this.#troubles.values()].filter(({ lastMs }) => nowMs - lastMs <= staleMs);
  }
}
