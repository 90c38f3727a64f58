/**
 * The gateway as a server, seen by generic clients: stock proto-loader, raw metadata, health, reflection, TLS, limits,
 * and how it starts and stops.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type AddressInfo, connect as connectTo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  Client,
  credentials,
  type GrpcObject,
  loadPackageDefinition,
  Metadata,
  type ServiceClientConstructor,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { protoDir, protoFiles } from '../../src/contract/root.ts';
import { createHttpEdge } from '../../src/gateway/http-edge.ts';
import { fixedTls } from '../support/fixed-tls.ts';
import { type Edge, openEdge, payloadMaxBytes, until } from './gateway-edge.ts';

/** What any gRPC user has: the .proto files and a stock loader. */
const description = loadSync([...protoFiles, 'google/rpc/status.proto'], { includeDirs: [protoDir], keepCase: true });
const stock = loadPackageDefinition(description) as unknown as {
  troupe: { v1: { Jobs: ServiceClientConstructor } };
  google: { rpc: Record<string, GrpcObject & { deserialize?: unknown }> };
};
const codecs = description as unknown as Record<string, { type: { name: string } }>;

interface Answer {
  readonly response?: Record<string, unknown>;
  readonly error?: ServiceError;
  readonly trailers?: Metadata;
}

let edge: Edge;
let jobs: InstanceType<ServiceClientConstructor>;

beforeAll(async () => {
  edge = await openEdge();
  jobs = new stock.troupe.v1.Jobs(`127.0.0.1:${edge.port}`, credentials.createInsecure());
});
afterAll(async () => {
  jobs.close();
  await edge.close();
});

function call(
  method: string,
  request: unknown,
  options: { deadline?: number; metadata?: Metadata } = {},
): Promise<Answer> {
  const { metadata = new Metadata(), ...callOptions } = options;
  return new Promise((resolve) => {
    let answer: Answer = {};
    const started = (jobs as unknown as Record<string, (...parts: unknown[]) => NodeJS.EventEmitter>)[method]?.call(
      jobs,
      request,
      metadata,
      callOptions,
      (error: ServiceError | null, response?: Record<string, unknown>) => {
        answer = { ...answer, ...(error ? { error } : { response: response ?? {} }) };
      },
    );
    started?.on('status', ({ metadata: trailers }: { metadata: Metadata }) => {
      // The callback may come after the status.
      setImmediate(() => resolve({ ...answer, trailers }));
    });
  });
}

describe('generic clients', () => {
  it('submit and get with nothing but the contract', async () => {
    const submitted = await call('SubmitJob', { job: { handler: 'test.echo', input: { json: '{"a":1}' } } });
    const jobId = submitted.response?.['job_id'];
    const got = await call('GetJob', { job_id: jobId });
    expect(got.response?.['job']).toMatchObject({ id: jobId, spec: { input: { json: '{"a":1}' } } });
  });

  it('get a request id back: their own, or a new one', async () => {
    const metadata = new Metadata();
    metadata.set('x-request-id', 'my-request-7');
    const own = await call('ListJobs', {}, { metadata });
    expect(own.trailers?.get('x-request-id')).toEqual(['my-request-7']);
    const made = await call('ListJobs', {});
    expect(made.trailers?.get('x-request-id')[0]).toMatch(/^[0-9a-f-]{36}$/);
    const failed = await call('GetJob', { job_id: 'x' }, { metadata });
    expect(failed.trailers?.get('x-request-id')).toEqual(['my-request-7']);
  });

  it('read the details of an error from the standard trailer', async () => {
    const { error } = await call('SubmitJob', { job: { handler: '' } });
    expect(error?.code).toBe(status.INVALID_ARGUMENT);
    const bytes = error?.metadata.get('grpc-status-details-bin')[0];
    expect(bytes).toBeInstanceOf(Buffer);
    // Type URLs and strings stand in the bytes as they are.
    const text = (bytes as Buffer).toString('latin1');
    for (const part of ['google.rpc.ErrorInfo', 'INVALID_JOB_SPEC', 'troupe', 'google.rpc.BadRequest', 'job.handler']) {
      expect(text).toContain(part);
    }
    expect(codecs['google.rpc.Status']?.type.name).toBe('Status');
  });

  it('are refused an unknown page token, and one of another queue', async () => {
    const client = edge.client();
    await client.queues.create('other');
    for (let number = 0; number < 3; number += 1) await client.submit('test.echo', number);
    const page = await call('ListJobs', { page_size: 1 });
    const token = page.response?.['next_page_token'];
    expect(token).not.toBe('');
    expect((await call('ListJobs', { page_size: 1, page_token: token })).error).toBeUndefined();
    for (const bad of [
      { page_token: 'garbage' },
      { page_token: token, queue: 'other' },
      { page_token: `${String(token)}A` },
    ]) {
      const { error } = await call('ListJobs', bad);
      expect(error?.code).toBe(status.INVALID_ARGUMENT);
      expect(error?.details).toBe('the page token does not belong to this list');
    }
  });

  it('are refused a batch of none or too many', async () => {
    for (const requests of [[], Array.from({ length: 1_001 }, () => ({ job: { handler: 'test.echo' } }))]) {
      expect((await call('SubmitJobs', { requests })).error?.code).toBe(status.INVALID_ARGUMENT);
    }
  });

  it('are refused bytes that are no message', async () => {
    const raw = new Client(`127.0.0.1:${edge.port}`, credentials.createInsecure());
    const error = await new Promise<ServiceError | null>((resolve) => {
      raw.makeUnaryRequest(
        '/troupe.v1.Jobs/SubmitJob',
        (bytes: Buffer) => bytes,
        (bytes: Buffer) => bytes,
        Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0x7f]),
        resolve,
      );
    });
    raw.close();
    expect(error?.code).toBe(status.INVALID_ARGUMENT);
    expect((await call('ListJobs', {})).error).toBeUndefined();
  });
});

