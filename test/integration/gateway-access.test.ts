/** Who may call what: every method of the contract, with every kind of credential, about own, foreign and missing things. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import type { Client } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { fetchDocument } from '../../src/adapters/issuers/fetch-document.ts';
import { createTokenVerifier } from '../../src/adapters/issuers/token-verifier.ts';
import type { TroupeClient } from '../../src/client/index.ts';
import { loadMethodAccess } from '../../src/contract/method-access.ts';
import { isQueuePermission } from '../../src/domain/access/permission.ts';
import { builtInRoles, rolesWith } from '../../src/domain/access/role.ts';
import { createAuthenticator } from '../../src/gateway/access/authenticator.ts';
import { allMethods, type RawAnswer, rawCall, rawClient } from '../support/raw-calls.ts';
import { realClock, silentLog } from '../support/stores.ts';
import { startIssuer, type TokenIssuer } from '../support/token-issuer.ts';
import { type Edge, openEdge } from './gateway-edge.ts';

type RoleName = keyof typeof builtInRoles;

const access = loadMethodAccess();
const roleNames = Object.keys(builtInRoles) as RoleName[];
/** Reasons that a caller gets from the gatekeeper, and from nobody else. */
const refusals = new Set([
  'NO_CREDENTIALS',
  'AMBIGUOUS_CREDENTIALS',
  'TOKEN_INVALID',
  'TOKEN_EXPIRED',
  'PERMISSION_MISSING',
]);
/** A secret of the tenant acme. */
const canary = `canary${randomBytes(8).toString('hex')}`;
const operatorToken = 'operators-only-1234';

let edge: Edge;
let issuer: TokenIssuer;
let raw: Client;
let acme: TroupeClient;
let jobId: string;
const tokens = new Map<string, string>();

/** A token of a tenant with roles. Absent tenant: none. */
async function token(roles: readonly string[], tenant?: string): Promise<string> {
  const key = `${roles.join()} ${tenant}`;
  const known = tokens.get(key) ?? (await issuer.sign({ sub: `${tenant}-${roles.join('-')}`, groups: roles, tenant }));
  tokens.set(key, known);
  return known;
}

beforeAll(async () => {
  issuer = await startIssuer();
  edge = await openEdge();
  edge.authenticator = createAuthenticator({
    operatorToken: () => operatorToken,
    tokens: createTokenVerifier({
      issuers: [
        {
          mapping: {
            issuer: 'corp',
            tenant: { claim: ['tenant'] },
            groupsClaim: ['groups'],
            roles: [],
            groupRoles: {
              ...Object.fromEntries(roleNames.map((name) => [name, [name]])),
              'admins-of-reports': ['tenant-admin@rep*'],
              'admins-of-others': ['tenant-admin@other-*'],
            },
          },
          issuer: issuer.url,
          audience: 'troupe',
          algorithms: ['ES256'],
          keysUrl: undefined,
          ca: () => undefined,
          bearer: () => undefined,
        },
      ],
      roles: rolesWith({}),
      fetchDocument,
      clock: realClock,
      log: silentLog,
      telemetry: edge.telemetry,
    }),
    withoutCredential: 'nothing',
  });
  raw = rawClient(`127.0.0.1:${edge.port}`);
  acme = edge.client({ token: await token(['tenant-admin'], 'acme') });
  await acme.queues.create('reports');
  await acme.queues.create('default');
  const rival = edge.client({ token: await token(['tenant-admin'], 'rival') });
  await rival.queues.create('default');
  ({ jobId } = await acme.submit('test.echo', { secret: canary }, { queue: 'reports' }));
});
afterAll(async () => {
  raw.close();
  await edge.close();
  await issuer.close();
});

/** One request that fits every method: each reads what it knows. */
function requestAbout(id: string, queue: string): unknown {
  const job = { handler: 'test.echo', queue };
  const submit = { job };
  return {
    jobId: id,
    jobIds: [id],
    queue,
    name: queue,
    job,
    requests: [submit],
    open: { submit, inputSizeBytes: 0 },
    submit,
    inputSizeBytes: 1,
    sha256: new Uint8Array(32),
    node: 'n1',
    path: '/',
    reason: 'because',
    permission: 'jobs.read',
    now: true,
    when: 'now',
    part: 'open',
    day: '2026-11-30',
    filter: {},
    // No such event, so that no subscription is made.
    events: [99],
  };
}

