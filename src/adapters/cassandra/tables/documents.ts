/**
 * `documents`: what administrators make, such as service accounts. A scope of a collection is one partition, so that it is
 * listed by name. Few, of at most 64 KiB, usually less than 1 KB. Rarely written. No TTL.
 *
 * `last_created` is the first revision of the document that was created last in the partition, and a condition of each
 * creation. So a creation that arrives late, after its call has repeated it, can bring back nothing that was removed since.
 */
import type { CqlStatement } from './cql-statement.ts';

export const createDocuments = `CREATE TABLE IF NOT EXISTS documents (
  collection text, scope text, last_created text STATIC, name text, revision text, former text, body text,
  PRIMARY KEY ((collection, scope), name)
) WITH compaction = {'class': 'UnifiedCompactionStrategy', 'scaling_parameters': 'L10'}`;

export interface DocumentRow {
  readonly name: string;
  readonly body: string;
  readonly revision: string;
  /** The revision that this one replaced. Null since the creation. */
  readonly former: string | null;
  readonly last_created: string;
}

const scope = 'collection = ? AND scope = ?';
const columns = 'name, body, revision, former, last_created';

/** LOCAL_SERIAL, idempotent. No row, or null, if nothing was ever created there. */
export const readLastCreated: CqlStatement<{ readonly last_created: string | null }> = {
  name: 'read_last_created',
  cql: `SELECT last_created FROM documents WHERE ${scope} LIMIT 1`,
  mode: 'serialRead',
};

/** Used in one batch with `insertDocument`. LOCAL_QUORUM + LOCAL_SERIAL, not idempotent. */
export const noteCreation: CqlStatement = {
  name: 'create_document',
  cql: `UPDATE documents SET last_created = ? WHERE ${scope} IF last_created = ?`,
  mode: 'conditional',
};

/** Only used in the batch of `noteCreation`. */
export const insertDocument: CqlStatement = {
  name: 'create_document',
  cql: `INSERT INTO documents (collection, scope, name, body, revision) VALUES (?, ?, ?, ?, ?) IF NOT EXISTS`,
  mode: 'conditional',
};

/** LOCAL_QUORUM + LOCAL_SERIAL, not idempotent. Compare-and-set on the revision. */
export const replaceBody: CqlStatement = {
  name: 'replace_document',
  cql: `UPDATE documents SET body = ?, revision = ?, former = ? WHERE ${scope} AND name = ? IF revision = ?`,
  mode: 'conditional',
};

/** LOCAL_QUORUM + LOCAL_SERIAL, not idempotent. */
export const deleteDocument: CqlStatement = {
  name: 'remove_document',
  cql: `DELETE FROM documents WHERE ${scope} AND name = ? IF revision = ?`,
  mode: 'conditional',
};

/** LOCAL_QUORUM, idempotent, one row. */
export const readDocument: CqlStatement<DocumentRow> = {
  name: 'find_document',
  cql: `SELECT ${columns} FROM documents WHERE ${scope} AND name = ?`,
  mode: 'read',
};

/** LOCAL_SERIAL, idempotent. For reads that decide about a write. */
export const readDocumentSerially: CqlStatement<DocumentRow> = {
  ...readDocument,
  name: 'read_document',
  mode: 'serialRead',
};

/** LOCAL_QUORUM, idempotent, in pages, ordered by the bytes of the names. */
export const readDocuments: CqlStatement<DocumentRow> = {
  name: 'list_documents',
  cql: `SELECT ${columns} FROM documents WHERE ${scope} AND name > ? LIMIT ?`,
  mode: 'read',
};
