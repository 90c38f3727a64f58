/** The door for browsers and curl: what it holds for its clients is bounded, and nobody keeps the others waiting. */
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { Agent, request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { GatewayOptions } from '../../src/gateway/server.ts';
import type { ServerTls, TlsMaterial } from '../../src/gateway/server-tls.ts';
import { makeCertificates } from '../support/certificates.ts';
import { postJson } from '../support/web-calls.ts';
import { type Edge, openEdge, payloadMaxBytes, until } from './gateway-edge.ts';

const mib = 1_048_576;
const whoAmI = '/troupe.v1.Access/WhoAmI';
const submit = '/troupe.v1.Jobs/SubmitJob';
const job = JSON.stringify({ job: { handler: 'test.echo' } });
const web = { port: 0, hosts: [], console: undefined };

let edge: Edge;
const open: Socket[] = [];
beforeAll(async () => {
  edge = await openEdge();
});
afterEach(() => {
  for (const socket of open.splice(0)) socket.destroy();
});
afterAll(() => edge.close());

type Limits = GatewayOptions['limits'];

async function doorWith(limits: Partial<Limits> = {}) {
  const { webPort = 0, gateway } = await edge.openGateway({ web, limits: { payloadMaxBytes, ...limits } });
  return { port: webPort, gateway };
}

/** A connection that sends what it is told, and keeps what it reads. */
async function rawConnection(port: number, localAddress = '127.0.0.1') {
  const socket = connect({ host: '127.0.0.1', port, localAddress });
  open.push(socket);
  const seen = { text: '', isOver: false };
  socket.on('error', () => undefined);
  socket.on('data', (chunk: Buffer) => (seen.text += chunk.toString('latin1')));
  socket.once('close', () => (seen.isOver = true));
  await once(socket, 'connect');
  return { socket, seen };
}

function requestText(path: string, body: string, more: readonly string[] = []): string {
  const headers = ['host: localhost', 'content-type: application/json', `content-length: ${body.length}`, ...more];
  return `POST ${path} HTTP/1.1\r\n${headers.join('\r\n')}\r\n\r\n${body}`;
}

const answers = (seen: { readonly text: string }): readonly string[] => seen.text.match(/HTTP\/1\.1 \d+/g) ?? [];

async function metric(pattern: RegExp): Promise<number> {
  return Number(pattern.exec(await edge.telemetry.metricsText())?.[1] ?? 0);
}
const cuts = (reason: string): Promise<number> =>
  metric(new RegExp(`^troupe_grpc_connections_cut_total\\{server="web",reason="${reason}"\\} (\\d+)`, 'm'));

const jobsInFlight = (): Promise<number> => metric(/^troupe_gateway_jobs_in_flight (\d+)/m);

/** Until the returned function is called, submits are under way. */
function holdSubmits(): () => void {
  const held = Promise.withResolvers<undefined>();
  edge.hold = held.promise;
  edge.batches.length = 0;
  return () => {
    held.resolve(undefined);
    edge.hold = undefined;
  };
}

describe('connections', () => {
  it('that are one too many take the place of the one without a request for longest', async () => {
    const { port } = await doorWith({ connections: { max: 3, maxPerAddress: 3 } });
    const release = holdSubmits();
    const busy = await rawConnection(port);
    busy.socket.write(requestText(submit, job));
    await until('it is under way', () => edge.batches.length > 0);
    const idle = [await rawConnection(port), await rawConnection(port)];
    const before = await cuts('room');
    const newest = await rawConnection(port, '127.0.0.2');
    newest.socket.write(requestText(whoAmI, '{}'));
    await until('the newest is served', () => answers(newest.seen).length > 0);
    expect([busy.seen.isOver, ...idle.map(({ seen }) => seen.isOver)]).toEqual([false, true, false]);
    expect(await cuts('room')).toBe(before + 1);
    release();
    await until('the busy one is answered', () => answers(busy.seen).length > 0);
  });

  it('of one address do not keep out another', async () => {
    const { port } = await doorWith({ connections: { max: 4, maxPerAddress: 3 } });
    const release = holdSubmits();
    for (let n = 0; n < 3; n += 1) (await rawConnection(port)).socket.write(requestText(submit, job));
    await until('all are under way', async () => (await jobsInFlight()) === 3);
    const before = await cuts('full');
    const fourth = await rawConnection(port);
    await until('it is refused', () => fourth.seen.isOver);
    expect(await cuts('full')).toBe(before + 1);
    const other = await rawConnection(port, '127.0.0.2');
    other.socket.write(requestText(whoAmI, '{}'));
    await until('another address is served', () => answers(other.seen).length > 0);
    release();
  });

  it('that send nothing, or headers without an end, are cut', async () => {
    const { port } = await doorWith({ connections: { startMaxMs: 300 } });
    const before = await cuts('slow_start');
    const silent = await rawConnection(port);
    const slow = await rawConnection(port);
    slow.socket.write('POST / HTTP/1.1\r\nhost: localhost\r\nx: ');
    await until('both are cut', () => silent.seen.isOver && slow.seen.isOver);
    expect(await cuts('slow_start')).toBe(before + 2);
    const second = await rawConnection(port);
    second.socket.write(requestText(whoAmI, '{}'));
    await until('its first request is answered', () => answers(second.seen).length === 1);
    second.socket.write('POST / HTTP/1.1\r\nhost: localhost\r\nx: ');
    await until('it is cut in its second', () => second.seen.isOver);
    expect(answers(second.seen)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 408']);
  });

  it('have headers of 16 KiB at most', async () => {
    const { port } = await doorWith();
    const large = await rawConnection(port);
    large.socket.write(requestText(whoAmI, '{}', [`x-large: ${'x'.repeat(17_000)}`]));
    await until('it is refused', () => large.seen.isOver);
    expect(answers(large.seen)).toEqual(['HTTP/1.1 431']);
  });

  it('have one request at a time', async () => {
    const { port } = await doorWith();
    const release = holdSubmits();
    const eager = await rawConnection(port);
    eager.socket.write(requestText(submit, job).repeat(500));
    await until('the first is under way', () => edge.batches.length > 0);
    release();
    await until('the connection ends', () => eager.seen.isOver);
    expect(answers(eager.seen)[0]).toBe('HTTP/1.1 200');
    expect(answers(eager.seen).filter((line) => line === 'HTTP/1.1 200')).toHaveLength(1);
    expect(edge.batches.reduce((sum, { items }) => sum + items, 0)).toBe(1);
  });

  it('end when they are idle or old', async () => {
    const { port } = await doorWith({ connections: { idleMaxMs: 300 } });
    const idle = await rawConnection(port);
    idle.socket.write(requestText(whoAmI, '{}'));
    await until('it ends', () => idle.seen.isOver);
    expect(answers(idle.seen)).toEqual(['HTTP/1.1 200']);
    const aged = await doorWith({ connections: { ageMaxMs: 1 } });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const seen: (string | undefined)[] = [];
    await until('an answer is the last', async () => {
      seen.push(await connectionHeader(aged.port, agent));
      return seen.includes('close');
    });
    agent.destroy();
  });

  async function connectionHeader(port: number, agent: Agent): Promise<string | undefined> {
    const headers = { 'content-type': 'application/json' };
    const sent = httpRequest({ host: '127.0.0.1', port, path: whoAmI, method: 'POST', agent, headers }).end('{}');
    const [reply] = (await once(sent, 'response')) as [NodeJS.ReadableStream & { headers: { connection?: string } }];
    await text(reply);
    return reply.headers.connection;
  }
});

describe('requests', () => {
  it('that are larger than a message are refused, whether they say their length or not', async () => {
    const { port } = await doorWith();
    const large = `"${'x'.repeat(payloadMaxBytes + mib)}"`;
    expect(await postJson(port, whoAmI, large)).toMatchObject({ status: 413, json: { code: 'invalid_argument' } });
    const chunked = await postJson(port, whoAmI, large, { 'transfer-encoding': 'chunked' });
    expect([chunked.status, chunked.text.includes('PAYLOAD_TOO_LARGE')]).toEqual([413, true]);
  });

  it('that do not end are refused for the sake of others, and leave nothing counted', async () => {
    const { port } = await doorWith({ maxBytesInFlight: 1.5 * mib, payloadMaxBytes: mib });
    const begin = requestText(submit, 'x'.repeat(1_900_000));
    const first = await rawConnection(port);
    first.socket.write(begin.slice(0, mib));
    await until('it is counted', async () => (await requestBytes()) > 0.9 * mib);
    const second = await rawConnection(port, '127.0.0.2');
    second.socket.write(begin.slice(0, 0.7 * mib));
    await until('the larger one is refused', () => answers(first.seen).length > 0);
    expect(first.seen.text).toMatch(/^HTTP\/1\.1 429 [\s\S]*OVERLOADED/);
    expect(answers(second.seen)).toEqual([]);
    expect((await postJson(port, whoAmI, '{}')).status).toBe(200);
    second.socket.destroy();
    await until('nothing is counted', async () => (await requestBytes()) === 0);
  });

  const requestBytes = (): Promise<number> => metric(/^troupe_gateway_request_bytes (\d+)/m);

  it('whose clients leave are forgotten', async () => {
    const { port, gateway } = await doorWith();
    const release = holdSubmits();
    const { socket } = await rawConnection(port);
    socket.write(requestText(submit, job));
    await until('it is under way', () => edge.batches.length > 0);
    socket.destroy();
    release();
    await until('the call is over', async () => (await jobsInFlight()) === 0);
    await gateway.stop(5_000);
  });
});

describe('answers', () => {
  it('that nobody reads count until their clients leave, and others are told when to come back', async () => {
    const { jobId } = await edge.client().submit('test.echo', 1);
    await edge.apply(jobId, { kind: 'claim', node: 'one', token: 't' });
    const expiresAtMs = Date.now() + 3_600_000;
    await edge.store.payloads.putPayload({ name: 'large', bytes: new Uint8Array(8 * mib), expiresAtMs });
    const output = { kind: 'ref', id: 'large', encoding: 'bytes', bytes: 8 * mib } as const;
    await edge.apply(jobId, { kind: 'report', token: 't', outcome: { kind: 'succeeded', output } });
    const { port } = await doorWith({ payloadMaxBytes: 16 * mib, maxSendBytes: 9 * mib });
    const ask = requestText('/troupe.v1.Jobs/GetJob', JSON.stringify({ jobId }));
    const { socket } = await rawConnection(port);
    socket.pause();
    socket.write(ask);
    await until('it is held', async () => (await held()) > 8 * mib);
    const late = await postJson(port, '/troupe.v1.Jobs/GetJob', JSON.stringify({ jobId }));
    expect([late.status, late.json.code, late.headers['retry-after']]).toEqual([429, 'resource_exhausted', '1']);
    expect((await postJson(port, submit, job)).status).toBe(200);
    socket.destroy();
    await until('all is given back', async () => (await held()) === 0);
    const whole = await postJson(port, '/troupe.v1.Jobs/GetJob', JSON.stringify({ jobId }));
    expect((whole.json['job'] as { output: { data: string } }).output.data.length).toBe(Math.ceil((8 * mib) / 3) * 4);
  });

  const held = (): Promise<number> => metric(/^troupe_gateway_send_bytes (\d+)/m);
});

describe('stopping', () => {
  it('answers what is under way, refuses what comes then, and leaves no connection', async () => {
    const { port, gateway } = await doorWith();
    const release = holdSubmits();
    const idle = await rawConnection(port);
    idle.socket.write(requestText(whoAmI, '{}'));
    await until('it is answered', () => answers(idle.seen).length === 1);
    const busy = await rawConnection(port);
    busy.socket.write(requestText(submit, job));
    await until('it is under way', () => edge.batches.length > 0);
    // Begun, but not whole.
    const late = await rawConnection(port);
    late.socket.write(requestText(whoAmI, '{}').slice(0, 30));
    await until('it is counted', async () => (await metric(/^troupe_grpc_connections\{server="web"\} (\d+)/m)) === 3);
    const stopping = gateway.stop(30_000);
    await until('the idle one goes', () => idle.seen.isOver);
    late.socket.write(requestText(whoAmI, '{}').slice(30));
    await until('the late one is told', () => late.seen.isOver);
    expect(late.seen.text).toMatch(/^HTTP\/1\.1 503 [\s\S]*SHUTTING_DOWN/);
    release();
    await stopping;
    await until('the busy one ends', () => busy.seen.isOver);
    expect(busy.seen.text).toMatch(/^HTTP\/1\.1 200 [\s\S]*connection: close[\s\S]*jobId/i);
    await expect(postJson(port, whoAmI, '{}')).rejects.toThrow('ECONNREFUSED');
  });

  it('cuts what does not end within the grace, and says that its outcome is unknown', async () => {
    const { port, gateway } = await doorWith();
    const release = holdSubmits();
    const busy = postJson(port, submit, job);
    await until('it is under way', () => edge.batches.length > 0);
    const silent = await rawConnection(port);
    silent.socket.write(requestText(whoAmI, '{}').slice(0, -1));
    await gateway.stop(50);
    expect(await busy).toMatchObject({ status: 503, json: { code: 'unavailable' } });
    expect((await busy).text).toContain('OUTCOME_UNKNOWN');
    await until('no connection is left', () => silent.seen.isOver);
    release();
  });

  it('says which port is taken, and refuses an address without TLS as gRPC does', async () => {
    const { port } = await doorWith();
    await expect(edge.openGateway({ web: { ...web, port } })).rejects.toMatchObject({ code: 'PORT_TAKEN', port });
    await expect(edge.openGateway({ web, host: '0.0.0.0' })).rejects.toMatchObject({ code: 'INSECURE_ADDRESS' });
  });
});

it('has the certificate of the gateway, also the next one', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'troupe-web-tls-'));
  const materialOf = ({ certPath, keyPath }: ReturnType<typeof makeCertificates>): TlsMaterial => ({
    cert: readFileSync(certPath),
    key: readFileSync(keyPath),
  });
  const [one, two] = [makeCertificates(folder, 'one'), makeCertificates(folder, 'two')];
  const listeners = new Set<(material: TlsMaterial) => void>();
  const tls: ServerTls = {
    asksCallers: false,
    follow(listener) {
      listeners.add(listener);
      listener(materialOf(one));
      return () => listeners.delete(listener);
    },
  };
  const { webPort: port = 0, gateway } = await edge.openGateway({ web, tls });
  expect(await overTls(port, one.caPath)).toBe(200);
  await expect(overTls(port, two.caPath)).rejects.toThrow(/certificate|signature/);
  for (const listener of listeners) listener(materialOf(two));
  expect(await overTls(port, two.caPath)).toBe(200);
  expect(await overTls(port, two.caPath, { origin: `http://127.0.0.1:${port}` })).toBe(403);
  expect(await overTls(port, two.caPath, { origin: `https://127.0.0.1:${port}` })).toBe(200);
  await gateway.stop(100);
  expect(listeners.size).toBe(0);
  rmSync(folder, { recursive: true });
});

async function overTls(port: number, caPath: string, more = {}): Promise<number | undefined> {
  const headers = { 'content-type': 'application/json', ...more };
  const target = { host: '127.0.0.1', port, path: whoAmI, method: 'POST', agent: false, ca: readFileSync(caPath) };
  const sent = httpsRequest({ ...target, headers }).end('{}');
  const [reply] = (await once(sent, 'response')) as [NodeJS.ReadableStream & { statusCode?: number }];
  await text(reply);
  return reply.statusCode;
}
