/** Finds and changes service accounts in the store. */
import type { Roles } from '../../domain/access/role.ts';
import type { ServiceAccount } from '../../domain/access/service-account.ts';
import { TroupeError } from '../../domain/errors.ts';
import { namePattern } from '../../domain/queue.ts';
import { FieldChecks } from '../calls/field-checks.ts';
import type { CallContext } from '../ports/call-context.ts';
import type { DocumentStore } from '../ports/document-store.ts';
import type { Clock } from '../ports/runtime.ts';
import type { TenantRoom } from '../tenants/tenant-room.ts';
import { accountBody, accountOf, accountPlace, keyPlace } from './account-documents.ts';

export interface AccountParts {
  readonly documents: DocumentStore;
  readonly roles: Roles;
  readonly room: TenantRoom;
  readonly clock: Clock;
}

/** An account as the store has it now. */
export interface StoredAccount {
  readonly account: ServiceAccount;
  /** Different after each change. */
  readonly etag: string;
}

/** How often a change is decided anew because somebody else changed the same account. */
const conflictsMax = 8;

/** `field`: the field of the request that names the account. Rejects with SERVICE_ACCOUNT_NOT_FOUND. */
export async function findAccount(
  { documents }: Pick<AccountParts, 'documents'>,
  { tenant }: CallContext,
  { field, name }: { readonly field: string; readonly name: string },
): Promise<StoredAccount> {
  const checks = new FieldChecks();
  checks.pattern(field, name, namePattern);
  checks.ensureNone();
  const document = await documents.findDocument(accountPlace({ tenant, name }));
  if (document === undefined) throw accountNotFound(name);
  return { account: accountOf(document), etag: document.revision };
}

/** Decides a change of an account from what the store has, and again when somebody else was faster. */
export async function changeAccount(
  parts: AccountParts,
  context: CallContext,
  { name, change }: { readonly name: string; readonly change: (account: ServiceAccount) => ServiceAccount },
): Promise<ServiceAccount> {
  return untilUndisputed(name, async () => {
    const { account, etag } = await findAccount(parts, context, { field: 'account', name });
    const changed = change(account);
    if (changed === account) return account;
    const body = accountBody(changed);
    const { outcome } = await parts.documents.replaceDocument(accountPlace(account), { body, expectedRevision: etag });
    if (outcome === 'conflict') return undefined;
    if (outcome === 'missing') throw accountNotFound(name);
    await forgetKeys(parts, account, changed);
    return changed;
  });
}

export async function removeAccount(parts: AccountParts, context: CallContext, name: string): Promise<void> {
  await untilUndisputed(name, async () => {
    const { account, etag } = await findAccount(parts, context, { field: 'name', name });
    const outcome = await parts.documents.removeDocument(accountPlace(account), { expectedRevision: etag });
    if (outcome === 'conflict') return undefined;
    if (outcome === 'missing') throw accountNotFound(name);
    await forgetKeys(parts, account, { keys: [] });
    return true;
  });
}

export function accountNotFound(account: string): TroupeError {
  return new TroupeError('SERVICE_ACCOUNT_NOT_FOUND', { metadata: { account } });
}

export function accountChanged(account: string): TroupeError {
  return new TroupeError('SERVICE_ACCOUNT_CHANGED', { metadata: { account } });
}

/** `attempt` returns undefined if somebody else was faster. */
async function untilUndisputed<T>(account: string, attempt: () => Promise<T | undefined>): Promise<T> {
  for (let tries = 1; tries <= conflictsMax; tries += 1) {
    const outcome = await attempt();
    if (outcome !== undefined) return outcome;
  }
  throw accountChanged(account);
}

/** What is left of a key that nothing accepts any more only takes room, so it does not matter if that fails. */
async function forgetKeys(
  { documents }: Pick<AccountParts, 'documents'>,
  before: ServiceAccount,
  now: Pick<ServiceAccount, 'keys'>,
): Promise<void> {
  for (const { id } of before.keys) {
    if (now.keys.some((key) => key.id === id)) continue;
    const place = keyPlace(id);
    const document = await documents.findDocument(place).catch(() => undefined);
    if (document === undefined) continue;
    await documents.removeDocument(place, { expectedRevision: document.revision }).catch(() => undefined);
  }
}
