/** Documents in memory, for tests of what stands on them. It passes the contract suite of the real stores. */
import type { Document, DocumentPlace, DocumentStore } from '../../src/application/ports/document-store.ts';
import { expectBody, expectKeepable, expectListable } from '../../src/application/storage/document-bounds.ts';

type Answer<N extends keyof DocumentStore> = Awaited<ReturnType<DocumentStore[N]>>;

function keyOf({ collection, scope, name }: DocumentPlace): string {
  return JSON.stringify([collection, scope, name]);
}

function byName(one: Document, other: Document): number {
  return Buffer.compare(Buffer.from(one.name), Buffer.from(other.name));
}

/** Each operation is atomic. */
export class DocumentTable {
  readonly #documents = new Map<string, Document>();
  #revisions = 0;

  create({ collection, scope, name }: DocumentPlace, body: string): Answer<'createDocument'> {
    expectKeepable({ collection, scope, name }, body);
    const present = this.find({ collection, scope, name });
    if (present !== undefined) return { outcome: 'exists', document: present };
    return { outcome: 'created', document: this.#put({ collection, scope, name }, body) };
  }

  find(place: DocumentPlace): Document | undefined {
    return this.#documents.get(keyOf(place));
  }

  list(
    { collection, scope }: Omit<DocumentPlace, 'name'>,
    { after, most }: { readonly after: string; readonly most: number },
  ): readonly Document[] {
    expectListable(most);
    const first = Buffer.from(after);
    return [...this.#documents.values()]
      .filter((one) => one.collection === collection && one.scope === scope)
      .filter((one) => Buffer.compare(Buffer.from(one.name), first) > 0)
      .sort(byName)
      .slice(0, most);
  }

  replace(
    { collection, scope, name }: DocumentPlace,
    { body, expectedRevision }: { readonly body: string; readonly expectedRevision: string },
  ): Answer<'replaceDocument'> {
    expectBody(body);
    const present = this.find({ collection, scope, name });
    if (present === undefined) return { outcome: 'missing' };
    if (present.revision !== expectedRevision) return { outcome: 'conflict', document: present };
    return { outcome: 'replaced', document: this.#put({ collection, scope, name }, body) };
  }

  remove(place: DocumentPlace, expectedRevision: string): Answer<'removeDocument'> {
    const present = this.find(place);
    if (present === undefined) return 'missing';
    if (present.revision !== expectedRevision) return 'conflict';
    this.#documents.delete(keyOf(place));
    return 'removed';
  }

  #put(place: DocumentPlace, body: string): Document {
    this.#revisions += 1;
    const document = { ...place, body, revision: `revision-${this.#revisions}` };
    this.#documents.set(keyOf(place), document);
    return document;
  }
}

/** Several made of one table are several processes on one store. */
export function createMemoryDocuments(table = new DocumentTable()): DocumentStore {
  return {
    createDocument: async (place, body) => table.create(place, body),
    findDocument: async (place) => table.find(place),
    listDocuments: async (scope, page) => table.list(scope, page),
    replaceDocument: async (place, change) => table.replace(place, change),
    removeDocument: async (place, { expectedRevision }) => table.remove(place, expectedRevision),
  };
}
