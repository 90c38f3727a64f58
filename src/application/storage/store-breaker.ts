/**
 * Keeps a gateway from waiting for a store that does not answer. After some reads in a row that took long and failed, the store
 * rests for a moment: reads get STORE_UNAVAILABLE at once. Then one read at a time is let through, and the first that succeeds
 * lets all others through again.
 *
 * A failure that comes at once costs nobody any time, and does not count. Changes are not stopped here: the shards know
 * whether the store takes commits. Payloads rest apart from all else, since large ones lie in a folder or a bucket.
 */
import { TroupeError } from '../../domain/errors.ts';
import { gauges } from '../../domain/measures.ts';
import type { Clock, Telemetry } from '../ports/runtime.ts';
import type { Store } from '../ports/store.ts';

/** A failure that took at least so long counts. */
export const slowMs = 1_000;
export const failuresMax = 5;
/** So long the store rests. */
export const restMs = 1_000;

export interface BreakerParts {
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly telemetry: Pick<Telemetry, 'gauge'>;
}

type Guarded = Pick<Store, 'jobs' | 'queues' | 'payloads' | 'documents'>;

export function guardReads(store: Guarded, { clock, telemetry }: BreakerParts): Guarded {
  const gauge = telemetry.gauge({
    ...gauges.gatewayStoreRests,
    help: 'Whether the gateway lets the store rest (1), because it did not answer, or asks it (0).',
  });
  gauge.set(0);
  const resting = new Set<StoreBreaker>();
  const newBreaker = (): StoreBreaker => {
    const breaker = new StoreBreaker(clock, (rests) => {
      if (rests) resting.add(breaker);
      else resting.delete(breaker);
      gauge.set(resting.size > 0 ? 1 : 0);
    });
    return breaker;
  };
  const breaker = newBreaker();
  const { jobs, queues, payloads, documents } = store;
  return {
    jobs: guarded(jobs, ['findJob', 'findJobs', 'findKeys', 'listJobs'], breaker),
    queues: guarded(queues, ['findQueue', 'listQueues'], breaker),
    payloads: guarded(payloads, ['getPayload', 'openPayload'], newBreaker()),
    documents: guarded(documents, ['findDocument', 'listDocuments'], breaker),
  };
}

type Read = (...args: never[]) => Promise<unknown>;
/** The methods of a port that are reads, by their type. */
type ReadsOf<Port> = { [Name in keyof Port]-?: Port[Name] extends Read ? Name : never }[keyof Port];

/** The port with these methods guarded. The others are those of the port itself, whatever it is made of. */
function guarded<Port extends object>(
  port: Port,
  reads: readonly (ReadsOf<Port> & string)[],
  breaker: StoreBreaker,
): Port {
  type Method = (...args: readonly unknown[]) => unknown;
  const own = new Map<string | symbol, { readonly of: unknown; readonly call: Method }>();
  const made = (name: string | symbol, method: Method): Method => {
    const call: Method = (...args) => Reflect.apply(method, port, args);
    if (!(reads as readonly (string | symbol)[]).includes(name)) return call;
    return (...args) => breaker.run(() => call(...args) as Promise<unknown>);
  };
  return new Proxy(port, {
    get(_, name) {
      const value: unknown = Reflect.get(port, name);
      if (typeof value !== 'function') return value;
      const known = own.get(name);
      if (known?.of === value) return known.call;
      const call = made(name, value as Method);
      own.set(name, { of: value, call });
      return call;
    },
  });
}

export class StoreBreaker {
  readonly #clock: BreakerParts['clock'];
  readonly #changed: (rests: boolean) => void;
  /** Slow failures since the last success. */
  #failures = 0;
  #restsUntilMs = -Infinity;
  /** A read finds out whether the store answers again. */
  #isTrying = false;

  constructor(clock: BreakerParts['clock'], changed: (rests: boolean) => void) {
    this.#clock = clock;
    this.#changed = changed;
  }

  async run<T>(read: () => Promise<T>): Promise<T> {
    const begunMs = this.#clock.monotonicMs();
    const isTry = this.#failures >= failuresMax;
    if (isTry && (this.#isTrying || begunMs < this.#restsUntilMs)) throw this.#refusal(begunMs);
    if (isTry) this.#isTrying = true;
    try {
      const result = await read();
      this.#succeeded();
      return result;
    } catch (error) {
      this.#failed(error, begunMs);
      throw error;
    } finally {
      if (isTry) this.#isTrying = false;
    }
  }

  #succeeded(): void {
    if (this.#failures >= failuresMax) this.#changed(false);
    this.#failures = 0;
  }

  #failed(error: unknown, begunMs: number): void {
    const nowMs = this.#clock.monotonicMs();
    if (TroupeError.from(error).code !== 'STORE_UNAVAILABLE' || nowMs - begunMs < slowMs) return;
    this.#failures += 1;
    if (this.#failures < failuresMax) return;
    this.#restsUntilMs = nowMs + restMs;
    if (this.#failures === failuresMax) this.#changed(true);
  }

  #refusal(nowMs: number): TroupeError {
    const retryAfterMs = Math.max(100, Math.ceil(this.#restsUntilMs - nowMs));
    return new TroupeError('STORE_UNAVAILABLE', {
      message: 'the store has not answered for some seconds',
      retryAfterMs,
    });
  }
}
