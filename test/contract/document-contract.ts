/** Documents: a name has one creator, every change is compare-and-set, and no revision returns. */
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  bodyMaxBytes,
  type Document,
  type DocumentCollection,
  type DocumentPlace,
  documentsListMax,
  type DocumentStore,
  placeMaxBytes,
} from '../../src/application/ports/document-store.ts';
import type { LossyStore, StoreUnderTest } from '../support/stores.ts';

/** Two processes that share documents. */
export interface DocumentsUnderTest {
  readonly first: { readonly documents: DocumentStore };
  readonly second: { readonly documents: DocumentStore };
}

const [collection, otherCollection]: readonly [DocumentCollection, DocumentCollection] = [
  'service-accounts',
  'api-keys',
];

function freshPlace(more: Partial<DocumentPlace> = {}): DocumentPlace {
  return { collection, scope: randomUUID(), name: 'robot', ...more };
}

async function namesOf(store: DocumentStore, scope: Omit<DocumentPlace, 'name'>, page = { after: '', most: 100 }) {
  return (await store.listDocuments(scope, page)).map(({ name }) => name);
}

function describeCreation(use: () => DocumentsUnderTest): void {
  describe('documents', () => {
    it('are created once, and found by whoever looks', async () => {
      const { first, second } = use();
      const place = freshPlace();
      expect(await second.documents.findDocument(place)).toBeUndefined();
      const created = await first.documents.createDocument(place, '{"n":1}');
      const { revision } = created.document;
      expect(created).toEqual({ outcome: 'created', document: { ...place, body: '{"n":1}', revision } });
      expect(revision).not.toBe('');
      expect(await second.documents.findDocument(place)).toEqual(created.document);
      const again = await second.documents.createDocument(place, '{"n":2}');
      expect(again).toEqual({ outcome: 'exists', document: created.document });
      expect(await first.documents.findDocument(place)).toEqual(created.document);
    });

    it('have one creator, of however many at once', async () => {
      const { first, second } = use();
      const place = freshPlace();
      const outcomes = await Promise.all(
        Array.from({ length: 16 }, (_, n) =>
          (n % 2 === 0 ? first : second).documents.createDocument(place, JSON.stringify({ n })),
        ),
      );
      expect(outcomes.filter(({ outcome }) => outcome === 'created')).toHaveLength(1);
      const present = await first.documents.findDocument(place);
      for (const { document } of outcomes) expect(document).toEqual(present);
    });

    it('are all created when many are at once in one scope', async () => {
      const { first, second } = use();
      const place = freshPlace();
      const names = Array.from({ length: 16 }, (_, n) => `robot-${String(n).padStart(2, '0')}`);
      const outcomes = await Promise.all(
        names.map((name, n) => (n % 2 === 0 ? first : second).documents.createDocument({ ...place, name }, '{}')),
      );
      expect(outcomes.map(({ outcome }) => outcome)).toEqual(names.map(() => 'created'));
      expect(await namesOf(second.documents, place)).toEqual(names);
    });

    it('are those of their collection, scope and name alone, also of an empty scope', async () => {
      const { first, second } = use();
      const place = freshPlace();
      const others: readonly DocumentPlace[] = [
        { ...place, collection: otherCollection },
        { ...place, scope: `${place.scope}/` },
        { ...place, name: `${place.name}/` },
        { ...place, scope: '', name: place.scope },
      ];
      await first.documents.createDocument(place, '"it"');
      for (const other of others) expect(await second.documents.findDocument(other)).toBeUndefined();
      for (const [n, other] of others.entries()) {
        expect(await second.documents.createDocument(other, JSON.stringify(n))).toMatchObject({ outcome: 'created' });
      }
      for (const [n, other] of others.entries()) {
        expect(await first.documents.findDocument(other)).toMatchObject({ ...other, body: JSON.stringify(n) });
      }
      expect(await first.documents.findDocument(place)).toMatchObject({ ...place, body: '"it"' });
      expect(await namesOf(first.documents, place)).toEqual(['robot', 'robot/']);
      expect(await namesOf(first.documents, { ...place, collection: otherCollection })).toEqual(['robot']);
    });

    it('come back to the byte, up to the most that a document may have, and no larger one is kept', async () => {
      const { first, second } = use();
      const text = 'né\u0000\u{1F600} ';
      const head = JSON.stringify(text).slice(0, -1);
      const body = `${head}${'x'.repeat(bodyMaxBytes - Buffer.byteLength(head) - 1)}"`;
      expect(Buffer.byteLength(body)).toBe(bodyMaxBytes);
      const place = freshPlace({
        scope: `${randomUUID()}${'s'.repeat(placeMaxBytes - 36)}`,
        name: 'n'.repeat(placeMaxBytes),
      });
      const { document } = await first.documents.createDocument(place, body);
      expect(await second.documents.findDocument(place)).toEqual({ ...place, body, revision: document.revision });
      const change = { body: `${body} `, expectedRevision: document.revision };
      await expect(async () => first.documents.replaceDocument(place, change)).rejects.toThrow(/bodyMaxBytes/);
      const other = freshPlace();
      await expect(async () => first.documents.createDocument(other, change.body)).rejects.toThrow(/bodyMaxBytes/);
      for (const wrong of [{ name: '' }, { name: '\uD800' }, { name: 'é'.repeat(placeMaxBytes / 2) + 'x' }]) {
        const refused = async () => first.documents.createDocument({ ...other, ...wrong }, '{}');
        await expect(refused).rejects.toThrow(/invariant broken/);
      }
      expect(await second.documents.listDocuments(other, { after: '', most: 9 })).toEqual([]);
      expect(await second.documents.findDocument(place)).toEqual(document);
    });
  });
}

