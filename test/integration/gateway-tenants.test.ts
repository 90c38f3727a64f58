/** Tenants on a real gateway and store: made, limited, paused and deleted, as their administrators and their callers see it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createKeyVerifier } from '../../src/application/access/key-verifier.ts';
import { accountBody, accountPlace, keyPlace, ownerBody } from '../../src/application/access/account-documents.ts';
import { makeKey } from '../../src/application/access/key-text.ts';
import type { TroupeClient, TenantDeletion } from '../../src/client/index.ts';
import { rolesWith } from '../../src/domain/access/role.ts';
import { defaultQueueSettings } from '../../src/domain/queue.ts';
import { createAuthenticator } from '../../src/gateway/access/authenticator.ts';
import { hastyClock } from '../support/hasty-clock.ts';
import { type Edge, openEdge, until } from './gateway-edge.ts';

const operatorToken = 'operators-only-1234';
const year = 365 * 24 * 3_600_000;

let edge: Edge;
let admin: TroupeClient;

async function openWith(options: { readonly mustBeMade?: boolean }): Promise<Edge> {
  const opened = await openEdge({ clock: hastyClock, ...options });
  const { documents } = opened.store;
  const keys = createKeyVerifier({ documents, roles: rolesWith({}), clock: hastyClock, refused: () => undefined });
  opened.authenticator = createAuthenticator({
    operatorToken: () => operatorToken,
    tokens: undefined,
    keys,
    withoutCredential: 'nothing',
  });
  return opened;
}

beforeAll(async () => {
  edge = await openWith({});
  admin = edge.client({ token: operatorToken });
});
afterAll(() => edge.close());

/** A client with an API key of the tenant, which needs no gateway to be made. Retries nothing. */
async function callerOf(tenant: string, on = edge, account = 'tests'): Promise<TroupeClient> {
  const { id, digest, text } = makeKey();
  const nowMs = Date.now();
  const key = { id, digest, createdAtMs: nowMs, creator: 'test', expiresAtMs: nowMs + 3_600_000 };
  const made = { tenant, name: account, roles: ['tenant-admin'], description: '', createdAtMs: nowMs };
  const { documents } = on.store;
  await documents.createDocument(keyPlace(id), ownerBody({ digest, tenant, account }));
  await documents.createDocument(accountPlace(made), accountBody({ ...made, creator: 'test', keys: [key] }));
  return on.client({ token: text, retry: { maxAttempts: 1 }, coalesce: false });
}

async function deleted(name: string, client = admin): Promise<readonly TenantDeletion[]> {
  const steps: TenantDeletion[] = [];
  for await (const step of client.tenants.delete(name)) steps.push(step);
  return steps;
}

const codeOf = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => 'OK',
    (error: unknown) => (error as { readonly code: string }).code,
  );

