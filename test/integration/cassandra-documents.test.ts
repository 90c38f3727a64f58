/** Documents in Cassandra when the answer to a write is lost: the call finds out whether it was its own, or a rival's. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { createCassandraDocumentStore } from '../../src/adapters/cassandra/cassandra-document-store.ts';
import { connectCqlClient, type CqlClient } from '../../src/adapters/cassandra/cql-client.ts';
import type { Document, DocumentPlace, DocumentStore } from '../../src/application/ports/document-store.ts';
import { createStoreMeasures } from '../../src/application/storage/store-measures.ts';
import { TroupeError } from '../../src/domain/errors.ts';
import { makeCassandraHarness } from '../support/cassandra-stores.ts';
import { noTelemetry, realClock, silentLog } from '../support/stores.ts';

/** What becomes of a conditional write, and what happens before its sender looks again. */
interface Loss {
  readonly what: 'reply' | 'request' | 'late request';
  readonly then?: () => Promise<unknown>;
}

type Verdict = Awaited<ReturnType<CqlClient['conditional']>>;

/** Each conditional write takes the next loss, if there is one. */
function lossyClient(client: CqlClient) {
  const losses: Loss[] = [];
  const late: (() => Promise<Verdict>)[] = [];
  const lossy = async <T extends Verdict>(send: () => Promise<T>): Promise<T> => {
    const loss = losses.shift();
    if (loss === undefined) return send();
    if (loss.what === 'reply') await send();
    if (loss.what === 'late request') late.push(send);
    await loss.then?.();
    throw new TroupeError('OUTCOME_UNKNOWN');
  };
  const wrapped: CqlClient = {
    ...client,
    conditional: (statement, params) => lossy(() => client.conditional(statement, params)),
    conditionalBatch: (items) => lossy(() => client.conditionalBatch(items)),
  };
  return {
    client: wrapped,
    lose: (...next: readonly Loss[]) => losses.push(...next),
    /** What was under way arrives. Whether it was applied. */
    arrive: async () => Promise.all(late.splice(0).map(async (send) => (await send()).applied)),
  };
}

