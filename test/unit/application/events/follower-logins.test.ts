/** Who is let in to NATS, until when, and who is put out again. */
import { beforeEach, describe, expect, it } from 'vitest';
import {
  accountBody,
  accountPlace,
  keyPlace,
  ownerBody,
} from '../../../../src/application/access/account-documents.ts';
import { createFollowerLogins, type FollowerLoginsParts } from '../../../../src/application/events/follower-logins.ts';
import { subscriptionBody, subscriptionPlace } from '../../../../src/application/events/subscription-documents.ts';
import type { DocumentStore } from '../../../../src/application/ports/document-store.ts';
import { tenantBody, tenantPlace } from '../../../../src/application/tenants/tenant-documents.ts';
import type { Principal } from '../../../../src/domain/access/principal.ts';
import { rolesWith } from '../../../../src/domain/access/role.ts';
import { TroupeError } from '../../../../src/domain/errors.ts';
import { createMemoryDocuments, DocumentTable } from '../../../support/memory-documents.ts';
import { silentLog } from '../../../support/stores.ts';
import { createManualClock, type ManualClock } from '../manual-clock.ts';

const hourMs = 3_600_000;
const keyId = '0123456789abcde';
const user = `acme.billing.${keyId}`;

let clock: ManualClock;
let table: DocumentTable;
let documents: Pick<DocumentStore, 'findDocument'>;
let ended: string[];
let principal: Principal;
let streams: Readonly<Record<string, string>>;

beforeEach(() => {
  clock = createManualClock();
  [table, ended, streams] = [new DocumentTable(), [], { TROUPE_EVENTS: 'first' }];
  documents = createMemoryDocuments(table);
  principal = {
    kind: 'service',
    id: 'service:acme/follower',
    tenant: 'acme',
    roles: ['follower'],
    permissions: new Set(['events.follow']),
    onlyIn: new Map(),
    expiresAtMs: clock.wallMs() + 90 * 24 * hourMs,
    credential: keyId,
  };
});

function subscribe(): void {
  const bounds = { ackWaitMs: 30_000, maxAckPending: 1, idleMaxMs: hourMs, createdAtMs: 0, creator: 'operator' };
  const made = { tenant: 'acme', name: 'billing', description: '', mark: 'ab'.repeat(16), queues: [], events: [] };
  table.create(subscriptionPlace(made), subscriptionBody({ ...made, ...bounds, streams }));
}

function haveAccount({ roles = ['follower'], revokedAtMs }: { roles?: string[]; revokedAtMs?: number } = {}): void {
  const key = { id: keyId, digest: 'x', createdAtMs: 0, creator: 'o', expiresAtMs: clock.wallMs() + hourMs };
  const keys = [{ ...key, ...(revokedAtMs !== undefined && { revokedAtMs }) }];
  const account = { tenant: 'acme', name: 'follower', roles, description: '', createdAtMs: 0, creator: 'o', keys };
  table.create(accountPlace(account), accountBody(account));
  table.create(keyPlace(keyId), ownerBody({ digest: 'x', tenant: 'acme', account: 'follower' }));
}

function logins(users: readonly string[] = [], more: Partial<FollowerLoginsParts> = {}) {
  return createFollowerLogins({
    door: {
      open: () => () => undefined,
      connections: async () =>
        users.map((name, index) => ({ id: `${index + 1_000}`, user: name, end: () => endOf(name) })),
      close: async () => undefined,
    },
    documents,
    roles: rolesWith({}),
    subjectRoot: 'troupe',
    authenticate: () => principal,
    admitTenant: () => undefined,
    refused: () => undefined,
    clock,
    log: silentLog,
    ...more,
  });
}

async function endOf(name: string): Promise<void> {
  if (name.startsWith('stuck.')) throw new TroupeError('BROKER_UNAVAILABLE');
  ended.push(name);
}

const admit = (asked = user, more: Partial<FollowerLoginsParts> = {}) =>
  logins([], more).admit({ user: asked, password: 'trp_x', host: '127.0.0.1' });

