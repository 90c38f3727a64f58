/**
 * Service accounts in the store. An account is one document of its tenant, with its keys. A further document for each key
 * says which account it belongs to, and when it was used. It is written before the account has the key: what a crash leaves
 * is an id that no account knows.
 */
import { invariant } from '../../domain/errors.ts';
import { given } from '../../domain/given.ts';
import type { ServiceAccount } from '../../domain/access/service-account.ts';
import type { Document, DocumentPlace } from '../ports/document-store.ts';

/** Where the account of a key is, and when the key was used. */
export interface KeyOwner {
  /**
   * Of the key, as in its account: so whoever has not the secret is refused after one read, whether there is such a key
   * or not.
   */
  readonly digest: string;
  readonly tenant: string;
  readonly account: string;
  /** To the hour. */
  readonly usedAtMs?: number;
}

/** The format of the bodies. */
const version = 1;

export function accountPlace({ tenant, name }: Pick<ServiceAccount, 'tenant' | 'name'>): DocumentPlace {
  return { collection: 'service-accounts', scope: tenant, name };
}

export function accountBody({ tenant: _, name: __, ...account }: ServiceAccount): string {
  return JSON.stringify({ version, ...account });
}

export function accountOf({ scope, name, body }: Document): ServiceAccount {
  const { version: found, ...account } = JSON.parse(body) as Omit<ServiceAccount, 'tenant' | 'name'> & Versioned;
  ensureKnown(found);
  return { ...account, tenant: scope, name };
}

/** Keys are written rarely, but not one after the other: their scopes are many. */
export function keyPlace(id: string): DocumentPlace {
  return { collection: 'api-keys', scope: id.slice(-2), name: id };
}

export function ownerBody(owner: KeyOwner): string {
  return JSON.stringify({ version, ...owner });
}

export function ownerOf({ body }: Document): KeyOwner {
  const { version: found, digest, tenant, account, usedAtMs } = JSON.parse(body) as KeyOwner & Versioned;
  ensureKnown(found);
  return { digest, tenant, account, ...given({ usedAtMs }) };
}

interface Versioned {
  readonly version: number;
}

function ensureKnown(found: number): void {
  invariant(found === version, `a later version of Troupe wrote this document (${found})`);
}
