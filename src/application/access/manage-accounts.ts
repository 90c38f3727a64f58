/** Makes, changes and removes the service accounts of a tenant. api-keys.ts makes their keys. */
import type { ServiceAccount } from '../../domain/access/service-account.ts';
import { changesBetween } from '../../domain/audit/audit-entry.ts';
import { TroupeError } from '../../domain/errors.ts';
import { given } from '../../domain/given.ts';
import { namePattern } from '../../domain/queue.ts';
import { FieldChecks } from '../calls/field-checks.ts';
import { accountPageToken, parseAccountPageToken } from '../calls/page-token.ts';
import { type CallContext, ensureAwaited, type ReadContext } from '../ports/call-context.ts';
import type { DocumentPlace } from '../ports/document-store.ts';
import { accountBody, accountOf, accountPlace, keyPlace, ownerOf } from './account-documents.ts';
import { checkRoles, ensureMayGive } from './account-roles.ts';
import {
  accountChanged,
  accountNotFound,
  type AccountParts,
  findAccount,
  removeAccount,
  type StoredAccount,
} from './stored-accounts.ts';

/** An account, and when its keys were used, by their ids. */
interface AccountView extends StoredAccount {
  readonly usedAtMs: ReadonlyMap<string, number>;
}

interface AccountPage {
  readonly accounts: readonly StoredAccount[];
  readonly nextPageToken: string;
}

/** Every call is for the tenant of the caller. */
export interface ManageAccounts {
  /** Rejects with SERVICE_ACCOUNT_EXISTS, PERMISSION_MISSING, LIMIT_REACHED or TENANT_DELETING. */
  create(context: CallContext, request: CreateAccount): Promise<StoredAccount>;
  get(context: CallContext, name: string): Promise<AccountView>;
  /** By name, ascending. `pageSize` 0 means 100; at most 1,000 are returned. */
  list(context: ReadContext, page: { readonly pageSize: number; readonly pageToken: string }): Promise<AccountPage>;
  /** Rejects with SERVICE_ACCOUNT_CHANGED if the account no longer has the etag. */
  update(context: CallContext, request: UpdateAccount): Promise<StoredAccount>;
  remove(context: CallContext, name: string): Promise<void>;
}

interface CreateAccount {
  readonly name: string;
  readonly roles: readonly string[];
  readonly description: string;
}

interface UpdateAccount {
  readonly name: string;
  readonly etag: string;
  /** Empty: they stay. */
  readonly roles: readonly string[];
  readonly description: string | undefined;
}

const accountsMax = 1_000;
const descriptionMax = 256;
const pageSizeMax = 1_000;
const pageSizeDefault = 100;
/** What an account with its keys takes in a page, about. Its true size is known once it is loaded. */
const listedAccountBytes = 2_048;

export function createManageAccounts(parts: AccountParts): ManageAccounts {
  const { documents, clock } = parts;
  return {
    create(context, request) {
      ensureAwaited(context, clock.nowMs());
      return createAccount(parts, context, request);
    },

    async get(context, name) {
      ensureAwaited(context, clock.nowMs());
      const stored = await findAccount(parts, context, { field: 'name', name });
      const usedAtMs = new Map<string, number>();
      for (const { id, createdAtMs } of stored.account.keys) {
        const document = await documents.findDocument(keyPlace(id));
        const at = document && ownerOf(document).usedAtMs;
        // The hour of its first use has begun before the key was made.
        if (at !== undefined) usedAtMs.set(id, Math.max(at, createdAtMs));
      }
      return { ...stored, usedAtMs };
    },

    async list(context, { pageSize, pageToken }) {
      ensureAwaited(context, clock.nowMs());
      const most = Math.min(pageSize === 0 ? pageSizeDefault : pageSize, pageSizeMax);
      const after = pageToken === '' ? '' : parseAccountPageToken(pageToken);
      context.reserve(most * listedAccountBytes);
      const found = await documents.listDocuments(scopeOf(context.tenant), { after, most: most + 1 });
      const page = found.slice(0, most);
      const last = found.length > most ? page.at(-1) : undefined;
      return {
        accounts: page.map((document) => ({ account: accountOf(document), etag: document.revision })),
        nextPageToken: last === undefined ? '' : accountPageToken(last.name),
      };
    },

    update(context, request) {
      ensureAwaited(context, clock.nowMs());
      return updateAccount(parts, context, request);
    },

    remove(context, name) {
      ensureAwaited(context, clock.nowMs());
      return removeAccount(parts, context, name);
    },
  };
}

