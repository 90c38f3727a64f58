/**
 * The keys of fingerprints: a random one for each tenant, made with its first sealed submit and kept as a sealed document.
 *
 * It must stay the same for as long as idempotency keys are known, so it does not change with the keys that seal it. It is
 * sealed anew when those have changed, or after a month, so that a key which was replaced long ago may be destroyed.
 */
import { invariant } from '../../domain/errors.ts';
import type { Document, DocumentPlace, DocumentStore } from '../ports/document-store.ts';
import type { Clock } from '../ports/runtime.ts';
import type { SealContext } from './envelope.ts';
import type { RandomBytes, Sealing } from './sealing.ts';

const keyBytes = 32;
const keptMs = 3_600_000;
const tenantsMax = 1_000;
export const sealedAnewAfterMs = 30 * 24 * 3_600_000;

export interface FingerprintKeys {
  /** Rejects with ENCRYPTION_UNAVAILABLE. */
  of(tenant: string): Promise<Uint8Array>;
}

interface Parts {
  readonly documents: Pick<DocumentStore, 'createDocument' | 'findDocument' | 'replaceDocument'>;
  readonly sealing: Sealing;
  readonly clock: Pick<Clock, 'monotonicMs' | 'nowMs'>;
  readonly randomBytes: RandomBytes;
}

interface Kept {
  readonly key: Uint8Array;
  readonly untilMs: number;
}

interface Body {
  /** Base64. */
  readonly envelope: string;
  /** Of the key that has wrapped it. */
  readonly keyRef: string;
  readonly sealedAtMs: number;
}

export function createFingerprintKeys(parts: Parts): FingerprintKeys {
  const { clock } = parts;
  const kept = new Map<string, Kept>();
  const loading = new Map<string, Promise<Uint8Array>>();

  function keep(tenant: string, key: Uint8Array): void {
    kept.set(tenant, { key, untilMs: clock.monotonicMs() + keptMs });
    const [oldest] = kept.keys();
    if (kept.size > tenantsMax && oldest !== undefined) kept.delete(oldest);
  }

  return {
    async of(tenant) {
      const known = kept.get(tenant);
      if (known !== undefined && known.untilMs > clock.monotonicMs()) return known.key;
      kept.delete(tenant);
      let load = loading.get(tenant);
      if (load === undefined) {
        load = loadKey(parts, tenant).finally(() => loading.delete(tenant));
        loading.set(tenant, load);
      }
      const key = await load;
      if (!kept.has(tenant)) keep(tenant, key);
      return key;
    },
  };
}

async function loadKey(parts: Parts, tenant: string): Promise<Uint8Array> {
  const { documents, randomBytes } = parts;
  const place = fingerprintKeyPlace(tenant);
  const present = await documents.findDocument(place);
  if (present === undefined) {
    const body = await sealed(parts, tenant, randomBytes(keyBytes));
    // Another gateway may have been faster: then its key counts for all.
    const { document } = await documents.createDocument(place, body);
    return opened(parts, tenant, document);
  }
  const key = await opened(parts, tenant, present);
  await sealAnew(parts, tenant, { key, present });
  return key;
}

/** If another gateway was faster, or something fails, the document opens as it did before. */
async function sealAnew(
  parts: Parts,
  tenant: string,
  { key, present }: { readonly key: Uint8Array; readonly present: Document },
): Promise<void> {
  const { documents, sealing, clock } = parts;
  const { keyRef, sealedAtMs } = JSON.parse(present.body) as Body;
  const isOld = clock.nowMs() - sealedAtMs > sealedAnewAfterMs;
  if (!isOld && sealing.present(tenant)?.keyRef === keyRef) return;
  try {
    const body = await sealed(parts, tenant, key);
    if (!isOld && (JSON.parse(body) as Body).keyRef === keyRef) return;
    await documents.replaceDocument(fingerprintKeyPlace(tenant), { body, expectedRevision: present.revision });
  } catch {
    // It is tried again when the key is loaded next.
  }
}

async function sealed({ sealing, clock }: Parts, tenant: string, key: Uint8Array): Promise<string> {
  const sealer = await sealing.sealer(tenant);
  const envelope = Buffer.from(sealer.seal(contextOf(tenant), key)).toString('base64');
  const body: Body = { envelope, keyRef: sealer.keyRef, sealedAtMs: clock.nowMs() };
  return JSON.stringify(body);
}

async function opened({ sealing }: Parts, tenant: string, { body }: Document): Promise<Uint8Array> {
  const { envelope } = JSON.parse(body) as Body;
  const { plain } = await sealing.open(Buffer.from(envelope, 'base64'), 'whole', contextOf(tenant));
  invariant(plain.byteLength === keyBytes, 'the key of fingerprints has 32 bytes');
  return plain;
}

/** Where the key of a tenant is. It goes with the tenant. */
export function fingerprintKeyPlace(tenant: string): DocumentPlace {
  return { collection: 'fingerprint-keys', scope: tenant, name: 'idempotency' };
}

function contextOf(tenant: string): SealContext {
  return { tenant, kind: 'fingerprint-key', subject: 'idempotency', encoding: 'bytes' };
}
