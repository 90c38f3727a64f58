/** Documents. The caller chooses their revisions. Every change is one write transaction, so no other writer comes between. */
import type { DatabaseSync } from 'node:sqlite';
import type { Document, DocumentPlace, DocumentStore } from '../../../application/ports/document-store.ts';

type Created = Awaited<ReturnType<DocumentStore['createDocument']>>;
type Replaced = Awaited<ReturnType<DocumentStore['replaceDocument']>>;
type Removed = Awaited<ReturnType<DocumentStore['removeDocument']>>;

const columns = 'collection, scope, name, body, revision';
const place = 'collection = ? AND scope = ? AND name = ?';

function toDocument(row: unknown): Document {
  return { ...(row as Document) };
}

export function createDocumentOperations(file: DatabaseSync) {
  const insert = file.prepare(`INSERT INTO documents (${columns}) VALUES (?, ?, ?, ?, ?)`);
  const find = file.prepare(`SELECT ${columns} FROM documents WHERE ${place}`);
  const list = file.prepare(
    `SELECT ${columns} FROM documents WHERE collection = ? AND scope = ? AND name > ? ORDER BY name LIMIT ?`,
  );
  const replace = file.prepare(`UPDATE documents SET body = ?, revision = ? WHERE ${place} AND revision = ?`);
  const remove = file.prepare(`DELETE FROM documents WHERE ${place} AND revision = ?`);
  const present = ({ collection, scope, name }: DocumentPlace): Document | undefined => {
    const row = find.get(collection, scope, name);
    return row === undefined ? undefined : toDocument(row);
  };
  const writes = {
    createDocument(document: Document): Created {
      const taken = present(document);
      if (taken !== undefined) return { outcome: 'exists', document: taken };
      const { collection, scope, name, body, revision } = document;
      insert.run(collection, scope, name, body, revision);
      return { outcome: 'created', document };
    },
    replaceDocument(next: Document, expectedRevision: string): Replaced {
      const { collection, scope, name, body, revision } = next;
      const { changes } = replace.run(body, revision, collection, scope, name, expectedRevision);
      if (changes > 0) return { outcome: 'replaced', document: next };
      const document = present(next);
      return document === undefined ? { outcome: 'missing' } : { outcome: 'conflict', document };
    },
    removeDocument(from: DocumentPlace, expectedRevision: string): Removed {
      const { changes } = remove.run(from.collection, from.scope, from.name, expectedRevision);
      if (changes > 0) return 'removed';
      return present(from) === undefined ? 'missing' : 'conflict';
    },
  };
  const reads = {
    findDocument: present,
    /** Those after the place. */
    listDocuments: ({ collection, scope, name }: DocumentPlace, most: number): readonly Document[] =>
      list.all(collection, scope, name, most).map(toDocument),
  };
  return { writes, reads };
}
