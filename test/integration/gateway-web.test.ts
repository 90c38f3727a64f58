/** The gateway's door for browsers and curl: every unary method in JSON, with the callers, answers and errors of gRPC. */
import { status as grpc, type Client } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fetchDocument } from '../../src/adapters/issuers/fetch-document.ts';
import { createTokenVerifier } from '../../src/adapters/issuers/token-verifier.ts';
import { createStatusCodec } from '../../src/contract/error-details.ts';
import { loadContract } from '../../src/contract/codec.ts';
import { builtInRoles, rolesWith } from '../../src/domain/access/role.ts';
import { createAuthenticator } from '../../src/gateway/access/authenticator.ts';
import { allMethods, type AnyMethod, type RawAnswer, rawCall, rawClient } from '../support/raw-calls.ts';
import { realClock, silentLog } from '../support/stores.ts';
import { startIssuer, type TokenIssuer } from '../support/token-issuer.ts';
import { postJson, requestJson, type WebReply } from '../support/web-calls.ts';
import { type Edge, openEdge, until } from './gateway-edge.ts';

const roleNames = Object.keys(builtInRoles);
const operatorToken = 'operators-only-1234';
const unary = [...allMethods].filter(([, { requestStream, responseStream }]) => !requestStream && !responseStream);
const streams = [...allMethods].filter(([, { requestStream, responseStream }]) => requestStream || responseStream);
const statusCodec = createStatusCodec(loadContract());

let edge: Edge;
let issuer: TokenIssuer;
let raw: Client;
let webPort: number;
let jobId: string;

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
            groupRoles: Object.fromEntries(roleNames.map((name) => [name, [name]])),
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
  const opened = await edge.openGateway({ web: { port: 0, hosts: [], console: undefined } });
  webPort = opened.webPort ?? 0;
  raw = rawClient(`127.0.0.1:${opened.port}`);
  const acme = edge.client({ token: await token(['tenant-admin'], 'acme') });
  await acme.queues.create('reports');
  ({ jobId } = await acme.submit('test.echo', { n: 1 }, { queue: 'reports' }));
});
afterAll(async () => {
  raw.close();
  await edge.close();
  await issuer.close();
});

function token(roles: readonly string[], tenant?: string): Promise<string> {
  return issuer.sign({ sub: `${tenant}-${roles.join('-')}`, groups: roles, tenant });
}

/** A request that fits every method: each reads what it knows. */
function requestAbout(id: string, queue: string): object {
  const job = { handler: 'test.echo', queue };
  return {
    ...{ jobId: id, queue, name: queue, job, requests: [{ job }], submit: { job }, inputSizeBytes: 1 },
    ...{ sha256: new Uint8Array(32), node: 'n1', path: '/', reason: 'because', permission: 'jobs.read', now: true },
    ...{ when: 'now', day: '2026-11-30', filter: {}, events: [99] },
  };
}

function inJson(method: AnyMethod, request: unknown, ...tokens: readonly string[]): Promise<WebReply> {
  const authorization = tokens.map((each) => `Bearer ${each}`).join();
  return postJson(webPort, method.path, requestJson(method, request), authorization === '' ? {} : { authorization });
}

/** Code, text and details of a refusal, as gRPC says them. */
function saidByGrpc({ code, details, trailers }: RawAnswer): string {
  const status = statusCodec.status.decode(Buffer.from(trailers['grpc-status-details-bin'] ?? '', 'latin1'));
  return withoutIds({ code: grpc[code], message: details, details: statusCodec.unpack(status) });
}

function saidInJson({ json: { code = '', message, details = [] } }: WebReply): string {
  const known = statusCodec.unpack({
    code: 0,
    message: '',
    details: details.map(({ type, value }) => ({
      type_url: `type.googleapis.com/${type}`,
      value: Buffer.from(value, 'base64'),
    })),
  });
  const word = code === 'canceled' ? 'CANCELLED' : code.toUpperCase();
  return withoutIds({ code: grpc[word as keyof typeof grpc], message, details: known });
}

const withoutIds = (said: unknown): string =>
  JSON.stringify(said)
    .replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, '<id>')
    .replaceAll(/"nanos":\d+/g, '"nanos":0')
    .replaceAll(/by-(grpc|json)/g, 'by-either');