describe('a document in Cassandra, of a call whose answer was lost,', () => {
  let harness: Awaited<ReturnType<typeof makeCassandraHarness>>;
  let client: CqlClient;
  let lossy: ReturnType<typeof lossyClient>;
  let own: DocumentStore;
  let rival: DocumentStore;
  let place: DocumentPlace;

  beforeAll(async () => {
    const cassandra = inject('cassandra');
    harness = await makeCassandraHarness(cassandra);
    rival = (await harness.open()).documents;
    const connected = await connectCqlClient({
      ...cassandra,
      keyspace: harness.keyspace,
      requestTimeoutMs: 10_000,
      measures: createStoreMeasures('cassandra', realClock, noTelemetry),
      log: silentLog,
    });
    if (connected === 'unknown-keyspace') throw new Error('the store has made the keyspace');
    client = connected;
  });
  afterAll(async () => {
    await client.close();
    await harness.dispose();
  });
  beforeEach(() => {
    lossy = lossyClient(client);
    own = createCassandraDocumentStore(lossy.client, realClock);
    place = { collection: 'api-keys', scope: randomUUID(), name: 'ci' };
  });

  const created = async (body = '1'): Promise<Document> => (await rival.createDocument(place, body)).document;
  const rivalReplaces = async (body: string): Promise<Document | undefined> => {
    const expectedRevision = (await rival.findDocument(place))?.revision ?? '';
    return (await rival.replaceDocument(place, { body, expectedRevision })).document;
  };
  const rivalRemoves = async (): Promise<void> => {
    const expectedRevision = (await rival.findDocument(place))?.revision ?? '';
    expect(await rival.removeDocument(place, { expectedRevision })).toBe('removed');
  };

  it.each(['reply', 'request'] as const)('is changed by it once when the %s is lost, and by no rival', async (what) => {
    lossy.lose({ what }, { what });
    const made = await own.createDocument(place, '1');
    expect(made.outcome).toBe('created');
    expect(await rival.findDocument(place)).toEqual(made.document);
    lossy.lose({ what }, { what });
    const change = { body: '2', expectedRevision: made.document.revision };
    const replaced = await own.replaceDocument(place, change);
    expect(replaced.outcome).toBe('replaced');
    expect(await rival.findDocument(place)).toEqual(replaced.document);
    lossy.lose({ what }, { what });
    const expectedRevision = replaced.document?.revision ?? '';
    expect(await own.removeDocument(place, { expectedRevision })).toBe('removed');
    expect(await rival.findDocument(place)).toBeUndefined();
  });

  it('is the rival’s when the request never arrived', async () => {
    lossy.lose({ what: 'request', then: () => rival.createDocument(place, '"rival"') });
    const made = await own.createDocument(place, '"own"');
    expect(made).toMatchObject({ outcome: 'exists', document: { body: '"rival"' } });
    const change = { body: '"own"', expectedRevision: made.document.revision };
    lossy.lose({ what: 'request', then: () => rivalReplaces('"rival 2"') });
    const replaced = await own.replaceDocument(place, change);
    expect(replaced).toMatchObject({ outcome: 'conflict', document: { body: '"rival 2"' } });
    const expectedRevision = replaced.document?.revision ?? '';
    lossy.lose({ what: 'request', then: () => rivalReplaces('"rival 3"') });
    expect(await own.removeDocument(place, { expectedRevision })).toBe('conflict');
    expect(await rival.findDocument(place)).toMatchObject({ body: '"rival 3"' });
  });

  it('was made or changed by it, although a rival has been there before it looked', async () => {
    lossy.lose({ what: 'reply', then: () => rivalReplaces('"rival"') });
    const made = await own.createDocument(place, '"own"');
    expect(made).toMatchObject({ outcome: 'created', document: { ...place, body: '"own"' } });
    const present = await rival.findDocument(place);
    expect(present?.body).toBe('"rival"');
    const change = { body: '"own 2"', expectedRevision: present?.revision ?? '' };
    lossy.lose({ what: 'reply', then: () => rivalReplaces('"rival 2"') });
    expect(await own.replaceDocument(place, change)).toMatchObject({
      outcome: 'replaced',
      document: { body: '"own 2"' },
    });
    expect(await rival.findDocument(place)).toMatchObject({ body: '"rival 2"' });
  });

  it('is not made a second time when a rival has removed it before it looked', async () => {
    lossy.lose({ what: 'reply', then: rivalRemoves });
    expect(await own.createDocument(place, '1')).toMatchObject({ outcome: 'created' });
    expect(await rival.findDocument(place)).toBeUndefined();
  });

  it('is left open where neither can be told', async () => {
    const { revision: expectedRevision } = await created();
    const unknown = { code: 'OUTCOME_UNKNOWN' };
    const twice = async () => {
      await rivalReplaces('"rival"');
      await rivalReplaces('"rival 2"');
    };
    lossy.lose({ what: 'request', then: twice });
    await expect(own.replaceDocument(place, { body: '2', expectedRevision })).rejects.toMatchObject(unknown);
    const later = { expectedRevision: (await rival.findDocument(place))?.revision ?? '' };
    lossy.lose({ what: 'request', then: twice });
    await expect(own.removeDocument(place, later)).rejects.toMatchObject(unknown);
    const last = { body: '3', expectedRevision: (await rival.findDocument(place))?.revision ?? '' };
    lossy.lose({ what: 'reply', then: rivalRemoves });
    await expect(own.replaceDocument(place, last)).rejects.toMatchObject(unknown);
    expect(await rival.findDocument(place)).toBeUndefined();
  });

  it('does not come back by a request that arrives after the removal', async () => {
    lossy.lose({ what: 'late request' });
    const { outcome, document } = await own.createDocument(place, '1');
    expect(outcome).toBe('created');
    await rivalRemoves();
    expect(await lossy.arrive()).toEqual([false]);
    expect(await rival.findDocument(place)).toBeUndefined();
    const again = await created('2');
    lossy.lose({ what: 'late request' });
    const change = { body: '3', expectedRevision: again.revision };
    expect(await own.replaceDocument(place, change)).toMatchObject({ outcome: 'replaced' });
    await rivalReplaces('2');
    expect(await lossy.arrive()).toEqual([false]);
    expect(await rival.findDocument(place)).toMatchObject({ body: '2' });
    expect(again.revision).not.toBe(document.revision);
  });
});