/** An answer without what the caller itself has said. */
function withoutNames({ code, details, trailers }: RawAnswer, id: string, queue: string): string {
  return JSON.stringify({ code, details, trailers }).replaceAll(id, '<job>').replaceAll(queue, '<queue>');
}

function call(method: string, request: unknown, ...credentials: readonly string[]): Promise<RawAnswer> {
  const codec = allMethods.get(method);
  if (codec === undefined) throw new Error(`no method ${method}`);
  return rawCall(raw, codec, request, credentials);
}

describe('every method', () => {
  it('of the contract is guarded', () => {
    expect([...allMethods.keys()].sort()).toEqual([...access.keys()].sort());
  });

  it(`refuses callers without a good credential (${access.size} × 6 cases)`, async () => {
    const good = await token(['tenant-admin', 'cluster-operator'], 'acme');
    const nowS = Math.floor(Date.now() / 1_000);
    const bad = [
      ['NO_CREDENTIALS', []],
      ['TOKEN_INVALID', ['x']],
      ['TOKEN_INVALID', [`${good.slice(0, -3)}AAA`]],
      ['TOKEN_INVALID', [`${operatorToken}x`]],
      ['TOKEN_INVALID', [await issuer.sign({ aud: 'other', tenant: 'acme', groups: roleNames })]],
      ['TOKEN_EXPIRED', [await issuer.sign({ exp: nowS - 60, tenant: 'acme', groups: roleNames })]],
    ] as const;
    const seen = [];
    for (const method of access.keys()) {
      for (const [reason, credentials] of bad) {
        const answer = await call(method, requestAbout(jobId, 'reports'), ...credentials);
        seen.push({ method, code: answer.code, reason: answer.reason, expected: reason });
      }
    }
    expect(seen.filter(({ code, reason, expected }) => code !== 'UNAUTHENTICATED' || reason !== expected)).toEqual([]);
    expect(seen).toHaveLength(access.size * bad.length);
  });

  it(`says nothing about what another tenant has: the answer is that for a missing thing (${access.size} cases)`, async () => {
    const rival = await token(['tenant-admin'], 'rival');
    // Of the same minute and shard, so that nothing but its existence is different.
    const missing = `${jobId.slice(0, -6)}000000`;
    const different = [];
    for (const method of access.keys()) {
      const foreign = await call(method, requestAbout(jobId, 'reports'), rival);
      const none = await call(method, requestAbout(missing, 'nowhere'), rival);
      const pair = [withoutNames(foreign, jobId, 'reports'), withoutNames(none, missing, 'nowhere')];
      if (pair[0] !== pair[1]) different.push({ method, pair });
      expect(JSON.stringify(foreign.message ?? ''), method).not.toContain(canary);
    }
    // Both make a queue of the rival's own.
    expect(different.filter(({ method }) => method !== 'CreateQueue')).toEqual([]);
    expect((await acme.get(jobId)).state).toBe('QUEUED');
    expect((await acme.queues.get('reports')).name).toBe('reports');
  });

  it(`asks for the permission that it names, of each role (${access.size} × ${roleNames.length} cases)`, async () => {
    const wrong = [];
    for (const [method, needs] of access) {
      for (const role of roleNames) {
        const { code, reason } = await call(method, requestAbout(jobId, 'reports'), await token([role], 'acme'));
        const held: readonly string[] = builtInRoles[role];
        const allowed = needs.scope === 'caller' || held.includes(needs.permission);
        const isRefused = reason !== undefined && refusals.has(reason);
        if (allowed === isRefused || (!allowed && (code !== 'PERMISSION_DENIED' || reason !== 'PERMISSION_MISSING')))
          wrong.push({ method, role, code, reason });
      }
    }
    expect(wrong).toEqual([]);
  });

  it('of a tenant is refused for a token that names no tenant, whatever its roles', async () => {
    const nobody = await token(roleNames);
    for (const [method, { scope }] of access) {
      const { reason } = await call(method, requestAbout(jobId, 'reports'), nobody);
      expect([method, reason === 'PERMISSION_MISSING']).toEqual([method, scope === 'tenant']);
    }
  });
});

