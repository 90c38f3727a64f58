/**
 * `DocumentStore` on Cassandra. Every revision is new, so a write that is conditional on one can be sent again: at most one
 * of the copies is carried out, however late the others arrive. A call whose answer was lost finds its own revision in the
 * row, or that of a rival. Where neither can be told, it ends with OUTCOME_UNKNOWN.
 */
import { randomUUID } from 'node:crypto';
import type { Document, DocumentPlace, DocumentStore } from '../../application/ports/document-store.ts';
import type { Clock } from '../../application/ports/runtime.ts';
import { expectBody, expectKeepable, expectListable } from '../../application/storage/document-bounds.ts';
import { TroupeError } from '../../domain/errors.ts';
import type { CqlClient } from './cql-client.ts';
import * as documents from './tables/documents.ts';
import { createKeyedTurns } from './turns.ts';
import { repeatUndecided } from './undecided.ts';

type Verdict = Awaited<ReturnType<CqlClient['conditional']>>;

/** One call that writes until its outcome is decided. */
class DecidedCall {
  readonly #clock: Clock;
  /** The answer to one of its writes was lost. */
  hasLost = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async write(sent: Promise<Verdict>): Promise<boolean> {
    try {
      return (await sent).applied;
    } catch (error) {
      if (error instanceof TroupeError && error.code === 'OUTCOME_UNKNOWN') this.hasLost = true;
      throw error;
    }
  }

  /**
   * Writes at once, since the revision is most often the expected one. Resolves with what is there if it is not. Once an
   * answer was lost, it looks first.
   */
  async writeOrRead<R extends { readonly revision: string }>({
    write,
    read,
    expectedRevision,
  }: {
    readonly write: () => Promise<Verdict>;
    readonly read: () => Promise<R | undefined>;
    readonly expectedRevision: string;
  }): Promise<'written' | 'repeat' | R | undefined> {
    if (!this.hasLost) return (await this.write(write())) ? 'written' : read();
    const present = await read();
    if (present?.revision !== expectedRevision) return present;
    return (await this.write(write())) ? 'written' : 'repeat';
  }