describe('every method', () => {
  it(`that is unary answers in JSON as in gRPC, with the same details (${unary.length} methods)`, async () => {
    const all = await token(roleNames, 'acme');
    // What does not exist, and what is made has a name of its own, so that both meet the same.
    const missing = `${jobId.slice(0, -6)}000000`;
    const different = [];
    for (const [name, method] of unary) {
      const byGrpc = await rawCall(raw, method, requestAbout(missing, 'by-grpc'), [all]);
      const reply = await inJson(method, requestAbout(missing, 'by-json'), all);
      const said = [byGrpc.code === 'OK' ? 'OK' : saidByGrpc(byGrpc), reply.status === 200 ? 'OK' : saidInJson(reply)];
      if (said[0] !== said[1]) different.push({ name, said });
    }
    expect(different).toEqual([]);
    expect(unary.length).toBeGreaterThan(40);
  });

  it(`that is a stream says that gRPC has it (${streams.length} methods)`, async () => {
    for (const [, method] of streams) {
      const { status, json } = await postJson(webPort, method.path, '{}');
      expect([method.path, status, json.code]).toEqual([method.path, 501, 'unimplemented']);
    }
  });

  it(`refuses whom gRPC refuses, with the same words (${unary.length} × 7 cases)`, async () => {
    const good = await token(['tenant-admin', 'cluster-operator'], 'acme');
    const nowS = Math.floor(Date.now() / 1_000);
    const callers: readonly (readonly string[])[] = [
      [],
      ['x'],
      [`${good.slice(0, -3)}AAA`],
      [await issuer.sign({ exp: nowS - 60, tenant: 'acme', groups: roleNames })],
      [await token(['viewer'], 'rival')],
      [await token(['submitter'], 'acme')],
      [await token(roleNames)],
    ];
    const different = [];
    const seen = new Set<number>();
    for (const [name, method] of unary) {
      for (const tokens of callers) {
        const request = requestAbout(jobId, 'reports');
        const byGrpc = await rawCall(raw, method, request, tokens);
        if (byGrpc.code === 'OK') continue;
        const reply = await inJson(method, request, ...tokens);
        seen.add(reply.status);
        if (saidByGrpc(byGrpc) !== saidInJson(reply))
          different.push({ name, grpc: saidByGrpc(byGrpc), json: reply.text });
      }
    }
    expect(different).toEqual([]);
    expect([...seen]).toEqual(expect.arrayContaining([401, 403, 404]));
  });
});

