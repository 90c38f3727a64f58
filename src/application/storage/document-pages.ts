/** Reads all documents of a scope, however many there are, without holding them all in memory. */
import type { Document, DocumentPlace, DocumentStore } from '../ports/document-store.ts';

const pageMax = 1_000;

/** All documents of a scope, by name, a page at a time. One that is made meanwhile may be missing. */
export async function* documentPages(
  documents: Pick<DocumentStore, 'listDocuments'>,
  scope: Omit<DocumentPlace, 'name'>,
): AsyncGenerator<readonly Document[], void> {
  for (let after: string | undefined = ''; after !== undefined;) {
    const page: readonly Document[] = await documents.listDocuments(scope, { after, most: pageMax });
    yield page;
    after = page.length === pageMax ? page.at(-1)?.name : undefined;
  }
}
