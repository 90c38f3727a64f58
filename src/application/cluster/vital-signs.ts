/**
 * The services that a process depends on, as they were when it last used them. A sign is in trouble from its first
 * failure until its next success. The process makes no attempt just to test a sign: it renews leases and checks streams
 * anyway, and repeats a failed write every few seconds. A failure that is not repeated within `staleMs` therefore no
 * longer counts; for example, the shard that failed may have moved to another node.
 *
 * A service may have parts, such as several streams of events. The success of one says nothing about another.
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
  readonly #troubles = new Map<string, Trouble & { readonly lastMs: number }>();

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock;
  }

  ok(sign: VitalSign, part = ''): void {
    if (this.#troubles.size > 0) this.#troubles.delete(`${sign} ${part}`);
  }

  failed(sign: VitalSign, why: string, part = ''): void {
    const lastMs = this.#clock.monotonicMs();
    const key = `${sign} ${part}`;
    const before = this.#troubles.get(key);
    const sinceMs = before !== undefined && lastMs - before.lastMs <= staleMs ? before.sinceMs : lastMs;
    const reason = `${texts[sign]}: ${part === '' ? '' : `${part}: `}${why}`;
    this.#troubles.set(key, { sign, reason, sinceMs, lastMs });
  }

  troubles(): readonly Trouble[] {
    return this.#fresh().map(({ sign, reason, sinceMs }) => ({ sign, reason, sinceMs }));
  }

  #fresh(): readonly (Trouble & { readonly lastMs: number })[] {
    const nowMs = this.#clock.monotonicMs();
    return [...this.#troubles.values()].filter(({ lastMs }) => nowMs - lastMs <= staleMs);
  }
}