/** In the order of their bytes. By UTF-16 units, the last two would change places. */
const names = [
  'A',
  'B',
  '_',
  '__proto__',
  'a',
  'a\u0000',
  'a b',
  'constructor',
  'toString',
  'é',
  '\uFFFD',
  '\u{1F600}',
];

function describeLists(use: () => DocumentsUnderTest): void {
  describe('lists of documents', () => {
    it('are in pages, by the bytes of the names', async () => {
      const { first, second } = use();
      const place = freshPlace();
      const created: Document[] = [];
      for (const name of names.toReversed()) {
        created.unshift((await first.documents.createDocument({ ...place, name }, JSON.stringify(name))).document);
      }
      expect(await second.documents.listDocuments(place, { after: '', most: documentsListMax })).toEqual(created);
      for (const most of [1, 5, names.length]) {
        const seen: Document[] = [];
        for (;;) {
          const page = await second.documents.listDocuments(place, { after: seen.at(-1)?.name ?? '', most });
          expect(page.length).toBeLessThanOrEqual(most);
          if (page.length === 0) break;
          seen.push(...page);
        }
        expect(seen).toEqual(created);
      }
      // Nobody has this name.
      expect(await namesOf(second.documents, place, { after: 'b', most: 2 })).toEqual(['constructor', 'toString']);
      expect(await namesOf(second.documents, freshPlace())).toEqual([]);
    });

    it('name what was created, and no longer what was removed', async () => {
      const { first, second } = use();
      const place = freshPlace();
      const made = await Promise.all(
        ['a', 'b', 'c'].map((name) => first.documents.createDocument({ ...place, name }, '{}')),
      );
      for (const { document } of made) {
        const expectedRevision = document.revision;
        expect(await second.documents.removeDocument(document, { expectedRevision })).toBe('removed');
        expect(await namesOf(first.documents, place)).not.toContain(document.name);
      }
      expect(await namesOf(first.documents, place)).toEqual([]);
    });

    it('have as many as the caller may ask for, and no more may be asked for', async () => {
      const { first, second } = use();
      const place = freshPlace();
      const made = Array.from({ length: 120 }, (_, n) => String(n).padStart(4, '0'));
      for (let at = 0; at < made.length; at += 50) {
        await Promise.all(
          made.slice(at, at + 50).map((name) => first.documents.createDocument({ ...place, name }, '{}')),
        );
      }
      const all = { after: '', most: documentsListMax };
      expect(await namesOf(second.documents, place, all)).toEqual(made);
      expect(await namesOf(second.documents, place, { after: '0009', most: 105 })).toEqual(made.slice(10, 115));
      for (const most of [0, 1.5, documentsListMax + 1]) {
        const asked = async () => second.documents.listDocuments(place, { after: '', most });
        await expect(asked).rejects.toThrow(/documentsListMax/);
      }
    });
  });
}

