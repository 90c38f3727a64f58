/** The audit log over real gRPC: what each method leaves in it, and what happens while it cannot be written. */
import { randomBytes } from 'node:crypto';
import type { Client } from '@grpc/grpc-js';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ChainCheck } from '../../src/application/audit/chain-check.ts';
import { clusterScope, tenantScope } from '../../src/application/audit/audit-log.ts';
import type { StoredAuditRow } from '../../src/application/ports/audit-store.ts';
import { loadMethodAccess } from '../../src/contract/method-access.ts';
import { dayOf } from '../../src/domain/audit/audit-day.ts';
import { type AuditEntry, parseEntry } from '../../src/domain/audit/audit-entry.ts';
import { TroupeError } from '../../src/domain/errors.ts';
import type { JobId } from '../../src/domain/job-id.ts';
import { createAuthenticator } from '../../src/gateway/access/authenticator.ts';
import type { AuditSettings } from '../../src/gateway/audit/auditor.ts';
import { callerWith } from '../support/callers.ts';
import { allMethods, type RawAnswer, rawCall, rawClient } from '../support/raw-calls.ts';
import { type Edge, openEdge } from './gateway-edge.ts';

const access = loadMethodAccess();
const operatorToken = `operators-only-${randomBytes(8).toString('hex')}`;
const own = tenantScope('default');

let edge: Edge;
let raw: Client;
const clients: Client[] = [];

beforeAll(async () => {
  edge = await openEdge();
  edge.authenticator = createAuthenticator({
    operatorToken: () => operatorToken,
    tokens: undefined,
    withoutCredential: 'nothing',
  });
  raw = rawClient(`127.0.0.1:${edge.port}`);
});
beforeEach(() => {
  edge.auditStore = edge.store.audit;
});
afterAll(async () => {
  for (const client of [raw, ...clients]) client.close();
  await edge.close();
});

async function rowsOf(scope: string): Promise<readonly StoredAuditRow[]> {
  const day = { scope, day: dayOf(Date.now()) };
  const found: StoredAuditRow[] = [];
  for (;;) {
    const last = found.at(-1);
    const page = await edge.store.audit.readRows(day, {
      order: 'oldest-first',
      most: 256,
      ...(last !== undefined && { beyond: last }),
    });
    if (page.length === 0) return found;
    found.push(...page);
  }
}

async function entriesOf(scope: string): Promise<readonly AuditEntry[]> {
  return (await rowsOf(scope)).flatMap(({ entry }) => parseEntry(entry) ?? []);
}

/** What the log has of a method since it had `before` rows. */
async function since(before: number, scope: string) {
  return (await entriesOf(scope)).slice(before);
}

const usual: AuditSettings = { required: 'admin', submits: false, reads: 'people', denialsPerSecond: 10 };

/** Another gateway on the same store and audit log. */
async function gatewayWith(settings: Partial<AuditSettings>): Promise<Client> {
  const { port } = await edge.openGateway({ audit: { log: edge.auditLog, settings: { ...usual, ...settings } } });
  const client = rawClient(`127.0.0.1:${port}`);
  clients.push(client);
  return client;
}

function call(method: string, request: unknown, token = operatorToken, client = raw): Promise<RawAnswer> {
  const codec = allMethods.get(method);
  if (codec === undefined) throw new Error(`no method ${method}`);
  return rawCall(client, codec, request, [token]);
}

function expectWhole(rows: readonly StoredAuditRow[], scope: string): void {
  const check = new ChainCheck({ scope, day: dayOf(Date.now()) }, rows[0]?.writer ?? '');
  for (const row of rows) check.accept(row);
  check.finish();
  expect(check.break).toBeUndefined();
  expect(check.rows).toBe(rows.length);
}

const about = {
  jobId: '__proto__',
  queue: 'toString',
  name: 'constructor',
  reason: 'because',
  node: 'n1',
  job: { handler: 'test.echo', queue: 'q' },
  filter: {},
};