describe('a caller with a role in some queues', () => {
  it(`does not see the others: what they have is missing (${access.size} cases)`, async () => {
    const others = await token(['admins-of-others'], 'acme');
    // Another test may have deleted it.
    await acme.queues.create('reports').catch(() => undefined);
    const { jobId: own } = await acme.submit('test.echo', { secret: canary }, { queue: 'reports' });
    const missing = `${own.slice(0, -6)}000000`;
    const different = [];
    for (const method of access.keys()) {
      const hidden = await call(method, requestAbout(own, 'reports'), others);
      const none = await call(method, requestAbout(missing, 'nowhere'), others);
      const pair = [withoutNames(hidden, own, 'reports'), withoutNames(none, missing, 'nowhere')];
      if (pair[0] !== pair[1]) different.push({ method, pair });
      expect(JSON.stringify(hidden.message ?? ''), method).not.toContain(canary);
    }
    expect(different).toEqual([]);
    expect((await acme.get(own)).state).toBe('QUEUED');
    expect((await acme.queues.get('reports')).name).toBe('reports');
    await expect(acme.queues.get('nowhere')).rejects.toMatchObject({ code: 'QUEUE_NOT_FOUND' });
  });

  it('may do there what the role allows, and nothing that is not about queues', async () => {
    const own = await token(['admins-of-reports'], 'acme');
    const refused = new Set([...refusals, 'JOB_NOT_FOUND', 'QUEUE_NOT_FOUND']);
    const wrong = [];
    for (const [method, needs] of access) {
      if (needs.scope === 'caller' || method === 'DeleteQueue') continue;
      await acme.queues.create('reps').catch(() => undefined);
      const { jobId: id } = await acme.submit('test.echo', {}, { queue: 'reps' });
      const { reason } = await call(method, requestAbout(id, 'reps'), own);
      const isAboutQueues = needs.scope === 'tenant' && isQueuePermission(needs.permission);
      const isRefused = reason !== undefined && refused.has(reason);
      if (isRefused === isAboutQueues) wrong.push({ method, reason });
    }
    expect(wrong).toEqual([]);
  });

  it('lists its queues in full pages, and is told why it may not do more in one that it sees', async () => {
    for (let n = 0; n < 5; n += 1) {
      await acme.queues.create(`other-${n}`);
      await acme.queues.create(`p${n}`);
    }
    const scoped = edge.client({ token: await token(['admins-of-others'], 'acme') });
    const seen = [];
    for await (const { name } of scoped.queues.list()) seen.push(name);
    expect(seen).toEqual(['other-0', 'other-1', 'other-2', 'other-3', 'other-4']);
    const page = await call('ListQueues', { pageSize: 2 }, await token(['admins-of-others'], 'acme'));
    expect((page.message as { queues: { name: string }[] }).queues.map(({ name }) => name)).toEqual([
      'other-0',
      'other-1',
    ]);
    await expect(scoped.queues.create('more')).rejects.toMatchObject({ code: 'PERMISSION_MISSING' });
    await expect(scoped.submit('test.echo', {}, { queue: 'reports' })).rejects.toMatchObject({
      code: 'QUEUE_NOT_FOUND',
    });
    const both = edge.client({ token: await token(['admins-of-others', 'viewer'], 'acme') });
    await expect(both.cancel(jobId, 'x')).rejects.toMatchObject({
      code: 'PERMISSION_MISSING',
      metadata: { permission: 'jobs.manage' },
    });
    expect((await both.get(jobId)).withheld).toBe(true);
    expect(await both.access.testPermission('payloads.read')).toBe(true);
    expect(await both.access.testPermission('payloads.read', { queue: 'reports' })).toBe(false);
    expect(await both.access.testPermission('payloads.read', { queue: 'other-1' })).toBe(true);
    await expect(both.access.testPermission('jobs.read', { queue: 'other *' })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      violations: [{ field: 'queue', description: 'is not the name of a queue' }],
    });
    expect((await both.access.whoAmI()).roles).toEqual(['tenant-admin@other-*', 'viewer']);
    const { jobId: open } = await both.submit('test.echo', { secret: canary }, { queue: 'other-1' });
    expect(await both.get(open)).toMatchObject({ withheld: false, input: { secret: canary } });
    await expect(both.watch(jobId, { logs: true }).next()).rejects.toMatchObject({ code: 'PERMISSION_MISSING' });
  });
});