async function createAccount(
  parts: AccountParts,
  { tenant, principal, report }: CallContext,
  { name, description, roles: names }: CreateAccount,
): Promise<StoredAccount> {
  const { documents, roles, clock, room } = parts;
  const checks = new FieldChecks();
  checks.pattern('name', name, namePattern);
  checkRoles(checks, names, roles);
  if (names.length === 0) checks.add('roles', 'must name at least one role');
  checks.length('description', description, descriptionMax);
  checks.ensureNone();
  ensureMayGive(principal, names, roles);
  await ensureRoom(parts, tenant);
  const account: ServiceAccount = {
    tenant,
    name,
    roles: sorted(names),
    description,
    createdAtMs: clock.wallMs(),
    creator: principal.id,
    keys: [],
  };
  const making = { tenant, quota: 'serviceAccounts', name, existing: () => accountNames(parts, tenant) } as const;
  const { outcome, document } = await room.within(making, () =>
    documents.createDocument(accountPlace(account), accountBody(account)),
  );
  if (outcome === 'exists') throw new TroupeError('SERVICE_ACCOUNT_EXISTS', { metadata: { account: name } });
  report?.({ changes: changesBetween(undefined, settingsOf(account)) });
  return { account, etag: document.revision };
}

async function updateAccount(
  parts: AccountParts,
  context: CallContext,
  { name, etag, roles: names, description }: UpdateAccount,
): Promise<StoredAccount> {
  const { documents, roles } = parts;
  const checks = new FieldChecks();
  checkRoles(checks, names, roles);
  if (description !== undefined) checks.length('description', description, descriptionMax);
  if (etag === '') checks.add('etag', 'is required');
  checks.ensureNone();
  ensureMayGive(context.principal, names, roles);
  const { account, etag: present } = await findAccount(parts, context, { field: 'name', name });
  // The rest of the account is written as it was read, so it has to be what the etag stands for.
  if (present !== etag) throw accountChanged(name);
  const changed = { ...account, ...given({ description, roles: names.length > 0 ? sorted(names) : undefined }) };
  const change = { body: accountBody(changed), expectedRevision: etag };
  const { outcome, document } = await documents.replaceDocument(accountPlace(account), change);
  if (outcome === 'missing') throw accountNotFound(name);
  if (outcome === 'conflict' || document === undefined) throw accountChanged(name);
  context.report?.({ changes: changesBetween(settingsOf(account), settingsOf(changed)) });
  return { account: changed, etag: document.revision };
}

/** What people set, and neither keys nor their digests. */
function settingsOf({ roles, description }: ServiceAccount): Readonly<Record<string, unknown>> {
  return { roles, description };
}

async function accountNames({ documents }: AccountParts, tenant: string): Promise<readonly string[]> {
  const found = await documents.listDocuments(scopeOf(tenant), { after: '', most: accountsMax });
  return found.map(({ name }) => name);
}

/** Two creations at the same time may pass together. */
async function ensureRoom(parts: AccountParts, tenant: string): Promise<void> {
  const found = await accountNames(parts, tenant);
  if (found.length < accountsMax) return;
  const message = `the tenant has ${accountsMax} service accounts, which is the limit`;
  const metadata = { quota: 'serviceAccounts', limit: String(accountsMax), used: String(found.length) };
  throw new TroupeError('LIMIT_REACHED', { message, metadata });
}

function scopeOf(tenant: string): Omit<DocumentPlace, 'name'> {
  return { collection: 'service-accounts', scope: tenant };
}

function sorted(names: readonly string[]): readonly string[] {
  return [...new Set(names)].sort();
}
