/** Seals and opens what leaves a process, by the data keys of the process. Fails closed: there is no way around a key. */
import type { KeyObject } from 'node:crypto';
import { TroupeError } from '../../domain/errors.ts';
import { damagedSeal } from '../storage/damaged-payload.ts';
import type { DataKeys, SealingKey } from './data-keys.ts';
import {
  envelopeBytes,
  type EnvelopeForm,
  nonceBytes,
  openEnvelope,
  parseEnvelope,
  type SealContext,
  sealEnvelope,
} from './envelope.ts';
import { type PartSeal, sealIdBytes, type Summary, summaryText } from './sealed-parts.ts';

export type RandomBytes = (bytes: number) => Uint8Array;

/** Seals with one data key. It asks nobody, so what has begun with it can end. */
export class Sealer {
  readonly #key: SealingKey;
  readonly #randomBytes: RandomBytes;

  constructor(key: SealingKey, randomBytes: RandomBytes) {
    this.#key = key;
    this.#randomBytes = randomBytes;
  }

  get keyRef(): string {
    return this.#key.key.keyRef;
  }

  seal(context: SealContext, plain: Uint8Array): Uint8Array {
    return this.#seal('whole', context, plain);
  }

  /** Bytes of an envelope around so many plain bytes. */
  envelopeBytes(plainBytes: number): number {
    return envelopeBytes(this.#key.key, plainBytes);
  }

  /** For a payload in parts. `sealSummary` ends it. */
  beginParts(context: SealContext): PartSeal {
    const randomBytes = this.#randomBytes;
    const use = (): void => this.#key.use();
    return { key: this.#key.key.key, context, sealId: randomBytes(sealIdBytes), randomBytes, use };
  }

  sealSummary(context: SealContext, summary: Summary): Uint8Array {
    return this.#seal('summary', context, summaryText(summary));
  }

  #seal(form: EnvelopeForm, context: SealContext, plain: Uint8Array): Uint8Array {
    this.#key.use();
    return sealEnvelope(this.#key.key, form, context, { plain, nonce: this.#randomBytes(nonceBytes) });
  }
}

interface Opened {
  readonly plain: Uint8Array;
  /** The data key, for the parts of a payload. */
  readonly key: KeyObject;
}

export interface Sealing {
  /** Whether everything of this tenant must be sealed. */
  requires(tenant: string): boolean | Promise<boolean>;
  /** Rejects with ENCRYPTION_UNAVAILABLE. */
  sealer(tenant: string): Promise<Sealer>;
  /** The same without waiting. Undefined if there is no key at present; one is asked for then. */
  present(tenant: string): Sealer | undefined;
  /** Rejects with ENCRYPTION_UNAVAILABLE while its key is away, and with `damagedSeal` if it is not for this context. */
  open(envelope: Uint8Array, form: EnvelopeForm, context: SealContext): Promise<Opened>;
}

export interface SealingParts {
  readonly keys: DataKeys;
  readonly randomBytes: RandomBytes;
  readonly requires: Sealing['requires'];
  /** Told of each envelope that was refused. */
  readonly damaged?: (context: SealContext) => void;
}

export function createSealing({ keys, randomBytes, requires, damaged }: SealingParts): Sealing {
  const refuse = (context: SealContext): never => {
    damaged?.(context);
    throw damagedSeal(context.subject);
  };
  return {
    requires,
    sealer: async (tenant) => new Sealer(await keys.current(tenant), randomBytes),
    present(tenant) {
      const key = keys.present(tenant);
      return key && new Sealer(key, randomBytes);
    },
    async open(bytes, form, context) {
      const parsed = parseEnvelope(bytes);
      if (parsed.kind === 'later-version') throw laterVersion();
      if (parsed.kind === 'damaged' || parsed.envelope.form !== form) return refuse(context);
      const key = await keys.open(parsed.envelope, context.tenant);
      const plain = key && openEnvelope(parsed.envelope, key, context);
      return key === undefined || plain === undefined ? refuse(context) : { plain, key };
    },
  };
}

/** A process of that version opens it. */
function laterVersion(): TroupeError {
  return new TroupeError('ENCRYPTION_UNAVAILABLE', { message: 'it was sealed by a later version of Troupe' });
}

/** A process without keys. It meets sealed payloads of others, and cannot open them. */
export const noSealing: Sealing = {
  requires: () => false,
  sealer: () => Promise.reject(noKeys()),
  present: () => undefined,
  open: () => Promise.reject(noKeys()),
};

function noKeys(): TroupeError {
  return new TroupeError('ENCRYPTION_UNAVAILABLE', { message: 'this process has no keys (encryption.keys)' });
}
