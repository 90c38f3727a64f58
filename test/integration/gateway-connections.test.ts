/** How many connections and calls a gateway has, and how long: who goes, and that callers notice nothing of it. */
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { constants } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { loadContract } from '../../src/contract/codec.ts';
import type { GatewayOptions } from '../../src/gateway/server.ts';
import { makeCertificates } from '../support/certificates.ts';
import { fixedTls } from '../support/fixed-tls.ts';
import { callHeaders, endHeaders, endStream, frame, frames, header, RawConnection } from '../support/raw-frames.ts';
import { type Edge, openEdge, payloadMaxBytes, until } from './gateway-edge.ts';

const { jobs } = loadContract();
const submit = callHeaders(jobs.SubmitJob.path);

let edge: Edge;
const open: RawConnection[] = [];
beforeAll(async () => {
  edge = await openEdge();
});
afterEach(() => {
  for (const { socket } of open.splice(0)) socket.destroy();
});
afterAll(() => edge.close());

type Connections = NonNullable<GatewayOptions['limits']['connections']>;

async function gatewayWith(connections: Connections, more: Partial<GatewayOptions['limits']> = {}): Promise<number> {
  return (await edge.openGateway({ limits: { payloadMaxBytes, connections, ...more } })).port;
}

async function connected(port: number, options: { readonly silent?: boolean } = {}): Promise<RawConnection> {
  const connection = await RawConnection.open(port, options);
  open.push(connection);
  return connection;
}

/** Begins a call that its client does not end, and waits until the gateway has read it. */
async function calling(connection: RawConnection, stream = 1): Promise<void> {
  await connection.write(frame(frames.headers, endHeaders, stream, submit));
  await answeredPing(connection);
}

async function answeredPing(connection: RawConnection): Promise<void> {
  const before = connection.pongs;
  await connection.write(frame(frames.ping, 0, 0, Buffer.alloc(8)));
  await until('the gateway has read it', () => connection.pongs > before);
}

async function cuts(reason: string): Promise<number> {
  const text = await edge.telemetry.metricsText();
  const line = new RegExp(`^troupe_grpc_connections_cut_total\\{server="gateway",reason="${reason}"\\} (\\d+)`, 'm');
  return Number(line.exec(text)?.[1] ?? 0);
}

const overOf = (connections: readonly RawConnection[]): readonly boolean[] => connections.map(({ isOver }) => isOver);

describe('one connection too many', () => {
  it('takes the place of the one that has had no call for longest', async () => {
    const port = await gatewayWith({ max: 3, maxPerAddress: 3 });
    const [oldest, calls, idle] = [await connected(port), await connected(port), await connected(port)];
    await calling(calls);
    await oldest.write(frame(frames.headers, endHeaders | endStream, 1, submit));
    await until('it is answered', () => oldest.answered.has(1));
    const before = await cuts('room');
    const newest = await connected(port);
    await until('one goes', () => idle.isOver);
    await answeredPing(newest);
    expect(overOf([oldest, calls, idle, newest])).toEqual([false, false, true, false]);
    expect(idle.goaways[0]?.code).toBe(0);
    expect(await cuts('room')).toBe(before + 1);
  });

  it('is refused when all of its address have calls', async () => {
    const port = await gatewayWith({ max: 10, maxPerAddress: 2 });
    const busy = [await connected(port), await connected(port)];
    for (const connection of busy) await calling(connection);
    const before = await cuts('full');
    const refused = await connected(port);
    await until('it is refused', () => refused.isOver);
    expect(overOf(busy)).toEqual([false, false]);
    expect(await cuts('full')).toBe(before + 1);
  });

  it('takes the oldest of the address that has most, when all have calls', async () => {
    const port = await gatewayWith({ max: 3, maxPerAddress: 3 });
    const busy = [await connected(port), await connected(port), await connected(port)];
    for (const connection of busy) await calling(connection);
    const other = connect({ host: '127.0.0.1', port, localAddress: '127.0.0.2' });
    await once(other, 'connect');
    await until('the oldest goes', () => busy[0]?.isOver === true);
    expect(overOf(busy)).toEqual([true, false, false]);
    expect(other.destroyed).toBe(false);
    other.destroy();
  });
});