describe('an administrator', () => {
  it('makes, sees, changes and lists tenants', async () => {
    const made = await admin.tenants.create('shop', { description: 'of the shop', quotas: { queues: 3 } });
    expect(made).toMatchObject({
      name: 'shop',
      state: 'ACTIVE',
      quotas: { queues: 3 },
      weight: 1,
      dedicated: false,
      creator: 'operator',
    });
    await expect(admin.tenants.create('shop')).rejects.toMatchObject({ code: 'TENANT_EXISTS' });
    const changed = await admin.tenants.update('shop', made.etag, { quotas: { queues: 0, streams: 5 } });
    expect(changed).toMatchObject({ description: 'of the shop', quotas: { streams: 5 } });
    expect(changed.quotas).not.toHaveProperty('queues');
    const heavy = await admin.tenants.update('shop', changed.etag, { weight: 100, dedicated: true });
    expect(heavy).toMatchObject({ weight: 100, dedicated: true, quotas: { streams: 5 } });
    expect(await admin.tenants.update('shop', heavy.etag, { dedicated: false })).toMatchObject({
      weight: 100,
      dedicated: false,
    });
    await expect(admin.tenants.update('shop', made.etag, { description: 'x' })).rejects.toMatchObject({
      code: 'TENANT_CHANGED',
      status: 'ABORTED',
    });
    expect(await admin.tenants.get('shop')).toMatchObject({
      quotas: { streams: 5 },
      use: { queues: 0, serviceAccounts: 0, streams: 0, submitsPerSecond: 0 },
    });
    await admin.tenants.create('__proto__');
    await admin.tenants.create('toString');
    const listed = [];
    for await (const { name } of admin.tenants.list()) listed.push(name);
    expect(listed).toEqual(['__proto__', 'shop', 'toString']);
  });

  it('keeps what a later version has written of a tenant', async () => {
    const { documents } = edge.store;
    const place = { collection: 'tenants', scope: 'cluster', name: 'later' } as const;
    const { etag } = await admin.tenants.create('later', { quotas: { queues: 3 } });
    const body = { ...bodyOf(await documents.findDocument(place)), border: true, quotas: { queues: 3, newer: 7 } };
    await documents.replaceDocument(place, { body: JSON.stringify(body), expectedRevision: etag });
    const found = await admin.tenants.get('later');
    await admin.tenants.update('later', found.etag, { quotas: { queues: 0, streams: 5 } });
    expect(bodyOf(await documents.findDocument(place))).toEqual({ ...body, quotas: { streams: 5, newer: 7 } });
    for (const change of ['pause', 'resume'] as const) await admin.tenants[change]('later');
    expect(bodyOf(await documents.findDocument(place))).toMatchObject({
      border: true,
      quotas: { streams: 5, newer: 7 },
    });
    await deleted('later');
    expect(bodyOf(await documents.findDocument(place))).toMatchObject({ state: 'DELETED' });
  });

  it('is told which field is wrong', async () => {
    const quotas = {
      submitsPerSecond: 1_000_001,
      streams: 1_000_001,
      queues: 100_001,
      serviceAccounts: 1_001,
      runningJobs: 1_000_001,
      unfinishedJobs: 1_000_000_001,
    };
    const wrong = { description: 'x'.repeat(257), quotas, weight: 101 };
    await expect(admin.tenants.create('not a name', wrong)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      violations: [
        { field: 'name' },
        { field: 'description' },
        { field: 'quotas.submits_per_second', description: 'must be a whole number from 1 to 1,000,000' },
        { field: 'quotas.streams' },
        { field: 'quotas.queues' },
        { field: 'quotas.service_accounts' },
        { field: 'quotas.running_jobs', description: 'must be a whole number from 1 to 1,000,000' },
        { field: 'quotas.unfinished_jobs' },
        { field: 'weight', description: 'must be a whole number from 1 to 100' },
      ],
    });
    for (const name of ['other', 'constructor']) {
      expect(await codeOf(admin.tenants.get(name))).toBe('TENANT_NOT_FOUND');
      expect(await codeOf(admin.tenants.pause(name))).toBe('TENANT_NOT_FOUND');
      expect(await codeOf(deleted(name))).toBe('TENANT_NOT_FOUND');
    }
    await expect(admin.tenants.update('shop', '', {})).rejects.toMatchObject({ violations: [{ field: 'etag' }] });
    expect(await codeOf(admin.tenants.pause('shop', { reason: 'x'.repeat(257) }))).toBe('INVALID_ARGUMENT');
    expect(await codeOf(deleted('default'))).toBe('INVALID_ARGUMENT');
  });

  it('is the only one who may: a tenant sees its own settings and use', async () => {
    await admin.tenants.create('own', { quotas: { queues: 2 } });
    const caller = await callerOf('own');
    await caller.queues.create('one');
    expect(await caller.tenants.own()).toMatchObject({ name: 'own', quotas: { queues: 2 }, use: { queues: 1 } });
    expect(await codeOf(caller.tenants.get('own'))).toBe('PERMISSION_MISSING');
    expect(await codeOf(caller.tenants.resume('own'))).toBe('PERMISSION_MISSING');
    expect(await codeOf((await callerOf('nobody-made-it')).tenants.own())).toBe('TENANT_NOT_FOUND');
  });
});

