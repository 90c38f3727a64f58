/** Service accounts and their keys, from the use cases to the gateway that is shown a key. */
import { beforeEach, describe, expect, it } from 'vitest';
import { type ApiKeys, createApiKeys } from '../../../../src/application/access/api-keys.ts';
import { createKeyVerifier } from '../../../../src/application/access/key-verifier.ts';
import { createManageAccounts, type ManageAccounts } from '../../../../src/application/access/manage-accounts.ts';
import { makeKey } from '../../../../src/application/access/key-text.ts';
import type { ReadContext } from '../../../../src/application/ports/call-context.ts';
import type { DocumentStore } from '../../../../src/application/ports/document-store.ts';
import type { TokenVerifier } from '../../../../src/application/ports/token-verifier.ts';
import type { Principal } from '../../../../src/domain/access/principal.ts';
import { grantsOf, rolesWith } from '../../../../src/domain/access/role.ts';
import { TroupeError } from '../../../../src/domain/errors.ts';
import { createVirtualClock, type VirtualClock } from '../../../../src/kernel/testkit/virtual-clock.ts';
import { callerWith, mayEverything } from '../../../support/callers.ts';
import { roomForAll } from '../../../support/open-tenants.ts';
import { createMemoryDocuments, DocumentTable } from '../../../support/memory-documents.ts';

const roles = rolesWith({ auditor: ['logs.read'] });
const hourMs = 3_600_000;

let clock: VirtualClock;
let table: DocumentTable;
let asked: string[];
let refused: string[];
/** What a call reserves for its answer. */
let reserve: ReadContext['reserve'];
/** Runs before each call of the store. Throws what the store throws. */
let before: (name: string) => void;
let documents: DocumentStore;
let accounts: ManageAccounts;
let keys: ApiKeys;
let verifier: TokenVerifier;

beforeEach(() => {
  clock = createVirtualClock();
  table = new DocumentTable();
  asked = [];
  refused = [];
  reserve = () => undefined;
  before = () => undefined;
  documents = watched(createMemoryDocuments(table));
  accounts = createManageAccounts({ room: roomForAll, documents, roles, clock });
  keys = createApiKeys({ room: roomForAll, documents, roles, clock });
  verifier = newVerifier();
});

function advance(ms: number): void {
  const target = clock.monotonicMs() + ms;
  while (clock.step(target));
}

function newVerifier(): TokenVerifier {
  return createKeyVerifier({ documents, roles, clock, refused: (reason) => void refused.push(reason) });
}

function watched(store: DocumentStore): DocumentStore {
  const calls = Object.entries(store) as [keyof DocumentStore, (...args: never[]) => Promise<unknown>][];
  const wrapped = calls.map(([name, call]) => [
    name,
    async (...args: never[]) => {
      asked.push(name);
      before(name);
      return call(...args);
    },
  ]);
  return Object.fromEntries(wrapped) as DocumentStore;
}

function by(principal: Principal, tenant = principal.tenant ?? 'default'): ReadContext {
  return { tenant, principal, requestId: 'r1', reserve };
}

const admin = { ...mayEverything, tenant: 'acme', id: 'jwt:corp:admin' };
const code = (wanted: string): unknown => expect.objectContaining({ code: wanted });

async function billing(...names: readonly string[]): Promise<string> {
  const request = { name: 'billing', roles: names.length > 0 ? names : ['submitter'], description: 'bills' };
  await accounts.create(by(admin), request);
  return (await keys.create(by(admin), { account: 'billing', lifetimeMs: undefined })).text;
}

const verify = async (text: string): Promise<Principal> => verifier.verify(text);