describe('a connection that says nothing', () => {
  it('is cut after a while, and one that has said hello is not', async () => {
    const port = await gatewayWith({ startMaxMs: 300 });
    const polite = await connected(port);
    const before = await cuts('slow_start');
    const silent = await connected(port, { silent: true });
    await until('it is cut', () => silent.isOver);
    await answeredPing(polite);
    expect(polite.isOver).toBe(false);
    expect(await cuts('slow_start')).toBe(before + 1);
  });

  it('counts before TLS, and is cut before its end', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'troupe-connections-'));
    const { certPath, keyPath } = makeCertificates(folder);
    const tls = fixedTls({ cert: readFileSync(certPath), key: readFileSync(keyPath) });
    rmSync(folder, { recursive: true });
    const { port } = await edge.openGateway({
      tls,
      limits: { payloadMaxBytes, connections: { max: 3, maxPerAddress: 3, startMaxMs: 300 } },
    });
    const before = { room: await cuts('room'), slow: await cuts('slow_start') };
    const sockets: Socket[] = [];
    for (let n = 0; n < 5; n += 1) {
      const socket = connect({ host: '127.0.0.1', port }).on('error', () => undefined);
      sockets.push(socket);
      await once(socket, 'connect');
    }
    await until('all are cut', () => sockets.every((socket) => socket.resume().destroyed));
    expect(await cuts('room')).toBe(before.room + 2);
    expect(await cuts('slow_start')).toBe(before.slow + 3);
    await until('none is counted', async () =>
      (await edge.telemetry.metricsText()).includes('troupe_grpc_connections{server="gateway"} 0'),
    );
  });
});

it('a call past the calls that are open at once is refused on the connection that has more than its part', async () => {
  // Ten thousand reads are always admitted besides.
  const port = await gatewayWith({}, { maxJobsInFlight: 1, maxWatches: 1, maxConcurrentStreams: 20_000 });
  const [greedy, modest] = [await connected(port), await connected(port)];
  await calling(modest);
  const watch = callHeaders('/grpc.health.v1.Health/Watch');
  const empty = Buffer.alloc(5);
  const calls = (from: number, count: number): Buffer =>
    Buffer.concat(
      Array.from({ length: count }, (_, n) => [
        frame(frames.headers, endHeaders, from + 2 * n, watch),
        frame(frames.data, endStream, from + 2 * n, empty),
      ]).flat(),
    );
  await greedy.write(calls(1, 10_002));
  await until('some are refused', () => greedy.resets.size > 0);
  await answeredPing(greedy);
  expect(greedy.resets.size).toBe(1);
  await modest.write(calls(3, 10));
  await until('they are answered', () => modest.answered.size === 10);
  expect(modest.resets.size).toBe(0);
});

it('connections without calls are closed after a while, and calls go on with new ones', async () => {
  const port = await gatewayWith({ idleMaxMs: 100 });
  const idle = await connected(port);
  const client = edge.client({ address: `127.0.0.1:${port}`, retry: { maxAttempts: 1 } });
  await client.submit('test.echo', 1);
  await until('it is closed', () => idle.isOver);
  expect(idle.goaways[0]?.code).toBe(0);
  expect((await client.submit('test.echo', 2)).state).toBe('QUEUED');
});

it('connections that are old take no new calls, and their calls are cut after the grace', async () => {
  const port = await gatewayWith({ ageMaxMs: 200, ageGraceMs: 200 });
  const old = await connected(port);
  await calling(old);
  const client = edge.client({ address: `127.0.0.1:${port}` });
  await until('it is told', async () => {
    expect((await client.submit('test.echo', 1)).state).toBe('QUEUED');
    return old.goaways.length > 0;
  });
  await until('its call is cut', () => old.isOver);
  expect(old.goaways[0]?.text).toBe('max_age');
});

it('headers past 16 KiB are refused, and those within are not', async () => {
  const connection = await connected(await gatewayWith({}));
  const call = (stream: number, bytes: number): Promise<boolean> =>
    connection.write(
      frame(
        frames.headers,
        endHeaders | endStream,
        stream,
        Buffer.concat([submit, header('x-more', 'x'.repeat(bytes))]),
      ),
    );
  await call(1, 15_000);
  await until('it is answered', () => connection.answered.has(1));
  await call(3, 16_100);
  await until('it is refused', () => connection.resets.has(3));
  expect(connection.resets.get(3)).toBe(constants.NGHTTP2_ENHANCE_YOUR_CALM);
  expect(connection.isOver).toBe(false);
});