  /** `attempt` resolves with undefined if it is to be repeated. `unknown` ends the call with OUTCOME_UNKNOWN. */
  async decide<T>(attempt: () => Promise<T | 'unknown' | undefined>): Promise<T> {
    let decided: T | 'unknown';
    try {
      decided = await repeatUndecided(this.#clock, attempt);
    } catch (error) {
      // Once an answer was lost, a store that does not answer leaves the outcome open.
      throw this.hasLost ? new TroupeError('OUTCOME_UNKNOWN', { cause: error }) : error;
    }
    if (decided === 'unknown') {
      throw new TroupeError('OUTCOME_UNKNOWN', {
        message: 'others have changed the document since the answer was lost',
      });
    }
    return decided;
  }
}

interface DocumentRows {
  readonly client: CqlClient;
  readonly clock: Clock;
  /** Writers of one scope. */
  readonly inTurn: <T>(place: DocumentPlace, run: () => Promise<T>) => Promise<T>;
  readonly present: (place: DocumentPlace) => Promise<documents.DocumentRow | undefined>;
}

function toDocument({ collection, scope }: Omit<DocumentPlace, 'name'>, row: documents.DocumentRow): Document {
  const { name, body, revision } = row;
  return { collection, scope, name, body, revision };
}

/** Reads serially, then notes the creation together with the document. Whoever creates in the scope meanwhile makes it fail. */
function createCreation({ client, clock, inTurn, present }: DocumentRows): DocumentStore['createDocument'] {
  const lastCreated = async ({ collection, scope }: DocumentPlace): Promise<string | null> =>
    (await client.rows(documents.readLastCreated, [collection, scope])).at(0)?.last_created ?? null;
  return async (place, body) => {
    expectKeepable(place, body);
    const { collection, scope, name } = place;
    const call = new DecidedCall(clock);
    /** By revision. Each attempt has one of its own, since an earlier one may have been seen, and removed. */
    const own = new Map<string, Document>();
    const attempt = async () => {
      const row = await present(place);
      const last = row?.last_created ?? (await lastCreated(place));
      // Created by this call, whatever has become of it.
      const created = last === null ? undefined : own.get(last);
      if (created !== undefined) return { outcome: 'created' as const, document: created };
      if (row !== undefined) return { outcome: 'exists' as const, document: toDocument(place, row) };
      const document = { collection, scope, name, body, revision: randomUUID() };
      const { revision } = document;
      own.set(revision, document);
      const isApplied = await call.write(
        client.conditionalBatch([
          { statement: documents.noteCreation, params: [revision, collection, scope, last] },
          { statement: documents.insertDocument, params: [collection, scope, name, body, revision] },
        ]),
      );
      return isApplied ? { outcome: 'created' as const, document } : undefined;
    };
    return inTurn(place, () => call.decide(attempt));
  };
}

function createReplacement({ client, clock, inTurn, present }: DocumentRows): DocumentStore['replaceDocument'] {
  return async ({ collection, scope, name }, { body, expectedRevision }) => {
    expectBody(body);
    const call = new DecidedCall(clock);
    const revision = randomUUID();
    const document = { collection, scope, name, body, revision };
    const params = [body, revision, expectedRevision, collection, scope, name, expectedRevision];
    const attempt = async () => {
      const row = await call.writeOrRead({
        write: () => client.conditional(documents.replaceBody, params),
        read: () => present(document),
        expectedRevision,
      });
      if (row === 'repeat') return undefined;
      if (row === 'written') return { outcome: 'replaced' as const, document };
      // Replaced by this call; and if by another one since, that changes nothing.
      if (call.hasLost && (row?.revision === revision || row?.former === revision)) {
        return { outcome: 'replaced' as const, document };
      }
      if (call.hasLost && row?.former !== expectedRevision) return 'unknown';
      if (row === undefined) return { outcome: 'missing' as const };
      return { outcome: 'conflict' as const, document: toDocument(document, row) };
    };
    return inTurn(document, () => call.decide(attempt));
  };
}

function createRemoval({ client, clock, inTurn, present }: DocumentRows): DocumentStore['removeDocument'] {
  return async (place, { expectedRevision }) => {
    const call = new DecidedCall(clock);
    const params = [place.collection, place.scope, place.name, expectedRevision];
    const attempt = async () => {
      const row = await call.writeOrRead({
        write: () => client.conditional(documents.deleteDocument, params),
        read: () => present(place),
        expectedRevision,
      });
      if (row === 'repeat') return undefined;
      if (row === 'written') return 'removed';
      // After a lost answer, this call itself may have removed it. If another did, the result is the same.
      if (row === undefined) return call.hasLost ? 'removed' : 'missing';
      return call.hasLost && row.former !== expectedRevision ? 'unknown' : 'conflict';
    };
    return inTurn(place, () => call.decide(attempt));
  };
}

export function createCassandraDocumentStore(client: CqlClient, clock: Clock): DocumentStore {
  const inTurn = createKeyedTurns(clock);
  const rows: DocumentRows = {
    client,
    clock,
    inTurn: ({ collection, scope }, run) => inTurn(`${collection}/${scope}`, run),
    present: async ({ collection, scope, name }) =>
      (await client.rows(documents.readDocumentSerially, [collection, scope, name])).at(0),
  };
  return {
    createDocument: createCreation(rows),
    replaceDocument: createReplacement(rows),
    removeDocument: createRemoval(rows),
    async findDocument(place) {
      const { collection, scope, name } = place;
      const row = (await client.rows(documents.readDocument, [collection, scope, name])).at(0);
      return row === undefined ? undefined : toDocument(place, row);
    },
    async listDocuments(scope, { after, most }) {
      expectListable(most);
      const found: Document[] = [];
      const pages = client.pages(documents.readDocuments, [scope.collection, scope.scope, after, most]);
      for await (const page of pages) found.push(...page.map((row) => toDocument(scope, row)));
      return found;
    },
  };
}
