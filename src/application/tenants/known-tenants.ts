/**
 * Tenants as this process knows them. The store is asked for a tenant when somebody uses it, and then:
 *
 * - For 20 s the answer counts as it is. From then on a use asks again, beside its call.
 * - After 30 s a use waits for the new answer. So a change counts within 30 s.
 * - While the store is slow or away, nobody waits for a tenant that it knew within the last hour: the last answer counts. Of
 *   any other a use waits, and fails as the store does.
 * - Where tenants must have been made, the answer that nobody made one counts for 5 s, and no longer. Elsewhere it is an
 *   answer like every other.
 *
 * At most `tenantsMax` that were made are kept, and as many names that nobody made; of each the oldest answers leave first. So
 * names that an issuer makes up push out no tenant. At most `asksMax` are asked for at a time.
 */
import { TroupeError } from '../../domain/errors.ts';
import type { Tenant } from '../../domain/tenant.ts';
import type { DocumentStore } from '../ports/document-store.ts';
import type { Clock, Logger } from '../ports/runtime.ts';
import { tenantOf, tenantPlace } from './tenant-documents.ts';

export interface KnownTenants {
  /**
   * A tenant as it was made, or undefined if nobody made it. A promise only if the store has to be awaited. Throws or rejects
   * with what the store says, or with OVERLOADED.
   */
  find(name: string): Tenant | undefined | Promise<Tenant | undefined>;
  /** What is known at once, however old. Asks the store like `find`, so that a later call knows more. */
  lastSeen(name: string): Tenant | undefined;
  /** Keeps what this process has just written. */
  keep(tenant: Tenant): void;
}

export interface KnownTenantsParts {
  readonly documents: Pick<DocumentStore, 'findDocument'>;
  readonly clock: Pick<Clock, 'monotonicMs' | 'setTimer'>;
  readonly log: Logger;
  /** Whether a tenant that nobody made is refused. */
  readonly mustBeMade: boolean;
}

const askAgainMs = 20_000;
const currentMs = 30_000;
const missingCurrentMs = 5_000;
const outageMaxMs = 3_600_000;
/** How long a use waits for a newer answer about a tenant that is known. */
const patienceMs = 250;
/** After a failure, the store is not asked about this tenant for so long while its last answer counts. */
const failedPauseMs = 1_000;
const tenantsMax = 10_000;
const asksMax = 64;

interface Answer {
  readonly tenant: Tenant | undefined;
  readonly askedAtMs: number;
  /** When the store last failed to give a newer one. */
  failedAtMs: number;
}

interface Ask {
  readonly answer: Promise<Tenant | undefined>;
  readonly begunAtMs: number;
}

class Answers {
  readonly #made = new Map<string, Answer>();
  readonly #unmade = new Map<string, Answer>();

  get(name: string): Answer | undefined {
    return this.#made.get(name) ?? this.#unmade.get(name);
  }

  put(name: string, answer: Answer): void {
    this.#made.delete(name);
    this.#unmade.delete(name);
    const kept = answer.tenant === undefined ? this.#unmade : this.#made;
    kept.set(name, answer);
    const [oldest] = kept.keys();
    if (kept.size > tenantsMax && oldest !== undefined) kept.delete(oldest);
  }
}

export function createKnownTenants(parts: KnownTenantsParts): KnownTenants {
  const { documents, clock, log, mustBeMade } = parts;
  const answers = new Answers();
  const asks = new Map<string, Ask>();

  function put(name: string, tenant: Tenant | undefined, askedAtMs: number): void {
    answers.put(name, { tenant, askedAtMs, failedAtMs: -Infinity });
  }

  async function read(name: string, begunAtMs: number): Promise<Tenant | undefined> {
    try {
      const document = await documents.findDocument(tenantPlace(name));
      const tenant = document && tenantOf(document);
      // What this process wrote meanwhile is newer than an answer that was asked for before.
      if ((answers.get(name)?.askedAtMs ?? -Infinity) < begunAtMs) put(name, tenant, begunAtMs);
      return tenant;
    } catch (error) {
      const last = answers.get(name);
      if (last !== undefined) last.failedAtMs = clock.monotonicMs();
      log.debug({ err: error, tenant: name }, 'tenant not read');
      throw error;
    } finally {
      asks.delete(name);
    }
  }

  /** Undefined if the store is asked about too many at a time. */
  function ask(name: string): Ask | undefined {
    const underWay = asks.get(name);
    if (underWay !== undefined || asks.size >= asksMax) return underWay;
    const begunAtMs = clock.monotonicMs();
    const answer = read(name, begunAtMs);
    // Whoever waits for it has its failure. It may be that nobody does.
    answer.catch(() => undefined);
    const begun: Ask = { answer, begunAtMs };
    asks.set(name, begun);
    return begun;
  }

  /** The last answer counts unless the store soon has another one. Nobody waits for a store that is slow or has just failed. */
  function askSoon(name: string, last: Answer): Tenant | undefined | Promise<Tenant | undefined> {
    const nowMs = clock.monotonicMs();
    if (nowMs - last.failedAtMs < failedPauseMs) return last.tenant;
    const begun = ask(name);
    if (begun === undefined || nowMs - begun.begunAtMs >= patienceMs) return last.tenant;
    return soon(clock, begun.answer, last.tenant);
  }

  function find(name: string): Tenant | undefined | Promise<Tenant | undefined> {
    const last = answers.get(name);
    const ageMs = last === undefined ? Infinity : clock.monotonicMs() - last.askedAtMs;
    const isRefusal = mustBeMade && last?.tenant === undefined;
    if (last !== undefined && ageMs < (isRefusal ? missingCurrentMs : currentMs)) {
      if (ageMs >= askAgainMs) ask(name);
      return last.tenant;
    }
    if (last !== undefined && !isRefusal && ageMs < outageMaxMs) return askSoon(name, last);
    const begun = ask(name);
    if (begun !== undefined) return begun.answer;
    throw new TroupeError('OVERLOADED', { message: 'too many tenants are being looked up', retryAfterMs: 1_000 });
  }

  return {
    find,
    lastSeen(name) {
      const last = answers.get(name);
      if (last === undefined || clock.monotonicMs() - last.askedAtMs >= askAgainMs) ask(name);
      return last?.tenant;
    },
    keep: (tenant) => put(tenant.name, tenant, clock.monotonicMs()),
  };
}

/** The answer if it comes within `patienceMs`. Otherwise the last one. */
function soon<T>(clock: Pick<Clock, 'setTimer'>, answer: Promise<T>, last: T): Promise<T> {
  return new Promise((resolve) => {
    const cancel = clock.setTimer(patienceMs, () => resolve(last));
    const settle = (found: T): void => {
      cancel();
      resolve(found);
    };
    answer.then(settle, () => settle(last));
  });
}
