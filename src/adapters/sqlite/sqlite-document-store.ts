/** `DocumentStore` on SQLite. */
import { randomUUID } from 'node:crypto';
import type { Document, DocumentStore } from '../../application/ports/document-store.ts';
import { expectBody, expectKeepable, expectListable } from '../../application/storage/document-bounds.ts';
import type { StoreLink } from './link/store-link.ts';

/** Documents of one read. The thread reads a list in pieces, so that no commit waits for the whole. */
const pieceMax = 100;

export function createSqliteDocumentStore(link: StoreLink): DocumentStore {
  return {
    async createDocument({ collection, scope, name }, body) {
      expectKeepable({ collection, scope, name }, body);
      return link.write('createDocument', { collection, scope, name, body, revision: randomUUID() });
    },
    findDocument: ({ collection, scope, name }) => link.read('findDocument', { collection, scope, name }),
    async listDocuments({ collection, scope }, { after, most }) {
      expectListable(most);
      const found: Document[] = [];
      let asked: number;
      let piece: readonly Document[];
      do {
        asked = Math.min(pieceMax, most - found.length);
        const place = { collection, scope, name: found.at(-1)?.name ?? after };
        piece = await link.read('listDocuments', place, asked);
        found.push(...piece);
      } while (piece.length === asked && found.length < most);
      return found;
    },
    async replaceDocument({ collection, scope, name }, { body, expectedRevision }) {
      expectBody(body);
      const next = { collection, scope, name, body, revision: randomUUID() };
      return link.write('replaceDocument', next, expectedRevision);
    },
    removeDocument: ({ collection, scope, name }, { expectedRevision }) =>
      link.write('removeDocument', { collection, scope, name }, expectedRevision),
  };
}