describe('deadlines', () => {
  it('a call whose deadline is past stores nothing', async () => {
    const stored = edge.records.size;
    const { error } = await call('SubmitJob', { job: { handler: 'test.echo' } }, { deadline: Date.now() - 1 });
    expect(error?.code).toBe(status.DEADLINE_EXCEEDED);
    expect(edge.records.size).toBe(stored);
  });

  it.each([25, 30, 50, 3_650])('a call that may take %d days is answered', async (days) => {
    const { response, error } = await call('ListJobs', {}, { deadline: Date.now() + days * 86_400_000 });
    expect(error).toBeUndefined();
    expect(response).toBeDefined();
  });

  it.each([Infinity, Number.MAX_SAFE_INTEGER, 30 * 86_400_000])('our client may wait %d ms', async (timeoutMs) => {
    const client = edge.client({ timeoutMs });
    const { jobId } = await client.submit('test.echo', 1, { timeoutMs });
    expect(await client.get(jobId, { timeoutMs })).toMatchObject({ id: jobId });
    const input = Buffer.from('{}');
    const source = {
      bytes: input.length,
      open: async function* () {
        yield input;
      },
    };
    expect(await client.submitStream('test.echo', source, { timeoutMs })).toMatchObject({ state: 'QUEUED' });
    await expect(edge.client().get(jobId, { timeoutMs: NaN })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      violations: [{ field: 'timeoutMs' }],
    });
  });

  it('a call that waits past its deadline is answered, and what was not sent is not stored', async () => {
    const stored = edge.records.size;
    let release: () => void = () => undefined;
    edge.hold = new Promise((resolve) => {
      release = resolve;
    });
    // The batches that may be under way are taken by these; the last one has to wait for its turn.
    const client = edge.client();
    const blockers: Promise<unknown>[] = [];
    edge.batches.length = 0;
    for (let number = 1; number <= 8; number += 1) {
      blockers.push(client.submit('test.echo', number, { idempotencyKey: 'blocked', timeoutMs: 60_000 }));
      await until('sent or waiting', () => edge.batches.length >= Math.min(number, 2));
    }
    const late = await call(
      'SubmitJob',
      { job: { handler: 'test.echo' }, idempotency_key: 'blocked' },
      { deadline: Date.now() + 100 },
    );
    expect(late.error?.code).toBe(status.DEADLINE_EXCEEDED);
    release();
    edge.hold = undefined;
    await Promise.allSettled(blockers);
    expect(edge.records.size).toBe(stored + 1);
  });
});

describe('limits', () => {
  it('sends callers away past the jobs and watches that it takes on, and says when to come back', async () => {
    const { port, gateway } = await edge.openGateway({
      limits: { payloadMaxBytes, maxJobsInFlight: 2, maxWatches: 1 },
    });
    const client = edge.client({ address: `127.0.0.1:${port}`, retry: { maxAttempts: 1 }, coalesce: false });
    let release: () => void = () => undefined;
    edge.hold = new Promise((resolve) => {
      release = resolve;
    });
    edge.batches.length = 0;
    const admitted = [client.submit('test.echo', 1), client.submit('test.echo', 2)];
    await until('both under way', () => edge.batches.reduce((sum, batch) => sum + batch.items, 0) === 2);
    const refused = { code: 'OVERLOADED', status: 'RESOURCE_EXHAUSTED', outcome: 'none' };
    // None has been answered yet, so how long that takes is not known.
    const unknown = await client.submit('test.echo', 3).catch((error: unknown) => error as { retryAfterMs: number });
    expect(unknown).toMatchObject(refused);
    expect('retryAfterMs' in unknown && unknown.retryAfterMs).toBeGreaterThanOrEqual(5_000);
    release();
    edge.hold = undefined;
    const [first] = await Promise.all(admitted);
    const watch = client.watch(first?.jobId ?? '');
    await watch.next();
    expect(await edge.telemetry.metricsText()).toContain('troupe_gateway_watches_open 1');
    await expect(client.watch(first?.jobId ?? '').next()).rejects.toMatchObject({ code: 'OVERLOADED' });
    await watch.return();
    await until('unsubscribed', () => edge.watchers() === 0);
    await gateway.stop(1_000);
  });
});

