/** Event subscriptions in the store: one document each, all in one scope, since a gateway looks after all of them at once. */
import type { EventSubscription } from '../../domain/event-subscription.ts';
import { invariant } from '../../domain/errors.ts';
import type { Document, DocumentPlace, DocumentStore } from '../ports/document-store.ts';
import { documentPages } from '../storage/document-pages.ts';

/** The format of the bodies. */
const version = 1;

const subscriptionsScope = {
  collection: 'event-subscriptions',
  scope: 'cluster',
} as const satisfies Omit<DocumentPlace, 'name'>;

/** Names cannot contain `=`. */
export function subscriptionPlace({ tenant, name }: Pick<EventSubscription, 'tenant' | 'name'>): DocumentPlace {
  return { ...subscriptionsScope, name: `${tenant}=${name}` };
}

export function subscriptionBody(subscription: EventSubscription): string {
  return JSON.stringify({ version, ...subscription });
}

export function subscriptionOf({ body }: Document): EventSubscription {
  const { version: found, ...subscription } = JSON.parse(body) as EventSubscription & { readonly version: number };
  invariant(found === version, `a later version of Troupe wrote this document (${found})`);
  return subscription;
}

/** By tenant and name. All of them: the consumers of one that is passed over would be taken for left over. */
export async function listSubscriptions(documents: Pick<DocumentStore, 'listDocuments'>): Promise<readonly Document[]> {
  const found: Document[] = [];
  for await (const page of documentPages(documents, subscriptionsScope)) found.push(...page);
  return found;
}

/** Those of a tenant, by name. */
export async function listOfTenant(
  documents: Pick<DocumentStore, 'listDocuments'>,
  tenant: string,
  most: number,
): Promise<readonly Document[]> {
  const before = `${tenant}=`;
  const found = await documents.listDocuments(subscriptionsScope, { after: before, most });
  return found.filter(({ name }) => name.startsWith(before));
}