describe('a reader without payloads.read', () => {
  /** A job that failed with an input, an output of progress notes, and texts of its handler. */
  async function failedJob(): Promise<string> {
    const submitted = await acme.submit('test.echo', { secret: canary }, { queue: 'default' });
    const { run } = await edge.apply(submitted.jobId, { kind: 'claim', node: 'n1', token: 't' });
    const failure = {
      reason: 'HANDLER_FAILED',
      message: `it was ${canary}`,
      code: 'E_ODD',
      stack: `Error: ${canary}`,
      causes: [{ message: canary }],
    } as const;
    await edge.apply(submitted.jobId, {
      kind: 'report',
      token: run?.token ?? '',
      outcome: { kind: 'failed', failure, retryable: false },
    });
    return submitted.jobId;
  }

  it('sees sizes and codes, and no word of what the job was given and what its handler wrote', async () => {
    const id = await failedJob();
    const viewer = edge.client({ token: await token(['viewer'], 'acme') });
    // The first reader fills the cache of ended jobs.
    const whole = await acme.get(id);
    expect(whole).toMatchObject({ input: { secret: canary }, withheld: false });
    const seen = await viewer.get(id);
    expect(seen).toMatchObject({ withheld: true, inputWithheldBytes: JSON.stringify({ secret: canary }).length });
    expect(seen.failure).toMatchObject({ reason: 'HANDLER_FAILED', code: 'E_ODD', message: '' });
    expect(seen.input).toBeUndefined();
    const manager = edge.client({ token: await token(['viewer', 'operator'], 'acme') });
    expect(JSON.stringify(await manager.get(id))).toContain(canary);
    const shown: unknown[] = [seen];
    for await (const job of viewer.list({ queue: 'default' })) shown.push(job);
    for await (const change of viewer.watch(id)) shown.push(change);
    for await (const { job } of viewer.watchJobs({ queue: 'default' })) {
      shown.push(job);
      break;
    }
    expect(shown.length).toBeGreaterThan(3);
    expect(JSON.stringify(shown)).not.toContain(canary);
  });

  it('gets neither logs nor payloads by another way', async () => {
    const id = await failedJob();
    const viewer = edge.client({ token: await token(['viewer'], 'acme') });
    const missing = (permission: string) => ({ code: 'PERMISSION_MISSING', metadata: { permission } });
    await expect(viewer.log(id)).rejects.toMatchObject(missing('logs.read'));
    await expect(viewer.watch(id, { logs: true }).next()).rejects.toMatchObject(missing('logs.read'));
    await expect(viewer.download(id, { payload: 'input' }).next()).rejects.toMatchObject(missing('payloads.read'));
    await expect(viewer.retry(id)).rejects.toMatchObject(missing('jobs.manage'));
  });

  it('sees kinds of failures without texts, and may not ask by one that was made of them', async () => {
    await failedJob();
    const viewer = edge.client({ token: await token(['viewer'], 'acme') });
    const { kinds } = await viewer.failureKinds({ queue: 'default' });
    expect(kinds).toMatchObject([{ reason: 'HANDLER_FAILED', code: 'E_ODD' }]);
    expect(kinds[0]).not.toHaveProperty('message');
    expect(kinds[0]).not.toHaveProperty('frame');
    const whole = await acme.failureKinds({ queue: 'default' });
    expect(whole.kinds[0]?.message).toContain('it was');
    const refused = { code: 'PERMISSION_MISSING', metadata: { permission: 'payloads.read' } };
    await expect(viewer.list({ failureKind: whole.kinds[0]?.id ?? '' }).next()).rejects.toMatchObject(refused);
    await expect(viewer.failureKinds({ failureKind: whole.kinds[0]?.id ?? '' })).rejects.toMatchObject(refused);
    const own = await viewer.list({ failureKind: kinds[0]?.id ?? '' }).next();
    expect(own.done).toBe(false);
  });

  it('may submit without seeing payloads, and what it sends back of a withheld one is refused', async () => {
    const submitter = edge.client({ token: await token(['submitter'], 'acme') });
    const { jobId: own } = await submitter.submit('test.echo', { secret: canary });
    expect((await submitter.get(own)).withheld).toBe(true);
    const request = { job: { handler: 'test.echo', input: { kind: 'withheldBytes', withheldBytes: 12 } } };
    const answer = await call('SubmitJob', request, await token(['submitter'], 'acme'));
    expect(answer).toMatchObject({ code: 'INVALID_ARGUMENT', reason: 'INVALID_JOB_SPEC' });
    expect(JSON.stringify(answer.trailers)).toContain('job.input.withheld_bytes');
  });
});

