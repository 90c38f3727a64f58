/**
 * The public keys of one issuer. The last good set stays in use while the issuer is away, for a day at most, so that an
 * outage of the issuer is not one of the cluster. A set that the issuer answers with replaces the former one as a whole.
 *
 * Nobody can make it ask more often than the constants below say, whatever key ids tokens name.
 */
import { createLocalJWKSet, errors, type FlattenedJWSInput, type JSONWebKeySet, type JWSHeaderParameters } from 'jose';
import type { Clock, Gauge, Logger } from '../../application/ports/runtime.ts';
import { TroupeError } from '../../domain/errors.ts';
import type { FetchDocument } from './fetch-document.ts';
import type { IssuerSettings } from './issuer-settings.ts';

/** A set of this age is fetched again, beside the calls. */
const freshMs = 9 * 60_000;
/** A call does not count on a set of this age unless the issuer is away: a key that was withdrawn may be in it. */
const staleMs = 10 * 60_000;
/** A set of this age is used no more. */
const usableMs = 24 * 3_600_000;
/** Least time between two fetches because of key ids that are not in the set. */
const unknownKeyMs = 30_000;
/** Time between two fetches while the issuer is away: the first, doubled up to the second. */
const retryMs = { first: 1_000, most: 60_000 };

export interface IssuerKeysParts {
  readonly settings: IssuerSettings;
  readonly fetchDocument: FetchDocument;
  readonly clock: Clock;
  readonly log: Logger;
  /** Told after each fetch. */
  readonly away: Gauge;
}

type FindKey = ReturnType<typeof createLocalJWKSet>;

export class IssuerKeys {
  readonly #parts: IssuerKeysParts;
  #find: FindKey | undefined;
  #fetchedAtMs = -Infinity;
  /** No fetch begins before. */
  #nextFetchMs = -Infinity;
  #lookedForUnknownMs = -Infinity;
  /** When the last fetch began. */
  #triedAtMs = -Infinity;
  #failures = 0;
  #fetching: Promise<void> | undefined;

  constructor(parts: IssuerKeysParts) {
    this.#parts = parts;
  }

  /** Fetches the keys before a call needs them, so that a wrong address is in the log at the start. */
  begin(): void {
    void this.#refresh();
  }

  /** The key that signed a token. Rejects with ISSUER_UNAVAILABLE if there is no usable set, else with what jose says. */
  async key(header: JWSHeaderParameters, token: FlattenedJWSInput): ReturnType<FindKey> {
    const nowMs = this.#parts.clock.monotonicMs();
    const ageMs = nowMs - this.#fetchedAtMs;
    // Without this wait, an issuer whose tokens come seldom could not take a key back. An outage costs one wait at most, and
    // one more after each time in which nobody has asked for long: the issuer may be back.
    const isKnownAway = this.#isAway && nowMs - this.#triedAtMs < staleMs;
    if (ageMs > usableMs || (ageMs > staleMs && !isKnownAway)) await this.#refresh();
    else if (ageMs > freshMs) void this.#refresh();
    try {
      return await this.#usable()(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      await this.#refreshForUnknown();
      return await this.#usable()(header, token).catch((missing: unknown) => {
        // The issuer alone knows whether the key is one of its own.
        throw this.#isAway && missing instanceof errors.JWKSNoMatchingKey
          ? new TroupeError('ISSUER_UNAVAILABLE')
          : missing;
      });
    }
  }

  get #isAway(): boolean {
    return this.#failures > 0;
  }

  #usable(): FindKey {
    const ageMs = this.#parts.clock.monotonicMs() - this.#fetchedAtMs;
    if (this.#find !== undefined && ageMs <= usableMs) return this.#find;
    throw new TroupeError('ISSUER_UNAVAILABLE');
  }

  /** The issuer may have a new key. */
  async #refreshForUnknown(): Promise<void> {
    const nowMs = this.#parts.clock.monotonicMs();
    if (this.#fetching === undefined && nowMs - this.#lookedForUnknownMs < unknownKeyMs) return;
    this.#lookedForUnknownMs = nowMs;
    await this.#refresh();
  }

  /** Resolves when the fetch that is under way has ended, however it did. Begins one if it is time. */
  #refresh(): Promise<void> {
    if (this.#fetching !== undefined) return this.#fetching;
    if (this.#parts.clock.monotonicMs() < this.#nextFetchMs) return Promise.resolve();
    this.#fetching = this.#fetch().finally(() => {
      this.#fetching = undefined;
    });
    return this.#fetching;
  }

  async #fetch(): Promise<void> {
    const { settings, clock, log, away } = this.#parts;
    this.#triedAtMs = clock.monotonicMs();
    const issuer = settings.mapping.issuer;
    try {
      const set = await this.#load();
      this.#find = createLocalJWKSet(set);
      this.#fetchedAtMs = clock.monotonicMs();
      if (this.#isAway) log.info({ event: 'issuer.back', issuer }, 'the keys of the issuer are known again');
      this.#failures = 0;
      away.set(0, { issuer });
    } catch (error) {
      const delayMs = Math.min(retryMs.first * 2 ** this.#failures, retryMs.most);
      this.#failures += 1;
      this.#nextFetchMs = clock.monotonicMs() + delayMs;
      away.set(1, { issuer });
      const keeps = this.#find !== undefined;
      log.warn(
        { event: 'issuer.away', issuer, err: error, keepsLastKeys: keeps },
        'cannot fetch the keys of the issuer',
      );
    }
  }

  async #load(): Promise<JSONWebKeySet> {
    const { settings, fetchDocument } = this.#parts;
    const access = { ca: settings.ca(), bearer: settings.bearer() };
    const url = settings.keysUrl ?? (await this.#discover(access));
    // A discovery document must not choose who gets a credential of this gateway.
    const isNamed = settings.keysUrl !== undefined || new URL(url).origin === new URL(settings.issuer).origin;
    const bearer = isNamed ? access.bearer : undefined;
    const document = await fetchDocument({ url, ...access, bearer }).catch((error: unknown) => {
      if (bearer === access.bearer) throw error;
      throw new Error(`${url} got no token of bearerPath, which is for the issuer itself: name it in keysUrl`, {
        cause: error,
      });
    });
    const keys = isObject(document) ? document['keys'] : undefined;
    if (!Array.isArray(keys) || keys.length === 0) throw new Error(`${url} answered without keys`);
    // Keys that both sides know could only be used by a verifier that allows their algorithms. This one does not.
    return { keys: keys.filter((key) => isObject(key) && key['kty'] !== 'oct') as JSONWebKeySet['keys'] };
  }

  /** As in OpenID Connect Discovery: the document must be about the very issuer that was asked. */
  async #discover(access: { readonly ca: Buffer | undefined; readonly bearer: string | undefined }): Promise<string> {
    const { settings, fetchDocument } = this.#parts;
    const url = `${settings.issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
    const document = await fetchDocument({ url, ...access });
    const { issuer, jwks_uri: keysUrl } = isObject(document) ? document : {};
    if (issuer !== settings.issuer) throw new Error(`${url} is about another issuer`);
    if (typeof keysUrl !== 'string' || !isUnforgeable(new URL(keysUrl), new URL(url))) {
      throw new Error(`${url} names no place of its keys, or one that is neither https:// nor the issuer itself`);
    }
    return keysUrl;
  }
}

/** Plain text is for the loopback address that the configuration names, and for nothing that this address names. */
function isUnforgeable(keys: URL, issuer: URL): boolean {
  return keys.protocol === 'https:' || keys.origin === issuer.origin;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