describe('starting and stopping', () => {
  it('answers health checks by service, and reflection', async () => {
    const health = await grpcHealth(edge.port);
    expect(health).toEqual(['SERVING', 'SERVING', 'SERVING']);
    expect(await reflectedServices(edge.port)).toEqual(
      expect.arrayContaining(['troupe.v1.Jobs', 'troupe.v1.Queues', 'grpc.health.v1.Health']),
    );
    const closed = await edge.openGateway({ reflection: false });
    await expect(reflectedServices(closed.port)).rejects.toMatchObject({ code: status.UNIMPLEMENTED });
    closed.gateway.setServing(false);
    expect(await grpcHealth(closed.port)).toEqual(['NOT_SERVING', 'NOT_SERVING', 'NOT_SERVING']);
    await closed.gateway.stop(1_000);
  });

  it('finishes what is under way and takes nothing new', async () => {
    const { port, gateway } = await edge.openGateway();
    const client = edge.client({ address: `127.0.0.1:${port}`, retry: { maxAttempts: 1 } });
    let release: () => void = () => undefined;
    edge.hold = new Promise((resolve) => {
      release = resolve;
    });
    edge.batches.length = 0;
    const underWay = client.submit('test.echo', 1);
    await until('under way', () => edge.batches.length === 1);
    const stopping = gateway.stop(30_000);
    const late = edge.client({ address: `127.0.0.1:${port}`, retry: { maxAttempts: 1 } });
    await expect(late.submit('test.echo', 2)).rejects.toMatchObject({ code: 'GATEWAY_UNAVAILABLE', outcome: 'none' });
    release();
    edge.hold = undefined;
    await expect(underWay).resolves.toMatchObject({ state: 'QUEUED' });
    await stopping;
    await gateway.stop(5_000);
  });

  it('cuts what does not end within the grace', async () => {
    const { port, gateway } = await edge.openGateway();
    const client = edge.client({ address: `127.0.0.1:${port}`, retry: { maxAttempts: 1 } });
    let release: () => void = () => undefined;
    edge.hold = new Promise((resolve) => {
      release = resolve;
    });
    edge.batches.length = 0;
    const cut = expect(client.submit('test.echo', 1)).rejects.toMatchObject({
      code: 'OUTCOME_UNKNOWN',
      outcome: 'unknown',
    });
    await until('under way', () => edge.batches.length === 1);
    await gateway.stop(50);
    await cut;
    release();
    edge.hold = undefined;
  });

  it('says in one line which port is taken', async () => {
    await expect(edge.openGateway({ port: edge.port })).rejects.toMatchObject({
      name: 'ListenError',
      code: 'PORT_TAKEN',
      message: `port ${edge.port} on 127.0.0.1 is taken: stop the process that listens there, or choose another port`,
    });
  });

  it('refuses an address that others can reach without TLS, unless that is meant', async () => {
    await expect(edge.openGateway({ host: '0.0.0.0' })).rejects.toMatchObject({ code: 'INSECURE_ADDRESS' });
    const { gateway } = await edge.openGateway({ host: '0.0.0.0', insecure: true });
    await gateway.stop(100);
  });

  it('speaks TLS', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'troupe-tls-'));
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    const made = spawnSync('openssl', [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1'],
      ...['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-keyout', key, '-out', cert],
    ]);
    expect(made.status).toBe(0);
    const tls = { cert: readFileSync(cert), key: readFileSync(key) };
    rmSync(folder, { recursive: true });
    const { port, gateway } = await edge.openGateway({ host: 'localhost', tls: fixedTls(tls) });
    const trusting = edge.client({ address: `localhost:${port}`, tls: { ca: tls.cert } });
    await expect(trusting.submit('test.echo', 1)).resolves.toMatchObject({ state: 'QUEUED' });
    const plain = edge.client({ address: `localhost:${port}`, retry: { maxAttempts: 1 }, timeoutMs: 30_000 });
    await expect(plain.submit('test.echo', 1)).rejects.toMatchObject({ code: 'GATEWAY_UNAVAILABLE' });
    await gateway.stop(100);
  });
});