describe('every method', () => {
  it(`is recorded as its rule says (${access.size} methods)`, async () => {
    for (const [method, { scope, audit }] of access) {
      const where = scope === 'tenant' ? own : clusterScope();
      const before = (await entriesOf(where)).length;
      const answer = await call(method, about);
      const isRecorded = audit !== 'none' && audit !== 'submit';
      const expected = isRecorded ? ['intent', 'outcome'] : [];
      const kinds = async () => (await since(before, where)).map(({ kind }) => kind);
      if (isRecorded) await expect.poll(kinds, { message: method }).toEqual(expected);
      else expect(await kinds(), method).toEqual(expected);
      if (!isRecorded) continue;
      const [intent, outcome] = await since(before, where);
      expect(intent).toMatchObject({ call: { method, principal: 'operator', address: '127.0.0.1' } });
      expect(outcome, method).toMatchObject({ of: { seq: intent?.seq } });
      if (answer.reason !== undefined) expect(outcome, method).toMatchObject({ code: answer.reason });
    }
    for (const scope of [own, clusterScope()]) expectWhole(await rowsOf(scope), scope);
  });

  it(`is recorded when it is refused (${access.size} methods), and the token is nowhere`, async () => {
    const secret = `wrong-${randomBytes(8).toString('hex')}`;
    const client = await gatewayWith({ denialsPerSecond: 1_000 });
    for (const method of access.keys()) {
      const before = (await entriesOf(clusterScope())).length;
      await call(method, about, secret, client);
      const found = async () => since(before, clusterScope());
      const expected = [{ kind: 'denied', code: 'TOKEN_INVALID', call: { method } }];
      await expect.poll(found, { message: method }).toMatchObject(expected);
    }
    const all = JSON.stringify([await rowsOf(own), await rowsOf(clusterScope())]);
    expect(all).not.toContain(secret);
    expect(all).not.toContain(operatorToken);
  });
});

describe('a call that is refused inside its handler', () => {
  const caller = {
    ...callerWith(['jobs.read', 'queues.read', 'jobs.submit', 'queues.manage', 'payloads.read']),
    id: 'jwt:corp:somebody',
    onlyIn: new Map([
      ['queues.read', ['reports-*']],
      ['jobs.submit', ['reports-*']],
      ['queues.manage', ['reports-*']],
    ] as const),
  };

  it('is in the log of its tenant with its caller, once, whether or not the method is recorded', async () => {
    const operators = edge.authenticator;
    await call('CreateQueue', { name: 'others' });
    edge.authenticator = { ...operators, authenticate: () => caller };
    try {
      for (const [method, request, kind] of [
        ['GetQueue', { name: 'others' }, 'denied'],
        ['SubmitJob', { job: { handler: 'test.echo', queue: 'others' } }, 'denied'],
        ['DeleteQueue', { name: 'others' }, 'intent'],
      ] as const) {
        const [before, beforeInCluster] = [(await entriesOf(own)).length, (await entriesOf(clusterScope())).length];
        expect(await call(method, request), method).toMatchObject({ reason: 'PERMISSION_MISSING' });
        const found = async () =>
          (await since(before, own)).filter((entry) => entry.kind === 'denied' || entry.kind === 'intent');
        await expect.poll(found, { message: method }).toMatchObject([{ kind, call: { method, principal: caller.id } }]);
        expect(await since(beforeInCluster, clusterScope())).toEqual([]);
      }
    } finally {
      edge.authenticator = operators;
    }
  });
});

describe('a flood of bad tokens', () => {
  it('writes some rows a second, and counts the rest', async () => {
    const before = (await entriesOf(clusterScope())).length;
    const startedAtMs = performance.now();
    const sent = 400;
    await Promise.all(Array.from({ length: sent }, () => call('GetQueue', { name: 'q' }, 'bad')));
    const told = async () => {
      const found = await since(before, clusterScope());
      return found.reduce((sum, entry) => sum + (entry.kind === 'more-denied' ? entry.count : 1), 0);
    };
    await expect.poll(told).toBe(sent);
    const seconds = Math.ceil((performance.now() - startedAtMs) / 1_000) + 1;
    expect((await since(before, clusterScope())).length).toBeLessThanOrEqual(11 * seconds);
  });
});

/** Fails as a store does that is away. */
const away = (): Promise<never> => Promise.reject(new TroupeError('STORE_UNAVAILABLE'));

