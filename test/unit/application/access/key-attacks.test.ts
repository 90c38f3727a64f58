/** API keys under floods, slow stores, clocks that are wrong, gateways of other configurations, and steps that fail. */
import { beforeEach, describe, expect, it } from 'vitest';
import { type ApiKeys, createApiKeys } from '../../../../src/application/access/api-keys.ts';
import { createKeyVerifier } from '../../../../src/application/access/key-verifier.ts';
import { createManageAccounts, type ManageAccounts } from '../../../../src/application/access/manage-accounts.ts';
import { makeKey } from '../../../../src/application/access/key-text.ts';
import type { CallContext } from '../../../../src/application/ports/call-context.ts';
import type { Document, DocumentPlace, DocumentStore } from '../../../../src/application/ports/document-store.ts';
import type { TokenVerifier } from '../../../../src/application/ports/token-verifier.ts';
import type { Principal } from '../../../../src/domain/access/principal.ts';
import { rolesWith } from '../../../../src/domain/access/role.ts';
import { TroupeError } from '../../../../src/domain/errors.ts';
import { createVirtualClock, type VirtualClock } from '../../../../src/kernel/testkit/virtual-clock.ts';
import { callerWith, mayEverything } from '../../../support/callers.ts';
import { roomForAll } from '../../../support/open-tenants.ts';
import { createMemoryDocuments, DocumentTable } from '../../../support/memory-documents.ts';

const roles = rolesWith({ auditor: ['logs.read'] });
const admin = { ...mayEverything, tenant: 'acme', id: 'jwt:corp:admin' };
const context: CallContext = { tenant: 'acme', principal: admin, requestId: 'r1' };
const usual = { account: 'billing', lifetimeMs: undefined };

let clock: VirtualClock;
let table: DocumentTable;
let reads: DocumentPlace[];
/** What a read of the store waits for, after it has seen what is there. */
let read: (place: DocumentPlace) => Promise<unknown>;
let documents: DocumentStore;
let accounts: ManageAccounts;
let keys: ApiKeys;
let verifier: TokenVerifier;

beforeEach(async () => {
  clock = createVirtualClock();
  table = new DocumentTable();
  reads = [];
  read = async () => undefined;
  const memory = createMemoryDocuments(table);
  documents = {
    ...memory,
    async findDocument(place) {
      reads.push(place);
      const found = await memory.findDocument(place);
      await read(place);
      return found;
    },
  };
  accounts = createManageAccounts({ room: roomForAll, documents, roles, clock });
  keys = createApiKeys({ room: roomForAll, documents, roles, clock });
  verifier = createKeyVerifier({ documents, roles, clock, refused: () => undefined });
  await accounts.create(context, { name: 'billing', roles: ['submitter', 'auditor'], description: '' });
});

const verify = async (text: string): Promise<Principal> => verifier.verify(text);
const code = (wanted: string): unknown => expect.objectContaining({ code: wanted });
const settled = (calls: readonly Promise<unknown>[]): Promise<readonly string[]> =>
  Promise.all(calls.map((call) => call.then(String, (error: unknown) => TroupeError.from(error).code)));

function ownerOf(id: string): Document | undefined {
  return table.find({ collection: 'api-keys', scope: id.slice(-2), name: id });
}

describe('while made-up keys take every look at a slow store', () => {
  it('a key that was accepted before gets in, and is refused once it is revoked', async () => {
    const { text, key } = await keys.create(context, usual);
    await verify(text);
    clock.step(30_000);
    const slow = Promise.withResolvers<undefined>();
    read = ({ name }) => (name === key.id || name === 'billing' ? Promise.resolve() : slow.promise);
    const flood = Array.from({ length: 100 }, () => verify(makeKey().text));
    expect((await verify(text)).id).toBe('service:acme/billing');
    await keys.revoke(context, { account: 'billing', keyId: key.id });
    clock.step(60_000);
    await expect(verify(text)).rejects.toEqual(code('KEY_REVOKED'));
    slow.resolve(undefined);
    const answers = await settled(flood);
    expect(answers.filter((answer) => answer === 'OVERLOADED')).toHaveLength(36);
  });
});