describe('an API key', () => {
  it('makes its holder the service account, in its tenant, with its roles, for 90 days', async () => {
    const text = await billing('submitter', 'auditor');
    const principal = await verify(text);
    expect(principal).toMatchObject({
      kind: 'service',
      id: 'service:acme/billing',
      tenant: 'acme',
      roles: ['auditor', 'submitter'],
      expiresAtMs: clock.wallMs() + 90 * 24 * hourMs,
    });
    expect([...principal.permissions].sort()).toEqual(['jobs.read', 'jobs.submit', 'logs.read', 'queues.read']);
  });

  it('is in the store by its digest only', async () => {
    const text = await billing();
    const all = JSON.stringify([
      ...table.list({ collection: 'service-accounts', scope: 'acme' }, { after: '', most: 10 }),
      await documents.findDocument({ collection: 'api-keys', scope: text.slice(17, 19), name: text.slice(4, 19) }),
    ]);
    expect(all).toContain(text.slice(4, 19));
    expect(all).not.toContain(text.slice(20, 40));
  });

  it('costs the store two reads in 30 s, however often and by however many calls at once it is shown', async () => {
    const text = await billing();
    await verify(text);
    asked.length = 0;
    verifier = newVerifier();
    await Promise.all(Array.from({ length: 100 }, () => verify(text)));
    advance(29_999);
    await verify(text);
    expect(asked).toEqual(['findDocument', 'findDocument']);
    advance(1);
    await verify(text);
    expect(asked).toHaveLength(4);
  });

  it('is refused 30 s after it was revoked at the latest, whatever a gateway remembers', async () => {
    const text = await billing();
    await verify(text);
    const { id } = (await accounts.get(by(admin), 'billing')).account.keys[0] ?? { id: '' };
    await keys.revoke(by(admin), { account: 'billing', keyId: id });
    advance(30_000);
    await expect(verify(text)).rejects.toEqual(code('KEY_REVOKED'));
    expect(refused).toEqual(['the API key was revoked']);
  });

  it('of an account that was deleted is refused, also when an account of that name is created again', async () => {
    const text = await billing();
    await verify(text);
    await accounts.remove(by(admin), 'billing');
    await billing('tenant-admin');
    advance(30_000);
    await expect(verify(text)).rejects.toEqual(code('TOKEN_INVALID'));
  });

  it('loses what its account loses', async () => {
    const text = await billing('submitter', 'auditor');
    await verify(text);
    const { etag } = await accounts.get(by(admin), 'billing');
    await accounts.update(by(admin), { name: 'billing', etag, roles: ['viewer'], description: undefined });
    advance(30_000);
    expect([...(await verify(text)).permissions].sort()).toEqual(['jobs.read', 'queues.read']);
  });

  it('says how it ended to its holder alone', async () => {
    const text = await billing();
    const { id } = (await accounts.get(by(admin), 'billing')).account.keys[0] ?? { id: '' };
    const guess = makeKey((bytes) => new Uint8Array(bytes).fill(7)).text;
    expect(guess.slice(4, 19)).not.toBe(id);
    const next = { account: 'billing', keyId: id, overlapMs: 0, lifetimeMs: hourMs };
    const { text: successor } = await keys.rotate(by(admin), next);
    await expect(verify(text)).rejects.toEqual(code('KEY_ROTATED'));
    advance(hourMs);
    await expect(verify(successor)).rejects.toEqual(code('TOKEN_EXPIRED'));
    await expect(verify(guess)).rejects.toEqual(code('TOKEN_INVALID'));
    expect(refused).toEqual([
      'the overlap of the rotated API key is over',
      'the API key has expired',
      'no service account has this API key',
    ]);
  });

  it('expires at its time, also while a gateway remembers it', async () => {
    await billing();
    const short = await keys.create(by(admin), { account: 'billing', lifetimeMs: hourMs });
    advance(hourMs - 1_000);
    await verify(short.text);
    advance(1_000);
    await expect(verify(short.text)).rejects.toEqual(code('TOKEN_EXPIRED'));
  });

  it('is not refused because the store is away for a while, and then it is a matter of the store', async () => {
    const text = await billing();
    await verify(text);
    before = () => {
      throw new TroupeError('STORE_UNAVAILABLE');
    };
    advance(29_000);
    await verify(text);
    advance(1_000);
    await expect(verify(text)).rejects.toEqual(code('STORE_UNAVAILABLE'));
    before = () => undefined;
    await verify(text);
  });

  it('that is mistyped costs the store nothing, and made-up ones at most 64 reads at a time and one in 5 s each', async () => {
    const text = await billing();
    asked.length = 0;
    await expect(verify(`${text.slice(0, -1)}${text.endsWith('0') ? '1' : '0'}`)).rejects.toEqual(
      code('TOKEN_INVALID'),
    );
    expect(asked).toEqual([]);
    const madeUp = Array.from({ length: 200 }, () => makeKey().text);
    const answers = await Promise.allSettled(madeUp.map(verify));
    const reasons = answers.map((answer) => (answer.status === 'rejected' ? (answer.reason as TroupeError).code : ''));
    expect(reasons.filter((reason) => reason === 'TOKEN_INVALID')).toHaveLength(64);
    expect(reasons.filter((reason) => reason === 'OVERLOADED')).toHaveLength(136);
    expect(asked).toHaveLength(64);
    await expect(verify(madeUp[0] ?? '')).rejects.toEqual(code('TOKEN_INVALID'));
    expect(asked).toHaveLength(64);
  });

  it('was not used before it was made', async () => {
    advance(10 * 60_000);
    await verify(await billing());
    const { usedAtMs } = await accounts.get(by(admin), 'billing');
    expect([...usedAtMs.values()]).toEqual([clock.wallMs()]);
  });

  it('notes its use to the hour, once an hour', async () => {
    const text = await billing();
    const used = async (): Promise<unknown> => [...(await accounts.get(by(admin), 'billing')).usedAtMs.values()];
    expect(await used()).toEqual([]);
    await verify(text);
    const first = Math.floor(clock.wallMs() / hourMs) * hourMs;
    expect(await used()).toEqual([first]);
    for (let minute = 0; minute < 60; minute += 1) {
      advance(60_000);
      await verify(text);
    }
    expect(await used()).toEqual([first + hourMs]);
    expect(asked.filter((name) => name === 'replaceDocument')).toHaveLength(3);
  });
});

