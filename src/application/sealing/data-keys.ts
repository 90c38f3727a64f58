/**
 * The data keys of a process. It seals with a key of its own for each tenant, which is new each hour: so one key never seals
 * too much, and what a stolen key opens is bounded. It keeps the keys that it has opened for as long, so that a key service
 * is asked once for each key and not once for each payload.
 *
 * Fails closed: without a wrapped key of less than an hour nothing is sealed, and ENCRYPTION_UNAVAILABLE says so.
 */
import { createSecretKey, type KeyObject } from 'node:crypto';
import { TroupeError } from '../../domain/errors.ts';
import {
  dataKeyBytes,
  keyRefMaxBytes,
  type KeyWrapping,
  type WrappedKey,
  wrappedMaxBytes,
} from '../ports/key-wrapping.ts';
import type { Clock } from '../ports/runtime.ts';
import type { DataKey } from './envelope.ts';

export const keyLifeMs = 3_600_000;
/** From then on the next key is made ahead, while the present one still counts. */
export const keyRenewAfterMs = 2_700_000;
/**
 * Random nonces of 96 bits repeat with a probability of 2^-32 after 2^32 uses of a key. This is a quarter of that, and the
 * next key is made ahead after three quarters of it.
 */
export const keyUsesMax = 2 ** 30;
const renewAfterUses = (keyUsesMax / 4) * 3;
/** Of opened keys, and of tenants with a key of their own. */
export const keysMax = 1_000;
/** After a failure the key service is left alone for so long. */
const restMs = 1_000;

export interface DataKeysParts {
  readonly wrapping: KeyWrapping;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly randomBytes: (bytes: number) => Uint8Array;
  /** Told of each answer of the key service, and of its absence. */
  readonly told?: (what: 'wrap' | 'unwrap', error: TroupeError | undefined) => void;
}

/** A data key in use, and how often it was used. */
interface OwnKey extends DataKey {
  readonly bornMs: number;
  uses: number;
}

interface Tenant {
  key: OwnKey | undefined;
  making: Promise<OwnKey> | undefined;
  failed: Failure | undefined;
}

interface Failure {
  readonly atMs: number;
  readonly error: TroupeError;
}

/** A key for sealing. Each seal counts as a use of it. */
export interface SealingKey {
  readonly key: DataKey;
  use(): void;
}

export class DataKeys {
  readonly #parts: DataKeysParts;
  /** Least recently used first, as in the two below. */
  readonly #tenants = new Map<string, Tenant>();
  readonly #opened = new Map<string, { readonly key: KeyObject; readonly untilMs: number }>();
  readonly #opening = new Map<string, Promise<KeyObject | undefined>>();
  readonly #refused = new Map<string, Failure>();

  constructor(parts: DataKeysParts) {
    this.#parts = parts;
  }