function describeChanges(use: () => DocumentsUnderTest): void {
  describe('changes of documents', () => {
    it('need the revision that is there', async () => {
      const { first, second } = use();
      const place = freshPlace();
      const { document } = await first.documents.createDocument(place, '1');
      const change = { body: '2', expectedRevision: document.revision };
      const replaced = await second.documents.replaceDocument(place, change);
      const revision = replaced.document?.revision ?? '';
      expect(replaced).toEqual({ outcome: 'replaced', document: { ...place, body: '2', revision } });
      expect(revision).not.toBe(document.revision);
      for (const expectedRevision of [document.revision, '', 'toString']) {
        const conflict = await first.documents.replaceDocument(place, { body: '3', expectedRevision });
        expect(conflict).toEqual({ outcome: 'conflict', document: replaced.document });
        expect(await first.documents.removeDocument(place, { expectedRevision })).toBe('conflict');
      }
      expect(await second.documents.findDocument(place)).toEqual(replaced.document);
      // Also if it says the same as before.
      const same = await first.documents.replaceDocument(place, { body: '2', expectedRevision: revision });
      expect([same.outcome, same.document?.revision === revision]).toEqual(['replaced', false]);
    });

    it('of what nobody has made, or somebody has removed, find nothing', async () => {
      const { first, second } = use();
      const place = freshPlace();
      const change = { body: '2', expectedRevision: 'any' };
      expect(await first.documents.replaceDocument(place, change)).toEqual({ outcome: 'missing' });
      expect(await first.documents.removeDocument(place, change)).toBe('missing');
      expect(await first.documents.findDocument(place)).toBeUndefined();
      const { revision } = (await first.documents.createDocument(place, '1')).document;
      const known = { body: '2', expectedRevision: revision };
      expect(await second.documents.removeDocument(place, known)).toBe('removed');
      expect(await first.documents.findDocument(place)).toBeUndefined();
      expect(await second.documents.removeDocument(place, known)).toBe('missing');
      expect(await first.documents.replaceDocument(place, known)).toEqual({ outcome: 'missing' });
      expect(await second.documents.findDocument(place)).toBeUndefined();
    });

    it('never pass with a revision of before the document was removed and created again', async () => {
      const { first, second } = use();
      const place = freshPlace();
      const former = new Set<string>();
      for (let round = 0; round < 4; round += 1) {
        const { outcome, document } = await first.documents.createDocument(place, '"same"');
        expect(outcome).toBe('created');
        for (const expectedRevision of former) {
          const change = { body: '"late"', expectedRevision };
          expect(await second.documents.replaceDocument(place, change)).toEqual({ outcome: 'conflict', document });
          expect(await second.documents.removeDocument(place, change)).toBe('conflict');
        }
        expect(former).not.toContain(document.revision);
        former.add(document.revision);
        const expectedRevision = document.revision;
        expect(await first.documents.removeDocument(place, { expectedRevision })).toBe('removed');
      }
    });

    it('by sixteen at once: one wins each revision, and the others see what it wrote', async () => {
      const { first, second } = use();
      const place = freshPlace();
      let { document } = await first.documents.createDocument(place, '"none"');
      for (let round = 0; round < 3; round += 1) {
        const { revision: expectedRevision } = document;
        const outcomes = await Promise.all(
          Array.from({ length: 16 }, (_, n) =>
            (n % 2 === 0 ? first : second).documents.replaceDocument(place, {
              body: JSON.stringify([round, n]),
              expectedRevision,
            }),
          ),
        );
        const winners = outcomes.flatMap(({ outcome }, n) => (outcome === 'replaced' ? [n] : []));
        expect(winners).toHaveLength(1);
        const present = await first.documents.findDocument(place);
        expect(present?.body).toBe(JSON.stringify([round, winners[0]]));
        for (const one of outcomes) expect(one.document).toEqual(present);
        if (present === undefined) throw new Error('nobody has removed it');
        document = present;
      }
    });

    it('that meet a removal: one of them fails', async () => {
      const { first, second } = use();
      const place = freshPlace();
      const { revision } = (await first.documents.createDocument(place, '1')).document;
      const [removed, replaced] = await Promise.all([
        first.documents.removeDocument(place, { expectedRevision: revision }),
        second.documents.replaceDocument(place, { body: '2', expectedRevision: revision }),
      ]);
      const isGone = (await first.documents.findDocument(place)) === undefined;
      expect([removed, replaced.outcome]).toEqual(isGone ? ['removed', 'missing'] : ['conflict', 'replaced']);
    });
  });
}

export function describeDocuments(use: () => DocumentsUnderTest): void {
  describeCreation(use);
  describeLists(use);
  describeChanges(use);
}

/** The store itself cannot ask any more, so the caller is told, and asks later. */
export function describeLostDocuments(use: () => StoreUnderTest): void {
  describe('a change of a document whose outcome is unknown', () => {
    let lossy: LossyStore | undefined;
    const lossyStore = async (): Promise<LossyStore> => (lossy ??= await use().harness.openLossy());

    /** A document of this store, which has sent each kind of change before. */
    async function knownTo(documents: DocumentStore, place: DocumentPlace): Promise<string> {
      const former = (await documents.createDocument(place, '0')).document;
      await documents.removeDocument(place, { expectedRevision: former.revision });
      const { revision } = (await documents.createDocument(place, '0')).document;
      const { document } = await documents.replaceDocument(place, { body: '1', expectedRevision: revision });
      return document?.revision ?? '';
    }

    it.each(['reply', 'request'] as const)('because its %s was lost: it is there as a whole, or not', async (what) => {
      const { second } = use();
      const { store, lose, heal } = await lossyStore();
      const place = freshPlace();
      const expectedRevision = await knownTo(store.documents, place);
      const unknown = { code: 'OUTCOME_UNKNOWN' };
      lose(what);
      await expect(store.documents.replaceDocument(place, { body: '2', expectedRevision })).rejects.toMatchObject(
        unknown,
      );
      await heal();
      const present = await second.documents.findDocument(place);
      expect(present?.body).toBe(what === 'reply' ? '2' : '1');
      const again = await store.documents.replaceDocument(place, { body: '2', expectedRevision });
      expect(again.outcome).toBe(what === 'reply' ? 'conflict' : 'replaced');
      const revision = again.document?.revision ?? '';
      lose(what);
      await expect(store.documents.removeDocument(place, { expectedRevision: revision })).rejects.toMatchObject(
        unknown,
      );
      await heal();
      expect(await store.documents.removeDocument(place, { expectedRevision: revision })).toBe(
        what === 'reply' ? 'missing' : 'removed',
      );
      expect(await second.documents.findDocument(place)).toBeUndefined();
    });
  });
}
