/**
 * Stores small documents that are few and change rarely: what administrators make, such as service accounts. Every change is
 * conditional on the revision that its caller has read.
 */

/** What a document is about. Each collection has one owner, which alone reads and writes its bodies. */
export type DocumentCollection =
  'service-accounts' | 'api-keys' | 'fingerprint-keys' | 'tenants' | 'event-subscriptions';

export interface DocumentPlace {
  readonly collection: DocumentCollection;
  /** Documents of one scope are listed together, and are written one after the other. Most often the tenant. */
  readonly scope: string;
  /** Unique within the scope. */
  readonly name: string;
}

export interface Document extends DocumentPlace {
  /** JSON of at most `bodyMaxBytes`. */
  readonly body: string;
  /** Different after each change, also when the document was removed and created again. */
  readonly revision: string;
}

export interface DocumentStore {
  /** `exists` if the name is taken; then the existing document is returned. */
  createDocument(
    place: DocumentPlace,
    body: string,
  ): Promise<{ readonly outcome: 'created' | 'exists'; readonly document: Document }>;
  findDocument(place: DocumentPlace): Promise<Document | undefined>;
  /**
   * Documents whose names come after `after`, by name in the order of their bytes. At most `most` of them, which is at
   * most `documentsListMax`.
   */
  listDocuments(
    scope: Omit<DocumentPlace, 'name'>,
    page: { readonly after: string; readonly most: number },
  ): Promise<readonly Document[]>;
  /** `conflict` if the revision is no longer the expected one. Then nothing is changed. */
  replaceDocument(
    place: DocumentPlace,
    change: { readonly body: string; readonly expectedRevision: string },
  ): Promise<{ readonly outcome: 'replaced' | 'conflict' | 'missing'; readonly document?: Document }>;
  /** `conflict` if the revision is no longer the expected one. Then nothing is changed. */
  removeDocument(
    place: DocumentPlace,
    { expectedRevision }: { readonly expectedRevision: string },
  ): Promise<'removed' | 'conflict' | 'missing'>;
}

export const bodyMaxBytes = 65_536;
/** Of a scope, and of a name. */
export const placeMaxBytes = 1_024;
/** A page of a listing, and one more. */
export const documentsListMax = 1_001;
