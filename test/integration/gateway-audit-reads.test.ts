/** Reading the audit log over real gRPC: pages, conditions, exports, the check of a day, and who sees whose entries. */
import { randomBytes, createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AuditEntryInfo, AuditRowInfo, TroupeClient } from '../../src/client/index.ts';
import { tenantScope } from '../../src/application/audit/audit-log.ts';
import type { StoredAuditRow } from '../../src/application/ports/audit-store.ts';
import { dayOf, startOfDayMs } from '../../src/domain/audit/audit-day.ts';
import type { Permission } from '../../src/domain/access/permission.ts';
import type { Principal } from '../../src/domain/access/principal.ts';
import { grantsOf, rolesWith } from '../../src/domain/access/role.ts';
import { TroupeError } from '../../src/domain/errors.ts';
import { createAuthenticator } from '../../src/gateway/access/authenticator.ts';
import { type Edge, openEdge } from './gateway-edge.ts';

let edge: Edge;
const canary = `canary${randomBytes(6).toString('hex')}`;
const today = dayOf(Date.now());

/** `TENANT.ROLE`, as a token. */
function principalOf(token: string): Principal {
  const [tenant = '', role = ''] = token.split('.');
  const grants = grantsOf(rolesWith({}), [role]);
  return {
    kind: 'subject',
    id: `jwt:corp:${tenant}-${role}`,
    tenant,
    roles: [role],
    ...grants,
    expiresAtMs: undefined,
  };
}

