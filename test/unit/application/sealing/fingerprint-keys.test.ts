/** The keys of fingerprints: the same for every gateway and for ever, whatever keys seal them. */
import { randomBytes } from 'node:crypto';
import { beforeEach, expect, it } from 'vitest';
import { createFingerprintKeys, sealedAnewAfterMs } from '../../../../src/application/sealing/fingerprint-keys.ts';
import { fingerprint } from '../../../../src/application/jobs/job-fingerprint.ts';
import { emptyJobRequest } from '../../../../src/application/jobs/job-request.ts';
import { createMemoryDocuments } from '../../../support/memory-documents.ts';
import { createTestKeys, createTestSealing, keyLine, type TestKeys } from '../../../support/sealing.ts';
import { createManualClock, type ManualClock } from '../manual-clock.ts';

const place = { collection: 'fingerprint-keys', scope: 'acme', name: 'idempotency' } as const;
let wrapping: TestKeys;
let clock: ManualClock;
let documents: ReturnType<typeof createMemoryDocuments>;
beforeEach(() => {
  wrapping = createTestKeys([keyLine('one')]);
  clock = createManualClock();
  documents = createMemoryDocuments();
});
/** Another process, which knows nothing yet. */
const gateway = () =>
  createFingerprintKeys({ documents, sealing: createTestSealing(wrapping, clock), clock, randomBytes });
const body = async () =>
  JSON.parse((await documents.findDocument(place))?.body ?? '{}') as { keyRef: string; sealedAtMs: number };

it('gateways that begin at once get the same key, and so does each later one', async () => {
  const keys = await Promise.all([gateway(), gateway(), gateway()].map((keysOf) => keysOf.of('acme')));
  expect(new Set(keys.map((key) => Buffer.from(key).toString('hex'))).size).toBe(1);
  expect(await gateway().of('acme')).toEqual(keys[0]);
  expect(await gateway().of('other')).not.toEqual(keys[0]);
});

it('is sealed in the store', async () => {
  const key = Buffer.from(await gateway().of('acme'));
  const text = (await documents.findDocument(place))?.body ?? '';
  for (const form of ['hex', 'base64', 'base64url'] as const) expect(text).not.toContain(key.toString(form));
});

it('stays the same when the keys that seal it change, and is sealed anew with them', async () => {
  const key = await gateway().of('acme');
  wrapping.lines = [keyLine('two'), ...wrapping.lines];
  expect(await gateway().of('acme')).toEqual(key);
  expect((await body()).keyRef).toMatch(/^file:two#/);
  wrapping.lines = wrapping.lines.slice(0, 1);
  expect(await gateway().of('acme')).toEqual(key);
});

it('is sealed anew after a month, because a key in Vault changes without a new name', async () => {
  const key = await gateway().of('acme');
  const { sealedAtMs } = await body();
  clock.advance(sealedAnewAfterMs);
  await gateway().of('acme');
  expect((await body()).sealedAtMs).toBe(sealedAtMs);
  clock.advance(1);
  expect(await gateway().of('acme')).toEqual(key);
  expect((await body()).sealedAtMs).toBe(sealedAtMs + sealedAnewAfterMs + 1);
});

it('makes none while the keys are away, and goes on when they are back', async () => {
  wrapping.isAway = true;
  const keysOf = gateway();
  await expect(keysOf.of('acme')).rejects.toMatchObject({ code: 'ENCRYPTION_UNAVAILABLE' });
  expect(await documents.findDocument(place)).toBeUndefined();
  wrapping.isAway = false;
  clock.advance(1_000);
  expect(await keysOf.of('acme')).toHaveLength(32);
});

it('without the key nobody can tell a guessed input from the hash of a request', async () => {
  const input = { kind: 'json', json: '"Alice"' } as const;
  const request = { ...emptyJobRequest, handler: 'h', idempotencyKey: 'k', input };
  const [key, other] = await Promise.all([gateway().of('acme'), gateway().of('other')]);
  const hashOf = (options?: { readonly key: Uint8Array }) => fingerprint('acme', request, options)?.contentHash;
  expect(hashOf({ key })).toBe(hashOf({ key }));
  expect(new Set([hashOf({ key }), hashOf({ key: other }), hashOf()]).size).toBe(3);
  const changed = { ...request, input: { ...input, json: '"Bob"' } };
  expect(fingerprint('acme', changed, { key })?.contentHash).not.toBe(hashOf({ key }));
});