describe('quotas', () => {
  it('of submits refuse the jobs of a call one by one, and say when to come again', async () => {
    await admin.tenants.create('bursts', { quotas: { submitsPerSecond: 1 } });
    const caller = await callerOf('bursts');
    await caller.queues.create('default');
    const drafts = Array.from({ length: 100 }, () => ({ handler: 'test.echo', input: {} }));
    const outcomes = await caller.submitMany(drafts);
    const refused = outcomes.flatMap((outcome) => ('error' in outcome ? [outcome.error] : []));
    expect(refused.length).toBeGreaterThan(0);
    expect(refused.length).toBeLessThan(100);
    for (const error of refused) {
      expect(error).toMatchObject({
        code: 'QUOTA_EXCEEDED',
        status: 'RESOURCE_EXHAUSTED',
        metadata: { quota: 'submitsPerSecond', limit: '1', used: expect.stringMatching(/^[01]$/) as string },
        outcome: 'none',
      });
      expect((error as { readonly retryAfterMs: number }).retryAfterMs).toBeGreaterThanOrEqual(1_000);
    }
    const jobs = [...edge.records.values()].filter(({ spec }) => spec.tenant === 'bursts');
    expect(jobs).toHaveLength(100 - refused.length);
    expect(await edge.telemetry.metricsText()).toContain(
      `troupe_tenant_quotas_total{quota="submitsPerSecond",level="refused"} ${refused.length}`,
    );
  });

  it('of streams refuse one more until one ends', async () => {
    await admin.tenants.create('watchers', { quotas: { streams: 2 } });
    const caller = await callerOf('watchers');
    await caller.queues.create('default');
    const { jobId } = await caller.submit('test.echo');
    const [left, right] = [new AbortController(), new AbortController()];
    const open = [left, right].map(({ signal }) => caller.watch(jobId, { signal }));
    for (const watch of open) await watch.next();
    await expect(caller.watch(jobId).next()).rejects.toMatchObject({
      code: 'QUOTA_EXCEEDED',
      metadata: { quota: 'streams', limit: '2', used: '2' },
    });
    expect((await caller.tenants.own()).use.streams).toBe(2);
    left.abort();
    await until('a stream is closed', async () => (await caller.tenants.own()).use.streams === 1);
    expect(await caller.watch(jobId).next()).toMatchObject({ done: false });
    right.abort();
  });

  it('of queues and service accounts are exact, and say so', async () => {
    await admin.tenants.create('few', { quotas: { queues: 2, serviceAccounts: 2 } });
    const caller = await callerOf('few');
    const made = await Promise.all(['a', 'b', 'c', 'd', 'e'].map((name) => codeOf(caller.queues.create(name))));
    expect(made.filter((code) => code === 'OK')).toHaveLength(2);
    expect(made.filter((code) => code === 'LIMIT_REACHED')).toHaveLength(3);
    await expect(caller.queues.create('f')).rejects.toMatchObject({
      status: 'FAILED_PRECONDITION',
      metadata: { quota: 'queues', limit: '2', used: '2' },
    });
    const roles = ['viewer'];
    const accounts = await Promise.all(['x', 'y', 'z'].map((name) => codeOf(caller.accounts.create(name, { roles }))));
    expect(accounts.filter((code) => code === 'OK')).toHaveLength(1);
    expect(await caller.tenants.own()).toMatchObject({ use: { queues: 2, serviceAccounts: 2 } });
  });
});

describe('the quota of running jobs', () => {
  it('is kept with the tenant, and the use of all shards is told', async () => {
    const { etag } = await admin.tenants.create('runs', { quotas: { runningJobs: 2 } });
    const caller = await callerOf('runs');
    await caller.queues.create('default');
    const drafts = Array.from({ length: 8 }, () => ({ handler: 'test.echo', input: {} }));
    for (const outcome of await caller.submitMany(drafts)) {
      if (!('ok' in outcome)) throw new Error('not accepted');
      await edge.apply(outcome.ok.jobId, { kind: 'claim', node: 'n', token: 't' });
    }
    await until('the use is told', async () => (await caller.tenants.own()).use.runningJobs === 8);
    expect((await admin.tenants.get('runs')).quotas).toEqual({ runningJobs: 2 });
    expect((await admin.tenants.update('runs', etag, { quotas: { runningJobs: 0 } })).quotas).toEqual({});
  });
});