function as(tenant: string, role: string): TroupeClient {
  return edge.client({ token: `${tenant}.${role}` });
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

beforeAll(async () => {
  edge = await openEdge();
  edge.authenticator = createAuthenticator({
    operatorToken: undefined,
    tokens: {
      async verify(token: string) {
        if (!token.includes('.')) throw new TroupeError('TOKEN_INVALID');
        return principalOf(token);
      },
    },
    withoutCredential: 'nothing',
  });
  const acme = as('acme', 'tenant-admin');
  await acme.queues.create('reports');
  for (let n = 0; n < 5; n += 1) {
    const { jobId } = await acme.submit('test.echo', { canary }, { queue: 'reports' });
    await acme.cancel(jobId, `ticket ${n}`);
  }
  await acme.queues.delete('reports').catch(() => undefined);
  await expect(as('acme', 'viewer').queues.create('other')).rejects.toMatchObject({ code: 'PERMISSION_MISSING' });
  await expect(edge.client({ token: 'bad' }).queues.create('x')).rejects.toMatchObject({ code: 'TOKEN_INVALID' });
});
afterAll(() => edge.close());

const auditor = () => as('acme', 'auditor').audit;
const shown = ({ method, principal, outcome, errorCode }: AuditEntryInfo) => [method, principal, outcome, errorCode];

describe('the list of entries', () => {
  it('is newest first, with who, what, why and how it ended', async () => {
    const found = await all(auditor().list());
    const admin = 'jwt:corp:acme-tenant-admin';
    expect(found.map(shown)).toEqual([
      ['CreateQueue', 'jwt:corp:acme-viewer', 'failed', 'PERMISSION_MISSING'],
      ['DeleteQueue', admin, 'succeeded', ''],
      ...Array.from({ length: 5 }, () => ['CancelJob', admin, 'succeeded', '']),
      ['CreateQueue', admin, 'succeeded', ''],
    ]);
    expect(found.map(({ at }) => at.getTime())).toEqual(found.map(({ at }) => at.getTime()).sort((a, b) => b - a));
    expect(found[2]).toMatchObject({
      reason: 'ticket 4',
      decision: 'allowed',
      address: '127.0.0.1',
      principalKind: 'subject',
    });
    expect(found[0]).toMatchObject({ decision: 'denied', resources: { name: 'other' } });
  });

  it('has what every condition asks for, in pages of any size', async () => {
    const count = async (query: Parameters<TroupeClient['audit']['list']>[0]) =>
      (await all(auditor().list(query))).length;
    const job = (await all(auditor().list({ method: 'CancelJob' })))[0]?.resources['job'];
    expect(await count({ method: 'CancelJob' })).toBe(5);
    expect(await count({ resource: job ?? '' })).toBe(1);
    expect(await count({ principal: 'jwt:corp:acme-viewer' })).toBe(1);
    expect(await count({ decision: 'denied' })).toBe(1);
    expect(await count({ decision: 'allowed' })).toBe(7);
    for (const nothing of [
      { method: 'toString' },
      { resource: '__proto__' },
      { to: new Date(0) },
      { from: new Date('9999-01-01') },
    ]) {
      expect(await count(nothing), JSON.stringify(nothing)).toBe(0);
    }
    const at = (await all(auditor().list({ method: 'DeleteQueue' })))[0]?.at ?? new Date();
    expect(await count({ from: at })).toBe(2);
    expect(await count({ to: at })).toBe(6);
  });

  it('goes on where a page ended, beyond rows that no condition fits, and back over days without entries', async () => {
    const store = edge.store.audit;
    const day = { scope: tenantScope('pages'), day: dayOf(Date.now() - 100 * 86_400_000) };
    const atMs = startOfDayMs(day.day);
    const entry = (seq: number) =>
      JSON.stringify({
        at: atMs + seq,
        seq,
        kind: 'denied',
        code: 'PERMISSION_MISSING',
        call: { method: seq === 1 ? 'Rare' : 'Often', address: 'a', requestId: 'r' },
      });
    for (let first = 1; first <= 4_500; first += 250) {
      const rows = Array.from({ length: 250 }, (_, n) => first + n).map((seq) => ({
        atMs: atMs + seq,
        writer: 'w',
        sequence: seq,
        entry: entry(seq),
        hash: '',
      }));
      await store.appendRows(day, rows, Date.now() + 86_400_000);
    }
    const from = new Date(Date.now() - 200 * 86_400_000);
    const reader = as('pages', 'auditor').audit;
    expect(await all(reader.list({ from }))).toHaveLength(4_500);
    expect((await all(reader.list({ from, method: 'Rare' }))).map(({ id }) => id)).toEqual([`${day.day}/w/1`]);
    expect(await all(reader.list())).toEqual([]);
  });

  it('refuses what is no page, day or range, and names the field', async () => {
    const refused = (query: object) => expect(all(auditor().list(query))).rejects;
    await refused({ method: 'x'.repeat(257) }).toMatchObject({
      code: 'INVALID_ARGUMENT',
      violations: [{ field: 'filter.method' }],
    });
    await refused({ from: new Date(2), to: new Date(1) }).toMatchObject({
      violations: [{ field: 'filter.start_time' }],
    });
    await expect(auditor().verify('2026-02-30')).rejects.toMatchObject({ violations: [{ field: 'day' }] });
    const heads = [{ writer: '', rows: 0, hash: '' }];
    await expect(auditor().verify(today, { heads })).rejects.toMatchObject({
      violations: [{ field: 'heads[0].writer' }, { field: 'heads[0].rows' }],
    });
  });
});

describe('reads', () => {
  it('that a page repeats have one entry, and none is left out for one that was refused', async () => {
    const acme = as('acme', 'tenant-admin');
    await acme.queues.create('reads');
    const { jobId } = await acme.submit('test.echo', { canary }, { queue: 'reads' });
    const readsOf = async (tenant: string) => {
      const entries = await all(as(tenant, 'auditor').audit.list());
      return entries.filter(({ method, resources }) => method === 'GetJob' && resources['job'] === jobId).map(shown);
    };
    const stranger = as('other', 'tenant-admin');
    for (let n = 0; n < 3; n += 1) await expect(stranger.get(jobId)).rejects.toMatchObject({ code: 'JOB_NOT_FOUND' });
    await acme.get(jobId);
    await expect.poll(() => readsOf('acme')).toEqual([['GetJob', 'jwt:corp:acme-tenant-admin', 'succeeded', '']]);
    for (let n = 0; n < 5; n += 1) await acme.get(jobId);
    await acme.get(jobId, { explain: true });
    await expect.poll(async () => (await readsOf('acme')).length).toBe(2);
    await expect.poll(async () => (await readsOf('other')).length).toBe(3);
  });
});

describe('who sees what', () => {
  it('a tenant has its own entries, and the cluster those without a good credential', async () => {
    expect(await all(as('rival', 'tenant-admin').audit.list())).toEqual([]);
    const cluster = await all(as('ops', 'cluster-operator').audit.list({ of: 'cluster' }));
    expect(cluster.map(shown)).toContainEqual(['CreateQueue', '', 'failed', 'TOKEN_INVALID']);
    expect(JSON.stringify(cluster)).not.toContain('reports');
    const everything = JSON.stringify([await all(auditor().list()), await all(auditor().exportRows()), cluster]);
    expect(everything).not.toContain(canary);
  });

  it('needs a permission of its own', async () => {
    const needs: readonly [TroupeClient, 'tenant' | 'cluster', Permission][] = [
      [as('acme', 'viewer'), 'tenant', 'audit.read'],
      [as('acme', 'tenant-admin'), 'cluster', 'cluster.audit'],
      [as('acme', 'cluster-viewer'), 'cluster', 'cluster.audit'],
    ];
    for (const [client, of, permission] of needs) {
      const missing = { code: 'PERMISSION_MISSING', metadata: { permission } };
      await expect(all(client.audit.list({ of }))).rejects.toMatchObject(missing);
      await expect(all(client.audit.exportRows({ of }))).rejects.toMatchObject(missing);
      await expect(client.audit.verify(today, { of })).rejects.toMatchObject(missing);
    }
  });
});

describe('an export', () => {
  it('has the rows as they are stored: anyone can compute the hashes', async () => {
    const rows = await all(auditor().exportRows());
    expect(rows.length).toBeGreaterThan(14);
    const digest = (text: string): string => createHash('sha256').update(text).digest('hex');
    let hash = digest(JSON.stringify(['troupe-audit', 'tenant/acme', today, rows[0]?.writer]));
    for (const [n, row] of rows.entries()) {
      hash = digest(`${hash}\n${row.entry}`);
      expect(row).toMatchObject({ day: today, sequence: n + 1, hash });
    }
  });

  it('is recorded itself', async () => {
    await all(auditor().exportRows());
    await expect
      .poll(async () => (await all(auditor().list({ method: 'ExportAuditEntries' }))).map(shown))
      .toContainEqual(['ExportAuditEntries', 'jwt:corp:acme-auditor', 'succeeded', '']);
  });
});

describe('the check of a day', () => {
  const day = { scope: tenantScope('checked'), day: today };
  const verify = () => as('checked', 'auditor').audit;

  async function rows(): Promise<readonly StoredAuditRow[]> {
    return edge.store.audit.readRows(day, { order: 'oldest-first', most: 256 });
  }

  it('finds every chain whole, and says that its process still runs', async () => {
    await as('checked', 'tenant-admin').queues.create('one');
    await as('checked', 'tenant-admin').queues.create('two');
    const last = (await rows()).at(-1);
    const chain = { writer: last?.writer, rows: 4, hash: last?.hash, ended: false };
    expect(await verify().verify(today)).toEqual([chain]);
    const told = { writer: last?.writer ?? '', rows: 4, hash: last?.hash ?? '' };
    expect(await verify().verify(today, { heads: [told] })).toEqual([chain]);
  });

  it('finds by a told head that the end was cut off, or a whole chain', async () => {
    const [row] = await rows();
    const writer = row?.writer ?? '';
    const cut = await verify().verify(today, { heads: [{ writer, rows: 9, hash: 'x' }] });
    expect(cut).toMatchObject([{ writer, rows: 4, fault: { sequence: 5, what: 'tail' } }]);
    const gone = await verify().verify(today, { heads: [{ writer: 'gone', rows: 2, hash: 'x' }] });
    expect(gone).toMatchObject([{}, { writer: 'gone', rows: 0, fault: { sequence: 1, what: 'tail' } }]);
    const other = await verify().verify(today, { heads: [{ writer, rows: 3, hash: 'x' }] });
    expect(other).toMatchObject([{ fault: { sequence: 3, what: 'changed' } }]);
  });

  it('finds a row that was changed, removed or swapped in the database, in place of any check before', async () => {
    const before: readonly AuditRowInfo[] = await all(verify().exportRows());
    const fault = async () => (await verify().verify(today)).map((chain) => chain.fault);
    const { changeAudit } = edge;
    const [first, second] = before;
    if (first === undefined || second === undefined) throw new Error('two rows');
    changeAudit(
      'UPDATE audit_rows SET entry = replace(entry, ?, ?) WHERE scope = ? AND sequence = 1',
      'one',
      'two',
      day.scope,
    );
    expect(await fault()).toEqual([{ sequence: 1, what: 'changed' }]);
    changeAudit('UPDATE audit_rows SET entry = ? WHERE scope = ? AND sequence = 1', first.entry, day.scope);
    expect(await fault()).toEqual([undefined]);
    changeAudit(
      'UPDATE audit_rows SET entry = ?, hash = ? WHERE scope = ? AND sequence = 1',
      second.entry,
      second.hash,
      day.scope,
    );
    expect(await fault()).toEqual([{ sequence: 1, what: 'moved' }]);
    changeAudit(
      'UPDATE audit_rows SET entry = ?, hash = ? WHERE scope = ? AND sequence = 1',
      first.entry,
      first.hash,
      day.scope,
    );
    changeAudit('UPDATE audit_rows SET settled_by = NULL WHERE scope = ? AND sequence = 1', day.scope);
    expect(await fault()).toEqual([{ sequence: 2, what: 'outcome' }]);
    changeAudit('DELETE FROM audit_rows WHERE scope = ? AND sequence = 2', day.scope);
    expect(await fault()).toEqual([{ sequence: 3, what: 'missing' }]);
  });
});