describe('who makes accounts and keys', () => {
  const manager = callerWith(['tenant.manage', 'tenant.read', 'jobs.read', 'queues.read'], 'acme');

  it('gives no more than they have: neither by a role, nor by a key of an account that may do more', async () => {
    const request = { name: 'a', roles: ['submitter'], description: '' };
    await expect(accounts.create(by(manager), request)).rejects.toMatchObject({
      code: 'PERMISSION_MISSING',
      metadata: { permission: 'jobs.submit' },
    });
    await billing('tenant-admin');
    const { etag, account } = await accounts.get(by(manager), 'billing');
    const keyId = account.keys[0]?.id ?? '';
    const lifetimeMs = undefined;
    const missing = code('PERMISSION_MISSING');
    await expect(keys.create(by(manager), { account: 'billing', lifetimeMs })).rejects.toEqual(missing);
    const rotation = { account: 'billing', keyId, overlapMs: 0, lifetimeMs };
    await expect(keys.rotate(by(manager), rotation)).rejects.toEqual(missing);
    const more = { name: 'billing', etag, roles: ['submitter'], description: undefined };
    await expect(accounts.update(by(manager), more)).rejects.toEqual(missing);
    // To take away is no gift.
    await accounts.update(by(manager), { ...more, roles: ['viewer'] });
    await keys.revoke(by(manager), { account: 'billing', keyId });
    await accounts.create(by(manager), { ...request, roles: ['viewer'] });
  });

  it('gives in no queue what they have in others only', async () => {
    const some = { ...admin, ...grantsOf(roles, ['submitter@reports-*', 'viewer']) };
    const manager = { ...some, permissions: new Set([...some.permissions, 'tenant.manage', 'tenant.read'] as const) };
    let n = 0;
    const give = async (role: string): Promise<unknown> =>
      accounts.create(by(manager), { name: `a${(n += 1)}`, roles: [role], description: '' }).then(
        () => 'given',
        (error: unknown) => (error instanceof TroupeError ? error.code : error),
      );
    const given: Readonly<Record<string, string>> = {
      'submitter@reports-*': 'given',
      'submitter@reports-2026': 'given',
      'submitter@reports-2026*': 'given',
      viewer: 'given',
      'viewer@other': 'given',
      submitter: 'PERMISSION_MISSING',
      'submitter@*': 'PERMISSION_MISSING',
      'submitter@report*': 'PERMISSION_MISSING',
      'submitter@other': 'PERMISSION_MISSING',
      'payload-viewer@reports-1': 'PERMISSION_MISSING',
      'submitter@a b': 'INVALID_ARGUMENT',
      'nobody@reports-1': 'INVALID_ARGUMENT',
    };
    const seen: Record<string, unknown> = {};
    for (const role of Object.keys(given)) seen[role] = await give(role);
    expect(seen).toEqual(given);
  });

  it('is told which fields are wrong', async () => {
    const wrong = (fields: readonly string[]): unknown =>
      expect.objectContaining({
        code: 'INVALID_ARGUMENT',
        violations: fields.map((field) => expect.objectContaining({ field }) as unknown),
      });
    const create = (name: string, names: readonly string[], description = ''): Promise<unknown> =>
      accounts.create(by(admin), { name, roles: names, description });
    await expect(create('', [])).rejects.toEqual(wrong(['name', 'roles']));
    await expect(create('a b', ['viewer', 'toString'])).rejects.toEqual(wrong(['name', 'roles[1]']));
    await expect(create('a', ['viewer'], 'x'.repeat(257))).rejects.toEqual(wrong(['description']));
    await expect(
      create(
        'a',
        Array.from({ length: 17 }, () => 'viewer'),
      ),
    ).rejects.toEqual(wrong(['roles']));
    await billing();
    for (const lifetimeMs of [0, hourMs - 1, 401 * 24 * hourMs, Number.NaN])
      await expect(keys.create(by(admin), { account: 'billing', lifetimeMs })).rejects.toEqual(wrong(['lifetime']));
    const rotation = { account: 'billing', keyId: '', overlapMs: 8 * 24 * hourMs, lifetimeMs: undefined };
    await expect(keys.rotate(by(admin), rotation)).rejects.toEqual(wrong(['overlap', 'key_id']));
    await expect(accounts.get(by(admin), 'a/b')).rejects.toEqual(wrong(['name']));
    for (const name of ['toString', '__proto__', 'constructor'])
      await expect(accounts.get(by(admin), name)).rejects.toEqual(code('SERVICE_ACCOUNT_NOT_FOUND'));
  });

  it('sees and changes accounts of the own tenant alone', async () => {
    await billing();
    const rival = { ...admin, tenant: 'rival' };
    const missing = code('SERVICE_ACCOUNT_NOT_FOUND');
    await expect(accounts.get(by(rival), 'billing')).rejects.toEqual(missing);
    await expect(accounts.remove(by(rival), 'billing')).rejects.toEqual(missing);
    await expect(keys.create(by(rival), { account: 'billing', lifetimeMs: undefined })).rejects.toEqual(missing);
    await expect(keys.revoke(by(rival), { account: 'billing', keyId: 'x' })).rejects.toEqual(missing);
    expect((await accounts.list(by(rival), { pageSize: 0, pageToken: '' })).accounts).toEqual([]);
    await accounts.create(by(rival), { name: 'billing', roles: ['viewer'], description: '' });
  });

  it('lists accounts in pages, by name', async () => {
    const names = ['a', 'B', '_', 'toString', '-x'];
    for (const name of names) await accounts.create(by(admin), { name, roles: ['viewer'], description: '' });
    const seen: string[] = [];
    let pageToken = '';
    do {
      const page = await accounts.list(by(admin), { pageSize: 2, pageToken });
      seen.push(...page.accounts.map(({ account }) => account.name));
      ({ nextPageToken: pageToken } = page);
    } while (pageToken !== '');
    expect(seen).toEqual(names.toSorted());
    await expect(accounts.list(by(admin), { pageSize: 2, pageToken: 'x' })).rejects.toEqual(code('INVALID_PAGE_TOKEN'));
  });

  it('reserves room for a page of accounts before it is loaded', async () => {
    await billing();
    asked.length = 0;
    reserve = (bytes) => {
      throw new TroupeError('OVERLOADED', { message: String(bytes) });
    };
    const page = { pageSize: 5_000, pageToken: '' };
    await expect(accounts.list(by(admin), page)).rejects.toMatchObject({ code: 'OVERLOADED', message: '2048000' });
    expect(asked).toEqual([]);
  });

  it('changes what they have read, and nothing else', async () => {
    await billing();
    const { etag } = await accounts.get(by(admin), 'billing');
    const change = { name: 'billing', etag, roles: [], description: 'new' };
    const changed = await accounts.update(by(admin), change);
    expect(changed.account).toMatchObject({ description: 'new', roles: ['submitter'] });
    await expect(accounts.update(by(admin), change)).rejects.toEqual(code('SERVICE_ACCOUNT_CHANGED'));
    await expect(accounts.update(by(admin), { ...change, etag: '' })).rejects.toEqual(code('INVALID_ARGUMENT'));
    expect((await accounts.get(by(admin), 'billing')).account.keys).toHaveLength(1);
  });

  it('makes at most 1,000 accounts in a tenant', async () => {
    for (let n = 0; n < 1_000; n += 1)
      await accounts.create(by(admin), { name: `a${n}`, roles: ['viewer'], description: '' });
    await expect(accounts.create(by(admin), { name: 'b', roles: ['viewer'], description: '' })).rejects.toMatchObject({
      code: 'LIMIT_REACHED',
      metadata: { quota: 'serviceAccounts', limit: '1000', used: '1000' },
    });
  });

  it('never makes a third key in use, however many try at the same time', async () => {
    await billing();
    const tries = await Promise.allSettled(
      Array.from({ length: 10 }, () => keys.create(by(admin), { account: 'billing', lifetimeMs: undefined })),
    );
    expect(tries.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect((await accounts.get(by(admin), 'billing')).account.keys).toHaveLength(2);
  });

  it('has no key when the store fails at any step, or one that works', async () => {
    for (const failing of ['findDocument', 'createDocument', 'replaceDocument']) {
      await accounts.create(by(admin), { name: failing, roles: ['viewer'], description: '' });
      before = (name) => {
        if (name === failing) throw new TroupeError('STORE_UNAVAILABLE');
      };
      const made = keys.create(by(admin), { account: failing, lifetimeMs: undefined });
      await expect(made).rejects.toEqual(code('STORE_UNAVAILABLE'));
      before = () => undefined;
      expect((await accounts.get(by(admin), failing)).account.keys).toEqual([]);
      const { text } = await keys.create(by(admin), { account: failing, lifetimeMs: undefined });
      expect((await verify(text)).id).toBe(`service:acme/${failing}`);
    }
  });
});