describe('while the audit log cannot be written', () => {
  const outcomesOf = async (method: string, before: number, scope = own) => {
    const found = await since(before, scope);
    const intents = found.filter((entry) => entry.kind === 'intent' && entry.call.method === method);
    return intents.map(({ seq }) => found.find((entry) => entry.kind === 'outcome' && entry.of.seq === seq));
  };

  it('a call of an administrator is refused, and does nothing; later the log says so', async () => {
    const before = (await entriesOf(own)).length;
    edge.auditStore = { ...edge.store.audit, appendRows: away };
    const answer = await call('CreateQueue', { name: 'never' });
    expect(answer).toMatchObject({ code: 'UNAVAILABLE', reason: 'AUDIT_UNAVAILABLE' });
    expect(await edge.store.queues.findQueue('default', 'never')).toBeUndefined();
    edge.auditStore = edge.store.audit;
    await expect.poll(() => outcomesOf('CreateQueue', before)).toMatchObject([{ code: 'AUDIT_UNAVAILABLE' }]);
    await expect.poll(() => call('CreateQueue', { name: 'then' })).toMatchObject({ code: 'OK' });
    expectWhole(await rowsOf(own), own);
  });

  it('jobs can be cancelled, unless the configuration says otherwise; a gap is counted', async () => {
    const { jobId } = await edge.client({ token: operatorToken }).submit('test.echo', {}, { queue: 'then' });
    const before = (await entriesOf(own)).length;
    const strict = await gatewayWith({ required: 'all' });
    edge.auditStore = { ...edge.store.audit, appendRows: away };
    const refused = await call('CancelJob', { jobId }, operatorToken, strict);
    expect(refused).toMatchObject({ reason: 'AUDIT_UNAVAILABLE' });
    expect(edge.records.get(jobId as JobId)?.state).toBe('QUEUED');
    expect(await call('CancelJob', { jobId })).toMatchObject({ code: 'OK' });
    expect(edge.records.get(jobId as JobId)?.state).toBe('CANCELLED');
    expect(await edge.telemetry.metricsText()).toMatch(/troupe_audit_gaps_total\{what="intent"\} [1-9]/);
    edge.auditStore = edge.store.audit;
    const expected = [{ code: 'AUDIT_UNAVAILABLE' }, { code: 'OK' }];
    await expect.poll(() => outcomesOf('CancelJob', before)).toMatchObject(expected);
    expectWhole(await rowsOf(own), own);
  });

  it('because the store does not answer, nobody waits for it longer than five seconds', async () => {
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    const { audit } = edge.store;
    edge.auditStore = { ...audit, appendRows: (...rows) => held.then(() => audit.appendRows(...rows)) };
    const before = (await entriesOf(own)).length;
    expect(await call('CreateQueue', { name: 'never' })).toMatchObject({ reason: 'AUDIT_UNAVAILABLE' });
    release();
    await expect.poll(() => outcomesOf('CreateQueue', before)).toMatchObject([{ code: 'AUDIT_UNAVAILABLE' }]);
  });

  it('after the act, the answer still goes out, and the outcome is unknown until it can be stored', async () => {
    const before = (await entriesOf(own)).length;
    const { store } = edge;
    edge.auditStore = {
      ...store.audit,
      appendRows: (day, rows, expiresAtMs) =>
        rows.some(({ settles }) => settles !== undefined) ? away() : store.audit.appendRows(day, rows, expiresAtMs),
    };
    expect(await call('CreateQueue', { name: 'made' })).toMatchObject({ code: 'OK' });
    expect(await outcomesOf('CreateQueue', before)).toEqual([undefined]);
    edge.auditStore = store.audit;
    await expect.poll(() => outcomesOf('CreateQueue', before)).toMatchObject([{ code: 'OK' }]);
    expectWhole(await rowsOf(own), own);
  });
});