describe('who has not the secret', () => {
  it('costs one read and learns nothing, whether there is a key of this id or not', async () => {
    /** Keys of one id, or of another. */
    const made = (id: number, secret: number) =>
      makeKey((bytes) => new Uint8Array(bytes).fill(bytes === 11 ? id : secret));
    const { id, digest } = made(1, 1);
    table.create(
      { collection: 'api-keys', scope: id.slice(-2), name: id },
      JSON.stringify({ version: 1, digest, tenant: 'acme', account: 'billing' }),
    );
    expect(made(1, 2).id).toBe(id);
    for (const { text } of [made(1, 2), made(2, 2)]) {
      reads.length = 0;
      await expect(verify(text)).rejects.toEqual(new TroupeError('TOKEN_INVALID'));
      expect(reads.map(({ collection }) => collection)).toEqual(['api-keys']);
    }
  });
});

describe('a revocation', () => {
  it('counts within 30 s of the look that missed it, however long that took', async () => {
    const { text, key } = await keys.create(context, usual);
    const slow = Promise.withResolvers<undefined>();
    read = ({ name }) => (name === 'billing' ? slow.promise : Promise.resolve());
    const looking = verify(text);
    await expect.poll(() => reads.at(-1)?.name).toBe('billing');
    read = async () => undefined;
    await keys.revoke(context, { account: 'billing', keyId: key.id });
    clock.step(20_000);
    slow.resolve(undefined);
    await looking;
    clock.step(30_000);
    await expect(verify(text)).rejects.toEqual(code('KEY_REVOKED'));
  });

  it('by a gateway whose clock is years ahead counts where the clock is right', async () => {
    const { text, key } = await keys.create(context, usual);
    clock.stepWall(2 * 366 * 86_400_000);
    await keys.revoke(context, { account: 'billing', keyId: key.id });
    clock.stepWall(-2 * 366 * 86_400_000);
    await expect(verify(text)).rejects.toEqual(code('KEY_REVOKED'));
  });

  it('is not undone by an update whose etag is newer than what it has read', async () => {
    const { key } = await keys.create(context, usual);
    const place = { collection: 'service-accounts', scope: 'acme', name: 'billing' } as const;
    const stale = table.find(place);
    await keys.revoke(context, { account: 'billing', keyId: key.id });
    const { etag } = await accounts.get(context, 'billing');
    // A replica that is behind answers.
    const behind = createManageAccounts({
      room: roomForAll,
      documents: { ...documents, findDocument: async () => stale },
      roles,
      clock,
    });
    const change = { name: 'billing', etag, roles: [], description: 'new' };
    await expect(behind.update(context, change)).rejects.toEqual(code('SERVICE_ACCOUNT_CHANGED'));
    expect((await accounts.get(context, 'billing')).account.keys[0]?.revokedAtMs).toBeDefined();
  });

  it('repeats no id of any length', async () => {
    const keyId = 'x'.repeat(1_000_000);
    const wrong = expect.objectContaining({ violations: [expect.objectContaining({ field: 'key_id' })] }) as unknown;
    await expect(keys.revoke(context, { account: 'billing', keyId })).rejects.toEqual(wrong);
    const rotation = { ...usual, keyId, overlapMs: undefined };
    await expect(keys.rotate(context, rotation)).rejects.toEqual(wrong);
  });
});

describe('a gateway that lacks a role of the configuration', () => {
  it('makes no key of an account that has it, since another gateway may know what it allows', async () => {
    const little = callerWith(['tenant.manage', 'jobs.read', 'jobs.submit', 'queues.read'], 'acme');
    const elsewhere = createApiKeys({ room: roomForAll, documents, roles: rolesWith({}), clock });
    const refused = elsewhere.create({ ...context, principal: little }, usual);
    await expect(refused).rejects.toMatchObject({ code: 'PERMISSION_MISSING', message: /has no role auditor/ });
    expect((await accounts.get(context, 'billing')).account.keys).toEqual([]);
  });
});

describe('a key that could not be made', () => {
  it('leaves nothing behind', async () => {
    const ids: string[] = [];
    const watched: DocumentStore = {
      ...documents,
      createDocument(place, body) {
        ids.push(place.name);
        return documents.createDocument(place, body);
      },
    };
    const busy = createApiKeys({ room: roomForAll, documents: watched, roles, clock });
    const tries = await settled(Array.from({ length: 10 }, () => busy.create(context, usual)));
    expect(tries.filter((answer) => answer === 'TOO_MANY_API_KEYS')).toHaveLength(8);
    await expect.poll(() => ids.filter((id) => ownerOf(id) !== undefined).length).toBe(2);
    expect(ids.length).toBeGreaterThan(2);
  });
});