describe('a login', () => {
  it('may read the subscription for an hour, and no longer than the credential', async () => {
    subscribe();
    const { publish, subscribe: hear, expiresAtMs } = await admit();
    expect(publish).toContain(`troupe.api.CONSUMER.MSG.NEXT.TROUPE_EVENTS.acme=billing=${'ab'.repeat(16)}`);
    expect(hear).toEqual([`_INBOX_${'ab'.repeat(16)}.>`]);
    expect(expiresAtMs).toBe(clock.wallMs() + hourMs);
    principal = { ...principal, expiresAtMs: clock.wallMs() + 1_000 };
    expect((await admit()).expiresAtMs).toBe(clock.wallMs() + 1_000);
    principal = { ...principal, expiresAtMs: clock.wallMs() };
    await expect(admit()).rejects.toMatchObject({ code: 'TOKEN_INVALID' });
  });

  it('with a token of an issuer has no id of a key', async () => {
    subscribe();
    principal = { ...principal, kind: 'subject', credential: 'jti' };
    await expect(admit()).rejects.toMatchObject({ code: 'TOKEN_INVALID' });
    expect((await admit('acme.billing')).publish).toHaveLength(4);
  });

  it.each<[string, Partial<Principal>]>([
    ['another tenant', { tenant: 'rival' }],
    ['no tenant', { tenant: undefined }],
    ['another key', { credential: 'abcdeabcdeabcde' }],
    ['no permission', { permissions: new Set(['events.manage', 'jobs.read']) }],
    ['the operator token', { kind: 'operator' }],
    ['no credential', { kind: 'anyone' }],
    ['a certificate, which NATS does not show', { kind: 'certificate' }],
  ])('is refused with %s', async (_what, other) => {
    subscribe();
    principal = { ...principal, ...other };
    await expect(admit()).rejects.toMatchObject({ code: 'TOKEN_INVALID' });
  });

  it('is refused for a tenant that is not served, and for a subscription that is not there or has no consumer', async () => {
    await expect(admit()).rejects.toMatchObject({ code: 'TOKEN_INVALID' });
    streams = {};
    subscribe();
    await expect(admit()).rejects.toMatchObject({ code: 'TOKEN_INVALID' });
    const admitTenant = () => Promise.reject(new TroupeError('TENANT_DELETING'));
    await expect(admit(user, { admitTenant })).rejects.toMatchObject({ code: 'TENANT_DELETING' });
  });
});

describe('the connections of a tenant', () => {
  it('are limited between looks, and by what a look finds, whatever another tenant has', async () => {
    subscribe();
    haveAccount();
    const attempt = { user, password: 'trp_x', host: '127.0.0.1' };
    const one = logins(
      Array.from({ length: 199 }, () => user).concat(Array.from({ length: 999 }, () => 'rival.all.k')),
    );
    for (let n = 0; n < 200; n += 1) await one.admit(attempt);
    await expect(one.admit(attempt)).rejects.toMatchObject({ code: 'TOKEN_INVALID' });
    await one.look();
    await one.admit(attempt);
    await expect(one.admit(attempt)).rejects.toMatchObject({ code: 'TOKEN_INVALID' });
  });

  it('end beyond the limit, the latest of them', async () => {
    subscribe();
    haveAccount();
    await logins([...Array.from({ length: 200 }, () => user), 'acme.billing', 'acme.billing', 'static']).look();
    expect(ended).toEqual(['acme.billing', 'acme.billing']);
  });
});

describe('a connection', () => {
  it('goes on while its key is accepted, has the role, and its subscription is there', async () => {
    subscribe();
    haveAccount();
    await logins([user, 'acme.billing', 'static', '']).look();
    expect(ended).toEqual([]);
  });

  it.each<[string, () => void]>([
    ['was revoked', () => haveAccount({ revokedAtMs: 1 })],
    [
      'has expired',
      () => {
        haveAccount();
        clock.advance(hourMs);
      },
    ],
    ['is gone', () => undefined],
    ['has lost its role', () => haveAccount({ roles: ['viewer'] })],
    [
      'has a tenant that is being deleted',
      () => {
        haveAccount();
        deleteTenant();
      },
    ],
  ])('ends when its key %s', async (_what, happen) => {
    subscribe();
    happen();
    await logins([user, user, 'static']).look();
    expect(ended).toEqual([user, user]);
  });

  it('ends when its subscription has ended', async () => {
    haveAccount();
    await logins([user, 'acme.billing']).look();
    expect(ended.toSorted()).toEqual(['acme.billing', user]);
  });

  it('ends although the server of another one does not answer, and the look says so', async () => {
    const failing = logins([...Array.from({ length: 20 }, (_, n) => `stuck.s${n}`), user]).look();
    await expect(failing).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE' });
    expect(ended).toEqual([user]);
  });

  it('goes on while the store cannot say', async () => {
    const failing = { findDocument: () => Promise.reject(new TroupeError('STORE_UNAVAILABLE')) };
    await expect(logins([user], { documents: failing }).look()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(ended).toEqual([]);
  });
});

function deleteTenant(): void {
  const tenant = {
    name: 'acme',
    state: 'DELETING',
    description: '',
    quotas: {},
    createdAtMs: 0,
    creator: 'o',
  } as const;
  table.create(tenantPlace('acme'), tenantBody(tenant));
}
