/** Makes, replaces and revokes the API keys of service accounts. */
import {
  type ApiKey,
  apiKeyLifetimeRange,
  apiKeyOverlapRange,
  keyOf,
  type ServiceAccount,
  withKey,
  withRevoked,
  withSuccessor,
} from '../../domain/access/service-account.ts';
import { FieldChecks } from '../calls/field-checks.ts';
import { type CallContext, ensureAwaited } from '../ports/call-context.ts';
import { keyPlace, ownerBody } from './account-documents.ts';
import { type KeyText, makeKey } from './key-text.ts';
import { ensureMayGive } from './account-roles.ts';
import { type AccountParts, changeAccount, findAccount } from './stored-accounts.ts';

/** A key that was made. Its text is in this answer alone. */
export interface MadeKey {
  readonly text: string;
  readonly key: ApiKey;
}

/** Every call is for the tenant of the caller. */
export interface ApiKeys {
  /** Rejects with TOO_MANY_API_KEYS, or with PERMISSION_MISSING if the account may do more than the caller. */
  create(
    context: CallContext,
    request: { readonly account: string; readonly lifetimeMs: number | undefined },
  ): Promise<MadeKey>;
  /** Like `create`; the former key is accepted during the overlap. Rejects with API_KEY_ENDED if it is not live. */
  rotate(context: CallContext, request: RotateKey): Promise<MadeKey>;
  /** Does nothing if the key was revoked before. */
  revoke(context: CallContext, request: { readonly account: string; readonly keyId: string }): Promise<ApiKey>;
}

interface RotateKey {
  readonly account: string;
  readonly keyId: string;
  readonly overlapMs: number | undefined;
  readonly lifetimeMs: number | undefined;
}

const dayMs = 24 * 3_600_000;
const lifetimeDefaultMs = 90 * dayMs;
const overlapDefaultMs = dayMs;
const keyIdMax = 64;

export function createApiKeys(parts: AccountParts): ApiKeys {
  const { clock, documents, roles } = parts;

  /** The account must not be able to do more than its caller: else who may make keys could do everything with them. */
  async function make(
    context: CallContext,
    { account: name, lifetimeMs }: { readonly account: string; readonly lifetimeMs: number },
    add: (account: ServiceAccount, key: ApiKey) => ServiceAccount,
  ): Promise<MadeKey> {
    const { account } = await findAccount(parts, context, { field: 'account', name });
    ensureMayGive(context.principal, account.roles, roles);
    const made = makeKey();
    const key = keyFrom(made, context, { nowMs: clock.wallMs(), lifetimeMs });
    // Refused before anything is written.
    add(account, key);
    const { id, digest } = key;
    const owner = ownerBody({ digest, tenant: context.tenant, account: name });
    const { document } = await documents.createDocument(keyPlace(id), owner);
    const change = (current: ServiceAccount): ServiceAccount => {
      ensureMayGive(context.principal, current.roles, roles);
      return add(current, key);
    };
    try {
      await changeAccount(parts, context, { name, change });
    } catch (error) {
      // Nobody will ever have the text of this key. Nobody waits until the rest of it is gone, either.
      documents.removeDocument(document, { expectedRevision: document.revision }).catch(() => undefined);
      throw error;
    }
    context.report?.({ changes: [{ field: 'key', new: id }] });
    return { text: made.text, key };
  }

  return {
    async create(context, { account, lifetimeMs = lifetimeDefaultMs }) {
      ensureAwaited(context, clock.nowMs());
      const checks = new FieldChecks();
      checks.range('lifetime', lifetimeMs, apiKeyLifetimeRange);
      checks.ensureNone();
      return make(context, { account, lifetimeMs }, (current, key) => withKey(current, key, clock.wallMs()));
    },

    async rotate(context, { account, keyId, overlapMs = overlapDefaultMs, lifetimeMs = lifetimeDefaultMs }) {
      ensureAwaited(context, clock.nowMs());
      const checks = new FieldChecks();
      checks.range('lifetime', lifetimeMs, apiKeyLifetimeRange);
      checks.range('overlap', overlapMs, apiKeyOverlapRange);
      checkKeyId(checks, keyId);
      checks.ensureNone();
      return make(context, { account, lifetimeMs }, (current, key) =>
        withSuccessor(current, { key, of: keyId, overlapMs }, clock.wallMs()),
      );
    },

    async revoke(context, { account: name, keyId }) {
      ensureAwaited(context, clock.nowMs());
      const checks = new FieldChecks();
      checkKeyId(checks, keyId);
      checks.ensureNone();
      const change = (account: ServiceAccount): ServiceAccount => withRevoked(account, keyId, clock.wallMs());
      return keyOf(await changeAccount(parts, context, { name, change }), keyId);
    },
  };
}

/** A refusal repeats the id, so it must be short. */
function checkKeyId(checks: FieldChecks, keyId: string): void {
  if (keyId === '') checks.add('key_id', 'is required');
  checks.length('key_id', keyId, keyIdMax);
}

function keyFrom(
  { id, digest }: KeyText,
  { principal }: CallContext,
  { nowMs, lifetimeMs }: { readonly nowMs: number; readonly lifetimeMs: number },
): ApiKey {
  return { id, digest, createdAtMs: nowMs, creator: principal.id, expiresAtMs: nowMs + lifetimeMs };
}