describe('the quota of unfinished jobs', () => {
  it('refuses what is new, one job at a time, and answers every repeat with its job', async () => {
    await admin.tenants.create('backlog', { quotas: { unfinishedJobs: 3 } });
    const caller = await callerOf('backlog');
    await caller.queues.create('default');
    const drafts = Array.from({ length: 10 }, (_, n) => ({ handler: 'test.echo', input: {}, idempotencyKey: `k${n}` }));
    const outcomes = await caller.submitMany(drafts);
    const kept = outcomes.flatMap((outcome, n) => ('ok' in outcome ? [{ n, jobId: outcome.ok.jobId }] : []));
    expect(kept).toHaveLength(3);
    for (const outcome of outcomes) {
      if ('ok' in outcome) continue;
      expect(outcome.error).toMatchObject({
        code: 'QUOTA_EXCEEDED',
        status: 'RESOURCE_EXHAUSTED',
        // What was accepted just now may be in the answer of the shards as well.
        metadata: { quota: 'unfinishedJobs', limit: '3', used: expect.stringMatching(/^[3-6]$/) as string },
        outcome: 'none',
      });
    }
    for (const { n, jobId } of kept)
      expect(await caller.submit('test.echo', {}, { idempotencyKey: `k${n}` })).toMatchObject({
        jobId,
        duplicate: true,
      });
    const full = { code: 'QUOTA_EXCEEDED', metadata: { quota: 'unfinishedJobs' } };
    await expect(caller.submit('test.echo', {})).rejects.toMatchObject(full);
    const large = { text: 'x'.repeat(40_000) };
    await expect(caller.submit('test.echo', large, { idempotencyKey: 'large' })).rejects.toMatchObject(full);
    await until('the use is told', async () => (await caller.tenants.own()).use.unfinishedJobs === 3);
    const [first] = kept;
    if (first === undefined) throw new Error('nothing was accepted');
    await caller.cancel(first.jobId);
    // What the shards said may be up to 100 ms old.
    await until('there is room', async () => (await codeOf(caller.retry(first.jobId))) === 'OK');
    await expect(caller.retry(first.jobId)).rejects.toMatchObject(full);
    expect(await edge.telemetry.metricsText()).toMatch(
      /troupe_tenant_quotas_total\{quota="unfinishedJobs",level="refused"\} \d+/,
    );
  });
});

describe('the quota of stored bytes', () => {
  it('refuses what is new beyond it, and answers every repeat with its job', async () => {
    const limit = 20_000;
    const { etag } = await admin.tenants.create('keeps', { quotas: { storedBytes: limit } });
    const caller = await callerOf('keeps');
    await caller.queues.create('default');
    const input = { text: 'x'.repeat(3_000) };
    const drafts = Array.from({ length: 10 }, (_, n) => ({ handler: 'test.echo', input, idempotencyKey: `b${n}` }));
    const outcomes = await caller.submitMany(drafts);
    const kept = outcomes.flatMap((outcome, n) => ('ok' in outcome ? [{ n, jobId: outcome.ok.jobId }] : []));
    // Each counts with 3,011 bytes of input and 1,024 of its record.
    expect(kept).toHaveLength(4);
    for (const outcome of outcomes) {
      if ('ok' in outcome) continue;
      expect(outcome.error).toMatchObject({
        code: 'QUOTA_EXCEEDED',
        status: 'RESOURCE_EXHAUSTED',
        metadata: { quota: 'storedBytes', limit: `${limit}` },
        outcome: 'none',
      });
    }
    for (const { n, jobId } of kept)
      expect(await caller.submit('test.echo', input, { idempotencyKey: `b${n}` })).toMatchObject({
        jobId,
        duplicate: true,
      });
    await until('the use is told', async () => (await caller.tenants.own()).use.storedBytes === 4 * (3_011 + 1_024));
    const full = { code: 'QUOTA_EXCEEDED', metadata: { quota: 'storedBytes' } };
    await expect(caller.submit('test.echo', input)).rejects.toMatchObject(full);
    // A small one fits yet.
    await caller.submit('test.echo', {});
    // One that ends keeps what it has. Room comes with a larger quota, or when the retention is over.
    await caller.cancel(kept[0]?.jobId ?? '');
    await expect(caller.retry(kept[0]?.jobId ?? '')).rejects.toMatchObject(full);
    expect((await admin.tenants.get('keeps')).quotas).toEqual({ storedBytes: limit });
    expect((await admin.tenants.update('keeps', etag, { quotas: { storedBytes: 2 ** 50 } })).quotas).toEqual({
      storedBytes: 2 ** 50,
    });
    await until('there is room', async () => (await codeOf(caller.submit('test.echo', input))) === 'OK');
  });

  it.each([1, 2 ** 50 + 1])('of %d bytes is refused', async (storedBytes) => {
    await expect(admin.tenants.create('odd', { quotas: { storedBytes } })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      violations: [{ field: 'quotas.stored_bytes' }],
    });
  });
});

