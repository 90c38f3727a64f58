/**
 * Finds out who calls with an API key. The store is asked at most each 30 s for a key, and each 5 s for one that is not
 * accepted. So a key that was revoked counts for 30 s at most, whether NATS is there or not, and however slow the store is.
 */
import { timingSafeEqual } from 'node:crypto';
import type { Principal } from '../../domain/access/principal.ts';
import { RecentFindings } from '../../domain/access/recent-findings.ts';
import { grantsOf, type Roles } from '../../domain/access/role.ts';
import { type ApiKey, type ServiceAccount, stateOfKey } from '../../domain/access/service-account.ts';
import { assertNever, type ErrorCode, TroupeError } from '../../domain/errors.ts';
import type { Document, DocumentStore } from '../ports/document-store.ts';
import type { Clock } from '../ports/runtime.ts';
import type { TokenVerifier } from '../ports/token-verifier.ts';
import { accountOf, accountPlace, keyPlace, type KeyOwner, ownerBody, ownerOf } from './account-documents.ts';
import { digestOf, type KeyText, parseKey } from './key-text.ts';

export interface KeyVerifierParts {
  readonly documents: DocumentStore;
  readonly roles: Roles;
  readonly clock: Clock;
  /** Told why a key is refused. For the log. */
  readonly refused: (reason: string) => void;
}

/** Half of the time within which a revocation is promised to count: a stream looks again as often. */
const acceptedKeptMs = 30_000;
const refusedKeptMs = 5_000;
/** Keys that the store is asked about at a time. Anybody can make up ids. */
const asksMax = 64;
/**
 * As many more that were accepted within this time: a flood of made-up keys keeps out none of them, and hides from no
 * stream that its key was revoked.
 */
const familiarAsksMax = 1_000;
const familiarKeptMs = 3_600_000;
const hourMs = 3_600_000;

type Refusal = Extract<ErrorCode, 'TOKEN_INVALID' | 'TOKEN_EXPIRED' | 'KEY_REVOKED' | 'KEY_ROTATED'>;

interface Finding {
  readonly refusal: Refusal;
  readonly reason: string;
}

/** The answers that are awaited, by the digests of their keys. */
interface Asks {
  readonly most: number;
  readonly running: Map<string, Promise<Principal>>;
}

const otherSecret: Finding = { refusal: 'TOKEN_INVALID', reason: 'the secret of the API key is another one' };

export function createKeyVerifier(parts: KeyVerifierParts): TokenVerifier {
  const { clock, documents } = parts;
  const monotonicMs = (): number => clock.monotonicMs();
  const accepted = new RecentFindings<Principal>(monotonicMs, acceptedKeptMs);
  const refused = new RecentFindings<Finding>(monotonicMs, refusedKeptMs);
  const familiar = new RecentFindings<true>(monotonicMs, familiarKeptMs);
  const strangeAsks: Asks = { most: asksMax, running: new Map() };
  const familiarAsks: Asks = { most: familiarAsksMax, running: new Map() };

  async function accountThat({ tenant, account: name }: KeyOwner): Promise<ServiceAccount | undefined> {
    const document = await documents.findDocument(accountPlace({ tenant, name }));
    return document && accountOf(document);
  }

  async function ask(key: KeyText): Promise<Principal> {
    const sinceMs = monotonicMs();
    const known = await documents.findDocument(keyPlace(key.id));
    const owner = known && ownerOf(known);
    const isHolder = owner !== undefined && isSame(owner.digest, key.digest);
    const account = isHolder ? await accountThat(owner) : undefined;
    const found = owner && !isHolder ? otherSecret : judge(key, account, parts);
    if ('refusal' in found) {
      refused.put(key.digest, found, monotonicMs());
      throw refusalOf(found, parts);
    }
    accepted.put(key.digest, found, sinceMs);
    familiar.put(key.digest, true, sinceMs);
    if (known !== undefined && owner !== undefined) noteUse(documents, known, owner, clock.wallMs());
    return found;
  }

  return {
    verify(text) {
      const digest = digestOf(text);
      const principal = accepted.get(digest);
      if (principal !== undefined && clock.wallMs() < (principal.expiresAtMs ?? Infinity)) return principal;
      const refusal = refused.get(digest);
      if (refusal !== undefined) throw refusalOf(refusal, parts);
      const key = parseKey(text, digest);
      if (key === undefined) throw refusalOf({ refusal: 'TOKEN_INVALID', reason: 'it is no API key' }, parts);
      const { running, most } = familiar.get(digest) === undefined ? strangeAsks : familiarAsks;
      const before = running.get(digest);
      if (before !== undefined) return before;
      if (running.size >= most) {
        const message = 'too many API keys are being looked up';
        throw new TroupeError('OVERLOADED', { message, retryAfterMs: 1_000 });
      }
      const answer = ask(key).finally(() => running.delete(digest));
      running.set(digest, answer);
      return answer;
    },
  };
}

/** What an account that is in the store, or is not, says about a key. Only who has the secret is told why it is refused. */
function judge(
  { id, digest }: KeyText,
  account: ServiceAccount | undefined,
  { roles, clock }: KeyVerifierParts,
): Principal | Finding {
  const key = account?.keys.find((other) => other.id === id);
  if (account === undefined || key === undefined)
    return { refusal: 'TOKEN_INVALID', reason: 'no service account has this API key' };
  if (!isSame(key.digest, digest)) return otherSecret;
  return refusalBy(key, clock.wallMs()) ?? principalOf(account, key, roles);
}

function refusalBy(key: ApiKey, nowMs: number): Finding | undefined {
  const state = stateOfKey(key, nowMs);
  switch (state) {
    case 'live':
    case 'retiring':
      return undefined;
    case 'rotated':
      return { refusal: 'KEY_ROTATED', reason: 'the overlap of the rotated API key is over' };
    case 'revoked':
      return { refusal: 'KEY_REVOKED', reason: 'the API key was revoked' };
    case 'expired':
      return { refusal: 'TOKEN_EXPIRED', reason: 'the API key has expired' };
    default:
      return assertNever(state);
  }
}

function principalOf({ tenant, name, roles: names }: ServiceAccount, key: ApiKey, roles: Roles): Principal {
  return {
    kind: 'service',
    id: `service:${tenant}/${name}`,
    tenant,
    roles: names,
    ...grantsOf(roles, names),
    expiresAtMs: key.expiresAtMs,
    credential: key.id,
  };
}

function refusalOf({ refusal, reason }: Finding, { refused }: KeyVerifierParts): TroupeError {
  refused(reason);
  return new TroupeError(refusal);
}

function isSame(one: string, other: string): boolean {
  const [left, right] = [Buffer.from(one, 'base64'), Buffer.from(other, 'base64')];
  return left.length === right.length && timingSafeEqual(left, right);
}

/** Once an hour for a key. Nobody waits for it, and if it fails, the next use is noted. */
function noteUse(documents: DocumentStore, document: Document, owner: KeyOwner, nowMs: number): void {
  const usedAtMs = Math.floor(nowMs / hourMs) * hourMs;
  if ((owner.usedAtMs ?? 0) >= usedAtMs) return;
  const change = { body: ownerBody({ ...owner, usedAtMs }), expectedRevision: document.revision };
  documents.replaceDocument(document, change).catch(() => undefined);
}