describe('what a call has changed', () => {
  const lastOutcome = async () => (await entriesOf(own)).findLast(({ kind }) => kind === 'outcome');

  it('is recorded with its old and new values', async () => {
    await call('CreateQueue', { name: 'limits', settings: { maxDepth: 5 } });
    const { queue } = (await call('GetQueue', { name: 'limits' })).message as { queue: { version: string } };
    const change = {
      name: 'limits',
      version: queue.version,
      settings: { maxDepth: 7 },
      updateMask: { paths: ['max_depth'] },
    };
    expect(await call('UpdateQueue', change)).toMatchObject({ code: 'OK' });
    expect(await lastOutcome()).toMatchObject({ changes: [{ field: 'maxDepth', old: '5', new: '7' }] });
  });

  it('is recorded of service accounts and keys, and the text of a key is nowhere', async () => {
    await call('CreateServiceAccount', { name: 'robot', roles: ['viewer'] });
    expect(await lastOutcome()).toMatchObject({
      changes: [
        { field: 'description', new: '' },
        { field: 'roles', new: '["viewer"]' },
      ],
    });
    const made = await call('CreateApiKey', { account: 'robot' });
    const { key } = made.message as { readonly key: string };
    expect(key).toMatch(/^trp_/);
    const [, id = '', secret = ''] = key.split('_');
    expect(await lastOutcome()).toMatchObject({ changes: [{ field: 'key', new: id }] });
    const all = JSON.stringify([await rowsOf(own), await rowsOf(clusterScope())]);
    expect(all).not.toContain(secret);
  });

  it('is recorded of tenants', async () => {
    const changesOf = async () => {
      const last = (await entriesOf(clusterScope())).findLast(({ kind }) => kind === 'outcome');
      return last?.kind === 'outcome' ? last.changes : undefined;
    };
    await call('CreateTenant', { name: 'shop', description: 'of the shop', quotas: { queues: 3 } });
    expect(await changesOf()).toEqual([
      { field: 'description', new: 'of the shop' },
      { field: 'queues', new: '3' },
      { field: 'state', new: 'ACTIVE' },
    ]);
    const { tenant } = (await call('GetTenant', { name: 'shop' })).message as { tenant: { etag: string } };
    expect(await call('UpdateTenant', { name: 'shop', etag: tenant.etag, quotas: { queues: 5 } })).toMatchObject({
      code: 'OK',
    });
    expect(await changesOf()).toEqual([{ field: 'queues', old: '3', new: '5' }]);
    await call('PauseTenant', { name: 'shop', reason: 'unpaid' });
    expect(await changesOf()).toEqual([
      { field: 'pauseReason', new: 'unpaid' },
      { field: 'state', old: 'ACTIVE', new: 'PAUSED' },
    ]);
    await call('ResumeTenant', { name: 'shop' });
    expect(await changesOf()).toEqual([
      { field: 'pauseReason', old: 'unpaid' },
      { field: 'state', old: 'PAUSED', new: 'ACTIVE' },
    ]);
  });

  it('is recorded of submits as the jobs that were accepted', async () => {
    const client = await gatewayWith({ submits: true });
    const job = { handler: 'test.echo', queue: 'limits' };
    const one = await call('SubmitJob', { job }, operatorToken, client);
    const { jobId } = one.message as { readonly jobId: string };
    await expect.poll(lastOutcome).toMatchObject({ code: 'OK', jobs: { count: 1, ids: [jobId] } });
    const requests = [{ job }, { job: { ...job, handler: '' } }, { job }];
    const many = await call('SubmitJobs', { requests }, operatorToken, client);
    const { outcomes } = many.message as {
      readonly outcomes: { readonly accepted: { readonly jobId: string } | null }[];
    };
    const ids = outcomes.flatMap(({ accepted }) => accepted?.jobId ?? []);
    await expect.poll(lastOutcome).toMatchObject({ code: 'OK', jobs: { count: 2, ids } });
  });

  it('is recorded of many jobs as their number and their ids', async () => {
    const client = edge.client({ token: operatorToken });
    const canary = randomBytes(8).toString('hex');
    const ids = [];
    for (let n = 0; n < 3; n += 1) ids.push((await client.submit('test.echo', { canary }, { queue: 'made' })).jobId);
    const steps = client.cancelMany({ queue: 'made', reason: 'because of tests' });
    for await (const { failures } of steps) expect(failures).toEqual([]);
    await expect.poll(lastOutcome).toMatchObject({ code: 'OK', jobs: { count: 3 } });
    const outcome = await lastOutcome();
    expect(outcome?.kind === 'outcome' && [...(outcome.jobs?.ids ?? [])].sort()).toEqual(ids.sort());
    const intent = (await entriesOf(own)).findLast(({ kind }) => kind === 'intent');
    expect(intent).toMatchObject({
      call: { method: 'CancelJobs', reason: 'because of tests', about: { queue: 'made' } },
    });
    expect(JSON.stringify(await rowsOf(own))).not.toContain(canary);
  });
});