describe('a paused tenant', () => {
  it('submits nothing, and everything else works; resumed, it submits', async () => {
    await admin.tenants.create('late');
    const caller = await callerOf('late');
    await caller.queues.create('default');
    const { jobId } = await caller.submit('test.echo', {});
    expect(await admin.tenants.pause('late', { reason: 'the bill' })).toMatchObject({
      state: 'PAUSED',
      pauseReason: 'the bill',
    });
    await expect(caller.submit('test.echo', {})).rejects.toMatchObject({
      code: 'TENANT_PAUSED',
      status: 'FAILED_PRECONDITION',
      retryable: false,
      message: expect.stringContaining('the bill') as string,
    });
    const outcomes = await caller.submitMany([{ handler: 'test.echo' }, { handler: 'test.echo' }]);
    expect(outcomes.map((outcome) => ('error' in outcome ? outcome.error : 'OK'))).toEqual(
      Array(2).fill(expect.objectContaining({ code: 'TENANT_PAUSED' })),
    );
    expect(
      await codeOf(caller.submitStream('test.echo', { bytes: 1, open: () => ReadableStream.from([Buffer.from('x')]) })),
    ).toBe('TENANT_PAUSED');
    expect((await caller.get(jobId)).state).toBe('QUEUED');
    expect((await caller.cancel(jobId, 'x')).state).toBe('CANCELLED');
    expect(await codeOf(caller.retry(jobId))).toBe('TENANT_PAUSED');
    await caller.queues.create('more');
    expect(await admin.tenants.resume('late')).toMatchObject({ state: 'ACTIVE' });
    expect((await caller.submit('test.echo', {})).jobId).not.toBe('');
  });
});