describe('http edge', () => {
  it('answers probes and scrapes', async () => {
    let reasons: string[] = [];
    const http = createHttpEdge({
      host: '127.0.0.1',
      port: 0,
      health: () => ({ ready: reasons.length === 0, reasons }),
      metrics: async () => ({ contentType: 'text/plain; version=0.0.4', body: 'troupe_up 1\n' }),
    });
    const { port } = await http.start();
    const get = (path: string, init?: RequestInit): Promise<Response> => fetch(`http://127.0.0.1:${port}${path}`, init);
    expect((await get('/healthz')).status).toBe(200);
    expect(await (await get('/readyz')).json()).toEqual({ ready: true, reasons: [] });
    reasons = ['store: no answer'];
    const unready = await get('/readyz?verbose');
    expect([unready.status, await unready.json()]).toEqual([503, { ready: false, reasons }]);
    expect(await (await get('/metrics')).text()).toBe('troupe_up 1\n');
    expect((await get('/other')).status).toBe(404);
    expect((await get('/healthz', { method: 'POST' })).status).toBe(405);
    const withHeader = (bytes: number) => get('/healthz', { headers: { 'x-more': 'x'.repeat(bytes) } });
    expect((await withHeader(7_000)).status).toBe(200);
    expect((await withHeader(8_192)).status).toBe(431);
    await http.stop();
  });

  it('answers probes however many connections dawdle', async () => {
    const http = createHttpEdge({
      host: '127.0.0.1',
      port: 0,
      health: () => ({ ready: true, reasons: [] }),
      metrics: async () => ({ contentType: 'text/plain', body: '' }),
    });
    const { port } = await http.start();
    const dawdling = Array.from({ length: 400 }, () => {
      const socket = connectTo({ host: '127.0.0.1', port });
      socket.on('error', () => undefined);
      socket.once('connect', () => socket.write('GET /healthz HTTP/1.1\r\nhost:'));
      return socket;
    });
    await Promise.all(dawdling.map((socket) => new Promise((resolve) => socket.once('connect', resolve))));
    for (let n = 0; n < 30; n += 1) {
      const answer = await fetch(`http://127.0.0.1:${port}/healthz`, { headers: { connection: 'close' } });
      expect(answer.status).toBe(200);
    }
    await until('no more than 256 are kept', () => dawdling.filter((socket) => !socket.destroyed).length <= 256);
    await http.stop();
    for (const socket of dawdling) socket.destroy();
  });

  it('says which port is taken', async () => {
    const blocker = createServer();
    await new Promise<void>((resolve) => blocker.listen(0, '127.0.0.1', resolve));
    const { port } = blocker.address() as AddressInfo;
    const metrics = async () => ({ contentType: 'text/plain', body: '' });
    const http = createHttpEdge({ host: '127.0.0.1', port, health: () => ({ ready: true, reasons: [] }), metrics });
    await expect(http.start()).rejects.toMatchObject({ code: 'PORT_TAKEN', port });
    await new Promise((resolve) => blocker.close(resolve));
  });
});

async function grpcHealth(port: number): Promise<string[]> {
  const { protoPath } = await import('grpc-health-check');
  const loaded = loadPackageDefinition(loadSync(protoPath, { enums: String })) as unknown as {
    grpc: { health: { v1: { Health: ServiceClientConstructor } } };
  };
  const health = new loaded.grpc.health.v1.Health(`127.0.0.1:${port}`, credentials.createInsecure());
  const check = (service: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const method = (health as unknown as Record<string, (...parts: unknown[]) => unknown>)['check'];
      method?.call(health, { service }, (error: ServiceError | null, answer: { status: string }) => {
        if (error) reject(error);
        else resolve(answer.status);
      });
    });
  const answers = await Promise.all(['', 'troupe.v1.Jobs', 'troupe.v1.Queues'].map(check));
  health.close();
  return answers;
}

/** As grpcurl asks: one stream, `list_services`. The request is field 7, an empty string. */
function reflectedServices(port: number): Promise<string[]> {
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  return new Promise<string[]>((resolve, reject) => {
    const stream = client.makeBidiStreamRequest(
      '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
      (bytes: Buffer) => bytes,
      (bytes: Buffer) => bytes,
      new Metadata(),
    );
    stream.on('data', (bytes: Buffer) => {
      resolve(bytes.toString('latin1').match(/[a-z]+(\.[A-Za-z0-9]+)+/g) ?? []);
      stream.end();
    });
    stream.on('error', reject);
    stream.write(Buffer.from([0x3a, 0x00]));
  }).finally(() => client.close());
}