  /** Rejects with ENCRYPTION_UNAVAILABLE. */
  async current(tenant: string): Promise<SealingKey> {
    const own = this.#of(tenant);
    const fresh = this.#fresh(own);
    if (fresh === undefined) return sealingKey(await this.#make(tenant, own));
    if (this.#isAging(fresh)) this.#make(tenant, own).catch(() => undefined);
    return sealingKey(fresh);
  }

  /** The same without waiting. Undefined if there is no key at present: then one is made, so that a later call has it. */
  present(tenant: string): SealingKey | undefined {
    const own = this.#of(tenant);
    const fresh = this.#fresh(own);
    if (fresh === undefined || this.#isAging(fresh)) this.#make(tenant, own).catch(() => undefined);
    return fresh && sealingKey(fresh);
  }

  /** Undefined if this key was never wrapped for the tenant. Rejects with ENCRYPTION_UNAVAILABLE. */
  async open(wrapped: WrappedKey, tenant: string): Promise<KeyObject | undefined> {
    const name = nameOf(wrapped, tenant);
    const known = this.#opened.get(name);
    if (known !== undefined && known.untilMs > this.#parts.clock.monotonicMs()) {
      renew(this.#opened, name, known);
      return known.key;
    }
    let opening = this.#opening.get(name);
    if (opening === undefined) {
      opening = this.#open(name, wrapped, tenant).finally(() => this.#opening.delete(name));
      this.#opening.set(name, opening);
    }
    return opening;
  }

  get sizes(): { readonly tenants: number; readonly opened: number; readonly refused: number } {
    return { tenants: this.#tenants.size, opened: this.#opened.size, refused: this.#refused.size };
  }

  #of(tenant: string): Tenant {
    const own = this.#tenants.get(tenant) ?? { key: undefined, making: undefined, failed: undefined };
    renew(this.#tenants, tenant, own);
    return own;
  }

  #fresh({ key }: Tenant): OwnKey | undefined {
    if (key === undefined || key.uses >= keyUsesMax) return undefined;
    return this.#parts.clock.monotonicMs() - key.bornMs < keyLifeMs ? key : undefined;
  }

  #isAging({ bornMs, uses }: OwnKey): boolean {
    return uses >= renewAfterUses || this.#parts.clock.monotonicMs() - bornMs >= keyRenewAfterMs;
  }

  #make(tenant: string, own: Tenant): Promise<OwnKey> {
    if (this.#rests(own.failed)) return Promise.reject(own.failed.error);
    own.making ??= this.#wrapNew(tenant)
      .then((key) => {
        own.failed = undefined;
        own.key = key;
        return key;
      })
      .catch((error: unknown) => {
        own.failed = this.#failure(error);
        throw own.failed.error;
      })
      .finally(() => (own.making = undefined));
    return own.making;
  }

  async #wrapNew(tenant: string): Promise<OwnKey> {
    const { wrapping, clock, randomBytes } = this.#parts;
    const bornMs = clock.monotonicMs();
    const plain = randomBytes(dataKeyBytes);
    const { keyRef, wrapped } = await this.#ask('wrap', async () => fitting(await wrapping.wrap(plain, tenant)));
    const key = createSecretKey(plain);
    // What this process seals it may have to open, too.
    renew(this.#opened, nameOf({ keyRef, wrapped }, tenant), { key, untilMs: bornMs + keyLifeMs });
    return { key, keyRef, wrapped, bornMs, uses: 0 };
  }

  async #open(name: string, wrapped: WrappedKey, tenant: string): Promise<KeyObject | undefined> {
    const { wrapping, clock } = this.#parts;
    const refused = this.#refused.get(name);
    if (this.#rests(refused)) throw refused.error;
    try {
      const plain = await this.#ask('unwrap', async () => whole(await wrapping.unwrap(wrapped, tenant)));
      this.#refused.delete(name);
      if (plain === undefined) return undefined;
      const key = createSecretKey(plain);
      renew(this.#opened, name, { key, untilMs: clock.monotonicMs() + keyLifeMs });
      return key;
    } catch (error) {
      const failure = this.#failure(error);
      renew(this.#refused, name, failure);
      throw failure.error;
    }
  }

  async #ask<T>(what: 'wrap' | 'unwrap', question: () => Promise<T>): Promise<T> {
    try {
      const answer = await question();
      this.#parts.told?.(what, undefined);
      return answer;
    } catch (error) {
      const unavailable = keysUnavailable(error);
      this.#parts.told?.(what, unavailable);
      throw unavailable;
    }
  }

  #failure(error: unknown): Failure {
    return { atMs: this.#parts.clock.monotonicMs(), error: keysUnavailable(error) };
  }

  #rests(failure: Failure | undefined): failure is Failure {
    return failure !== undefined && this.#parts.clock.monotonicMs() - failure.atMs < restMs;
  }
}

/** An adapter may fail in ways that it does not know itself. None of them is a reason to go on without encryption. */
export function keysUnavailable(cause: unknown): TroupeError {
  if (cause instanceof TroupeError && cause.code === 'ENCRYPTION_UNAVAILABLE') return cause;
  return new TroupeError('ENCRYPTION_UNAVAILABLE', { cause });
}

function sealingKey(key: OwnKey): SealingKey {
  return {
    key,
    use() {
      key.uses += 1;
    },
  };
}

/** An answer that was garbled on its way must end no job: the next one may be right. */
function whole(plain: Uint8Array | undefined): Uint8Array | undefined {
  if (plain === undefined || plain.byteLength === dataKeyBytes) return plain;
  throw new Error(`the key service gave a key of ${plain.byteLength} bytes, and ${dataKeyBytes} were wrapped`);
}

/** What does not fit an envelope seals nothing, nor does what cannot hold a key: nobody could open it again. */
function fitting(wrapped: WrappedKey): WrappedKey {
  const fits = Buffer.byteLength(wrapped.keyRef) <= keyRefMaxBytes && wrapped.wrapped.byteLength <= wrappedMaxBytes;
  if (!fits) throw new Error('the wrapped key is larger than an envelope has room for');
  if (wrapped.wrapped.byteLength <= dataKeyBytes) throw new Error('the wrapped key is too short to hold a key');
  return wrapped;
}

function nameOf({ keyRef, wrapped }: WrappedKey, tenant: string): string {
  return JSON.stringify([tenant, keyRef, Buffer.from(wrapped).toString('base64')]);
}

/** Puts it last, and drops the first if there are too many. */
function renew<T>(map: Map<string, T>, name: string, value: T): void {
  map.delete(name);
  map.set(name, value);
  if (map.size <= keysMax) return;
  for (const [oldest] of map) {
    map.delete(oldest);
    return;
  }
}