describe('a deleted tenant', () => {
  it('is gone with all that it had, and another one with the same names keeps everything', async () => {
    const quotas = { queues: 10, serviceAccounts: 10 };
    for (const name of ['left', 'right']) {
      await admin.tenants.create(name, { quotas });
      const caller = await callerOf(name);
      for (const queue of ['default', 'toString', '__proto__']) {
        await caller.queues.create(queue);
        for (let n = 0; n < 3; n += 1) await caller.submit('test.echo', {}, { queue });
      }
      await caller.accounts.create('billing', { roles: ['viewer'] });
      await caller.accounts.createKey('billing');
    }
    const right = await edge.store.queues.listQueues('right');
    const steps = await deleted('left');
    expect(steps.at(-1)).toEqual({ phase: 'done', jobsCancelled: 9, queuesDeleted: 3, accountsDeleted: 2 });
    const { documents, queues } = edge.store;
    const page = { after: '', most: 100 };
    expect(await queues.listQueues('left')).toEqual([]);
    expect(await documents.listDocuments({ collection: 'service-accounts', scope: 'left' }, page)).toEqual([]);
    const notes = await documents.listDocuments({ collection: 'tenants', scope: 'notes' }, page);
    expect(notes.filter(({ name }) => name.startsWith('left/'))).toEqual([]);
    expect(await keyDocumentsOf('left')).toEqual([]);
    expect([...edge.records.values()].filter(({ spec }) => spec.tenant === 'left').map(({ state }) => state)).toEqual(
      Array(9).fill('CANCELLED'),
    );
    expect(await queues.listQueues('right')).toEqual(right);
    const others = [...edge.records.values()].filter(({ spec }) => spec.tenant === 'right');
    expect(others.map(({ state }) => state)).toEqual(Array(9).fill('QUEUED'));
    expect(await keyDocumentsOf('right')).toHaveLength(2);
    const { state, nameFreeAt, stateAt } = await admin.tenants.get('left');
    expect([state, (nameFreeAt?.getTime() ?? 0) - (stateAt?.getTime() ?? 0)]).toEqual(['DELETED', year]);
    expect(await codeOf(admin.tenants.create('left'))).toBe('TENANT_EXISTS');
    expect(await codeOf(admin.tenants.resume('left'))).toBe('TENANT_NOT_FOUND');
  });

  it('refuses its callers, whose streams end', async () => {
    await admin.tenants.create('going');
    const caller = await callerOf('going');
    await caller.queues.create('default');
    const watch = caller.watchJobs();
    const ended = watch.next().then(() => watch.next());
    const ending = codeOf(ended);
    const deletion = admin.tenants.delete('going');
    await deletion.next();
    expect(await codeOf(caller.get('x'))).toBe('TENANT_DELETING');
    expect(await codeOf(caller.access.whoAmI())).toBe('TENANT_DELETING');
    expect(await codeOf(admin.tenants.pause('going'))).toBe('TENANT_DELETING');
    // Its key may be gone before its stream is looked at.
    expect(['TOKEN_INVALID', 'TENANT_DELETING']).toContain(await ending);
    for await (const { phase } of deletion) if (phase === 'done') break;
    expect(['TOKEN_INVALID', 'TENANT_DELETING']).toContain(await codeOf(caller.get('x')));
    await until('its key is forgotten', async () => (await codeOf(caller.get('x'))) === 'TOKEN_INVALID');
  });

  it('is deleted to the end by another call when the first one is cut off', async () => {
    await admin.tenants.create('cut');
    const caller = await callerOf('cut');
    await caller.queues.create('default');
    await caller.submit('test.echo');
    const left = new AbortController();
    for await (const { phase } of admin.tenants.delete('cut', { signal: left.signal })) {
      expect(phase).not.toBe('done');
      break;
    }
    left.abort();
    expect((await admin.tenants.get('cut')).state).toBe('DELETING');
    expect((await deleted('cut')).at(-1)?.phase).toBe('done');
    expect(await edge.store.queues.listQueues('cut')).toEqual([]);
  });
});

describe('where tenants must be made', () => {
  it('callers of others are refused, and learn no more than with a bad credential', async () => {
    const strict = await openWith({ mustBeMade: true });
    try {
      const operator = strict.client({ token: operatorToken });
      const caller = await callerOf('fresh', strict);
      const made = { tenant: 'fresh', name: 'default', settings: defaultQueueSettings, nowMs: Date.now() };
      await strict.store.queues.createQueue(made);
      const refusal = await caller.get('x').catch((error: unknown) => error);
      expect(refusal).toMatchObject({ code: 'TOKEN_INVALID', status: 'UNAUTHENTICATED', metadata: {} });
      const bad = await strict
        .client({ token: 'x' })
        .get('x')
        .catch((error: unknown) => error);
      expect((bad as Error).message).toBe((refusal as Error).message);
      expect(strict.refused).toContain('nobody made the tenant fresh');
      // The default tenant is always there.
      await operator.submit('test.echo');
      await operator.tenants.create('fresh');
      await until('the tenant is let in', async () => (await codeOf(caller.submit('test.echo'))) === 'OK');
    } finally {
      await strict.close();
    }
  });
});

function bodyOf(document: { readonly body: string } | undefined): object {
  return JSON.parse(document?.body ?? '{}') as object;
}

async function keyDocumentsOf(tenant: string): Promise<readonly string[]> {
  const found: string[] = [];
  const letters = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'.split('');
  for (const scope of letters.flatMap((one) => letters.map((other) => one + other))) {
    const page = await edge.store.documents.listDocuments({ collection: 'api-keys', scope }, { after: '', most: 100 });
    found.push(...page.filter(({ body }) => body.includes(`"${tenant}"`)).map(({ name }) => name));
  }
  return found;
}
