/** The id of an upload: it holds what was said, and whatever is changed in it names another object. */
import { randomBytes, randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { emptyJobRequest } from '../../../../src/application/jobs/job-request.ts';
import { ownerOf, parseUploadId, type UploadFacts, uploadOf } from '../../../../src/application/jobs/upload-id.ts';
import { objectPlace } from '../../../../src/application/storage/object-id.ts';
import { placeOfTicket, ticketPlace } from '../../../../src/application/storage/upload-ticket.ts';

const facts: UploadFacts = {
  uuid: randomUUID(),
  bytes: 5 * 1_024 ** 3,
  sha256: randomBytes(32),
  keepByMs: Date.UTC(2026, 10, 30),
  expiresAtMs: Date.UTC(2027, 11, 30),
  owner: ownerOf('default', emptyJobRequest),
};
const unique = { key: 'u', onConflict: 'reject' } as const;

describe('the id of an upload', () => {
  it('holds what was said, in at most 300 characters', () => {
    const upload = uploadOf(facts);
    expect(parseUploadId(upload.id)).toEqual(upload);
    expect(upload.id.length).toBeLessThanOrEqual(300);
  });

  it('names another object with anything else in it', () => {
    const changes: readonly Partial<UploadFacts>[] = [
      {},
      { uuid: randomUUID() },
      { bytes: 1 },
      { sha256: randomBytes(32) },
      { keepByMs: facts.keepByMs + 1 },
      { expiresAtMs: facts.expiresAtMs + 1 },
      { owner: ownerOf('another', emptyJobRequest) },
    ];
    const names = changes.map((change) => uploadOf({ ...facts, ...change }).name.slice(-22));
    expect(new Set(names).size).toBe(changes.length);
  });

  it('belongs to a tenant and to the keys of a request, and to no other combination of the same words', () => {
    const owners = [
      ownerOf('a', emptyJobRequest),
      ownerOf('b', emptyJobRequest),
      ownerOf('a', { ...emptyJobRequest, idempotencyKey: 'u' }),
      ownerOf('a', { ...emptyJobRequest, unique }),
      ownerOf('a', { ...emptyJobRequest, idempotencyKey: 'u', unique }),
      ownerOf('a","u', emptyJobRequest),
    ];
    expect(new Set(owners).size).toBe(owners.length);
    expect(ownerOf('a', { ...emptyJobRequest, queue: 'other', labels: { a: 'b' } })).toBe(owners[0]);
  });

  it('is nothing else, whatever it is', () => {
    const { id } = uploadOf(facts);
    for (const other of ['', 'toString', `${id}=`, `${id} `, id.slice(1), Buffer.from('u1.').toString('base64url')]) {
      expect(parseUploadId(other)).toBeUndefined();
    }
    fc.assert(fc.property(fc.string(), (text) => parseUploadId(text) === undefined));
  });
});

describe('the ticket of an upload', () => {
  it('leads to the place of its upload; no other entry is a ticket', () => {
    const upload = uploadOf(facts);
    expect(placeOfTicket(ticketPlace(upload).entry)).toEqual(objectPlace(upload));
    expect(placeOfTicket(objectPlace(upload).entry)).toBeUndefined();
    for (const entry of [
      '',
      'toString',
      '000000000000001.unused~1~../x',
      '000000000000001.unused~1',
      'x.unused~1~up-a',
    ]) {
      expect(placeOfTicket(entry)).toBeUndefined();
    }
  });
});
