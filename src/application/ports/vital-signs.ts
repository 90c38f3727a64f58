/**
 * What a process needs in order to do what it is for, as it was when it was last tried: a sign is in trouble from the
 * first failure until the next success. Nothing is tried for its own sake: leases are renewed and streams are looked at
 * all the time, and what could not be written is tried again every few seconds; so a failure that is not repeated for `staleMs` says nothing
 * any more (the shard that tried has moved to another node).
 */
import type { Clock } from './runtime.ts';

export type VitalSign = 'leases' | 'streams' | 'WORK' | 'EVENTS' | 'store';

export interface Trouble {
  readonly sign: VitalSign;
  /** For people. */
  readonly reason: string;
  /** Monotonic. */
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