describe('a caller', () => {
  /** The trailers of a call with these values of the header, as a client without grpc-js could send them. */
  async function answerTo(...values: readonly string[]): Promise<Readonly<Record<string, string>>> {
    const session = connectHttp2(`http://127.0.0.1:${edge.port}`, { strictSingleValueFields: false } as object);
    try {
      const headers = [
        ...[
          ':method',
          'POST',
          ':path',
          '/troupe.v1.Access/WhoAmI',
          'content-type',
          'application/grpc',
          'te',
          'trailers',
        ],
        ...values.flatMap((value) => ['authorization', value]),
      ];
      const request = session.request(headers);
      request.end(Buffer.alloc(5));
      const [trailers] = (await once(request, 'response')) as [Record<string, string>];
      return trailers;
    } finally {
      session.destroy();
    }
  }

  it('with two credentials is refused, although HTTP/2 of Node shows but the first', async () => {
    const good = await token(['tenant-admin'], 'acme');
    expect(await answerTo(`Bearer ${good}`, `Bearer ${operatorToken}`)).toMatchObject({
      'grpc-status': '16',
      'grpc-message': expect.stringContaining('one%20credential') as string,
    });
  });

  it.each([['Bearer\tx'], ['Bearer \xe9'], ['Bearer x', '\xe9']])(
    'with a credential that grpc-js drops (%j) is refused, and not taken for one without, and nothing prints it',
    async (...values) => {
      const printed = vi.spyOn(console, 'error').mockImplementation(() => undefined);
      try {
        expect(await answerTo(...values)).toMatchObject({
          'grpc-status': '16',
          'grpc-message': expect.stringContaining('at%20most') as string,
        });
        expect(printed).not.toHaveBeenCalled();
      } finally {
        printed.mockRestore();
      }
    },
  );

  it('is told who it is taken for, and what it may do', async () => {
    const viewer = edge.client({ token: await token(['viewer'], 'acme') });
    expect(await viewer.access.whoAmI()).toMatchObject({
      principal: 'jwt:corp:acme-viewer',
      kind: 'subject',
      tenant: 'acme',
      roles: ['viewer'],
      permissions: ['jobs.read', 'queues.read'],
    });
    expect(await viewer.access.testPermission('jobs.read')).toBe(true);
    expect(await viewer.access.testPermission('jobs.submit')).toBe(false);
    for (const permission of ['', 'toString', 'jobs.*']) {
      await expect(viewer.access.testPermission(permission)).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
        violations: [expect.objectContaining({ field: 'permission' })],
      });
    }
    const operator = edge.client({ token: operatorToken });
    expect(await operator.access.whoAmI()).toMatchObject({ principal: 'operator', tenant: 'default' });
  });

  it('shares neither queues nor keys with another tenant', async () => {
    const rival = edge.client({ token: await token(['tenant-admin'], 'rival') });
    const options = { idempotencyKey: 'the-same', unique: { key: 'the-same' } };
    const one = await acme.submit('test.echo', 1, options);
    const other = await rival.submit('test.echo', 2, options);
    expect(other).toMatchObject({ duplicate: false });
    expect(other.jobId).not.toBe(one.jobId);
    const mine = [];
    for await (const { id } of rival.list({ queue: 'default' })) mine.push(id);
    expect(mine).toContain(other.jobId);
    expect(mine).not.toContain(one.jobId);
  });
});

describe('a stream', () => {
  it('goes on with a fresh token when its token expires, and ends with TOKEN_EXPIRED if there is none', async () => {
    const { jobId: id } = await acme.submit('test.echo', 1, { queue: 'default' });
    const nowS = Math.floor(Date.now() / 1_000);
    const short = () => issuer.sign({ exp: nowS - 29, groups: ['viewer'], tenant: 'acme' });
    let given = 0;
    const renewing = edge.client({
      token: async () => {
        given += 1;
        return given === 1 ? short() : token(['viewer'], 'acme');
      },
    });
    const fixed = edge.client({ token: await short() });
    const states: string[] = [];
    const watching = (async () => {
      for await (const { job } of renewing.watch(id)) states.push(job.state);
    })();
    await expect(
      (async () => {
        for await (const { job } of fixed.watch(id)) expect(job.state).toBe('QUEUED');
      })(),
    ).rejects.toMatchObject({ code: 'TOKEN_EXPIRED', retryable: false });
    await expect.poll(() => given).toBe(2);
    await acme.cancel(id);
    await watching;
    expect(states.at(-1)).toBe('CANCELLED');
  });

  it('is never opened if the source of its token fails, and says why', async () => {
    const lost = edge.client({
      token: () => {
        throw new Error('the vault is sealed');
      },
    });
    const expected = { code: 'NO_CREDENTIALS', message: expect.stringContaining('the vault is sealed') as string };
    await expect(lost.get(jobId)).rejects.toMatchObject(expected);
    await expect(lost.watch(jobId).next()).rejects.toMatchObject(expected);
  });
});