describe('a call', () => {
  const operator = { authorization: `Bearer ${operatorToken}` };
  const submit = '/troupe.v1.Jobs/SubmitJob';

  it('submits a job and reads it, in the JSON of proto3', async () => {
    const input = { text: 'ü 😀', n: 1 };
    const body = JSON.stringify({
      job: { handler: 'test.echo', input: { json: JSON.stringify(input) }, labels: { a: 'b' } },
    });
    const accepted = await postJson(webPort, submit, body, { ...operator, 'x-request-id': 'mine-1' });
    expect(accepted.status).toBe(200);
    expect(accepted.headers).toMatchObject({ 'x-request-id': 'mine-1', 'cache-control': 'no-store' });
    const got = await postJson(
      webPort,
      '/troupe.v1.Jobs/GetJob',
      JSON.stringify({ jobId: accepted.json['jobId'] }),
      operator,
    );
    expect(got.json['job']).toMatchObject({
      id: accepted.json['jobId'],
      spec: { handler: 'test.echo', labels: { a: 'b' }, input: { json: JSON.stringify(input) } },
      state: 'JOB_STATE_QUEUED',
      createTime: expect.stringMatching(/^20\d\d-.*Z$/) as string,
    });
  });

  it('takes names in both spellings, words and numbers of enums, and bytes in every form of base64', async () => {
    const at = new Date(Date.now() + 86_400_000).toISOString().replace(/\d{3}Z$/, '500Z');
    for (const data of ['+/8=', '-_8', '-_8=', '+/8']) {
      const job = {
        handler: 'test.echo',
        run_time: at.replace('Z', '+00:00'),
        input: { data },
      };
      const accepted = await postJson(webPort, submit, JSON.stringify({ job }), operator);
      const { job: seen } = (
        await postJson(webPort, '/troupe.v1.Jobs/GetJob', JSON.stringify({ job_id: accepted.json['jobId'] }), operator)
      ).json as { job: { spec: unknown } };
      expect(seen.spec).toMatchObject({ input: { data: '+/8=' }, runTime: at });
    }
    for (const state of ['JOB_STATE_QUEUED', 2]) {
      const body = JSON.stringify({ queue: 'default', filter: { states: [state] } });
      expect((await postJson(webPort, '/troupe.v1.Jobs/ListJobs', body, operator)).status).toBe(200);
    }
  });

  it('ends at its deadline, and says whether it had an effect', async () => {
    const slow = Promise.withResolvers<undefined>();
    edge.hold = slow.promise;
    try {
      const body = JSON.stringify({ job: { handler: 'test.echo' } });
      const late = await postJson(webPort, submit, body, { ...operator, 'connect-timeout-ms': '200' });
      expect([late.status, late.json.code]).toEqual([504, 'deadline_exceeded']);
      expect(late.text).toContain('"outcome":"unknown"');
    } finally {
      slow.resolve(undefined);
      edge.hold = undefined;
    }
  });

  it('is recorded with address, agent and reason, as one of gRPC', async () => {
    const headers = { ...operator, 'user-agent': 'curl/8', 'troupe-reason': 'a ticket', 'x-request-id': 'recorded-1' };
    const body = JSON.stringify({ name: `q${Date.now()}` });
    expect((await postJson(webPort, '/troupe.v1.Queues/CreateQueue', body, headers)).status).toBe(200);
    const entries = async (): Promise<string> =>
      (await postJson(webPort, '/troupe.v1.Audit/ListAuditEntries', '{}', operator)).text;
    await until('it is recorded', async () => (await entries()).includes('recorded-1'));
    const said = await entries();
    for (const part of ['"userAgent":"curl/8"', '"reason":"a ticket"', '"address":"127.0.0.1"'])
      expect(said).toContain(part);
  });

  it('with two credentials, or one that cannot be read, is refused', async () => {
    for (const authorization of [`${operator.authorization}, ${operator.authorization}`, 'Bearer\tx', 'Basic eDp5']) {
      const { status, json } = await postJson(webPort, '/troupe.v1.Access/WhoAmI', '{}', { authorization });
      expect([authorization, status, json.code]).toEqual([authorization, 401, 'unauthenticated']);
    }
  });

  it('is counted and measured as one of gRPC', async () => {
    const before = await counted();
    await postJson(webPort, '/troupe.v1.Access/WhoAmI', '{}', operator);
    expect(await counted()).toBe(before + 1);
  });

  async function counted(): Promise<number> {
    const line = /^troupe_grpc_requests_total\{method="WhoAmI",code="OK"\} (\d+)/m.exec(
      await edge.telemetry.metricsText(),
    );
    return Number(line?.[1] ?? 0);
  }
});

it('one tenant that fills its part of the gateway leaves room for another', async () => {
  const { webPort: port = 0 } = await edge.openGateway({
    web: { port: 0, hosts: [], console: undefined },
    limits: { payloadMaxBytes: 65_536, maxJobsInFlight: 10 },
  });
  const as = async (tenant: string) => ({ authorization: `Bearer ${await token(['tenant-admin'], tenant)}` });
  const [acme, rival] = [await as('acme'), await as('rival')];
  await postJson(port, '/troupe.v1.Queues/CreateQueue', '{"name":"default"}', acme);
  await postJson(port, '/troupe.v1.Queues/CreateQueue', '{"name":"default"}', rival);
  const held = Promise.withResolvers<undefined>();
  edge.hold = held.promise;
  const submit = (caller: Record<string, string>): Promise<WebReply> =>
    postJson(port, '/troupe.v1.Jobs/SubmitJob', '{"job":{"handler":"test.echo","queue":"default"}}', caller);
  const flood = Array.from({ length: 30 }, () => submit(acme));
  const isRefused = ({ status }: WebReply): boolean => status === 429;
  const seen: WebReply[] = [];
  for (const each of flood) void each.then((reply) => seen.push(reply));
  await until('it has its part', () => seen.length === 21);
  expect(seen.every(isRefused)).toBe(true);
  expect(seen[0]?.headers['retry-after']).toMatch(/^\d+$/);
  const other = submit(rival);
  await until('the other is under way', async () =>
    (await edge.telemetry.metricsText()).includes('troupe_gateway_jobs_in_flight 10'),
  );
  held.resolve(undefined);
  edge.hold = undefined;
  expect((await other).status).toBe(200);
  expect((await Promise.all(flood)).filter(isRefused)).toHaveLength(21);
});
