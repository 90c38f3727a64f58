/** Clients that read slowly, or cancel in masses: what a gateway holds for them is bounded, and the others go on. */
import { Client, type ClientReadableStream, credentials, type ServiceError, status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TroupeClient } from '../../src/client/index.ts';
import { loadContract } from '../../src/contract/codec.ts';
import { type Edge, openEdge, until } from './gateway-edge.ts';

const mib = 1_048_576;
const maxSendBytes = 10 * mib;
/** More than a client of gRPC reads ahead: 16 messages of 256 KiB. So whoever stops reading leaves some of it unread. */
const largeBytes = 8 * mib;
const { jobs } = loadContract();

let edge: Edge;
let address: string;
let troupe: TroupeClient;
let jobId: string;
let otherId: string;
beforeAll(async () => {
  edge = await openEdge();
  const { port } = await edge.openGateway({ limits: { payloadMaxBytes: 16 * mib, maxSendBytes } });
  address = `127.0.0.1:${port}`;
  troupe = edge.client({ address, retry: { maxAttempts: 1 } });
  ({ jobId: otherId } = await troupe.submit('test.echo', 1));
  ({ jobId } = await troupe.submit('test.echo', 1));
  await edge.apply(jobId, { kind: 'claim', node: 'one', token: 't' });
  const expiresAtMs = Date.now() + 3_600_000;
  await edge.store.payloads.putPayload({ name: 'large', bytes: new Uint8Array(largeBytes), expiresAtMs });
  const output = { kind: 'ref', id: 'large', encoding: 'bytes', bytes: largeBytes } as const;
  await edge.apply(jobId, { kind: 'report', token: 't', outcome: { kind: 'succeeded', output } });
});
afterAll(() => edge.close());

async function heldBytes(): Promise<number> {
  const text = await edge.telemetry.metricsText();
  return Number(/^troupe_gateway_send_bytes (\d+)/m.exec(text)?.[1]);
}

const asBytes = (bytes: Buffer): Buffer => bytes;

function open(client: Client, method: 'DownloadPayload' | 'WatchJobs', request: Buffer): ClientReadableStream<Buffer> {
  const call = client.makeServerStreamRequest(jobs[method].path, asBytes, asBytes, request);
  call.on('error', () => undefined);
  return call;
}

describe('downloads that nobody reads', () => {
  it('hold no more than the budget, leave room for other calls, and give all back when they go', async () => {
    const clients = Array.from({ length: 30 }, () => new Client(address, credentials.createInsecure()));
    const codes: (number | undefined)[] = [];
    const calls = clients.map((client) => {
      const call = open(client, 'DownloadPayload', jobs.DownloadPayload.requestSerialize({ jobId }));
      call.on('status', ({ code }) => codes.push(code));
      return call;
    });
    // One message is read, then gRPC's own buffer and the window of the connection fill.
    for (const call of calls) call.once('readable', () => call.read());
    await until('most are sent away', () => codes.filter((code) => code === status.RESOURCE_EXHAUSTED).length >= 20);
    const held = await heldBytes();
    expect(held).toBeGreaterThan(4 * mib);
    expect(held).toBeLessThanOrEqual(maxSendBytes);
    expect(await troupe.get(otherId)).toMatchObject({ state: 'QUEUED' });
    await expect(troupe.download(jobId).next()).rejects.toMatchObject({ code: 'OVERLOADED', outcome: 'none' });
    for (const call of calls) call.cancel();
    await until('all is given back', async () => (await heldBytes()) === 0);
    let bytes = 0;
    for await (const piece of troupe.download(jobId)) bytes += piece.length;
    expect(bytes).toBe(largeBytes);
    for (const client of clients) client.close();
  });
});

describe('a client that cancels thousands of calls', () => {
  it('loses none of its others, and goes on', async () => {
    const client = new Client(address, credentials.createInsecure());
    let release: () => void = () => undefined;
    edge.hold = new Promise((resolve) => (release = resolve));
    const { records, batches } = edge;
    const before = records.size;
    batches.length = 0;
    const submit = (): Promise<ServiceError | null> =>
      new Promise((resolve) => {
        const request = jobs.SubmitJob.requestSerialize({ job: { handler: 'test.echo' } });
        client.makeUnaryRequest(jobs.SubmitJob.path, asBytes, asBytes, request, (error) => resolve(error));
      });
    const others = Array.from({ length: 20 }, submit);
    await until('they are under way', () => batches.length > 0);
    for (let round = 0; round < 10; round += 1) {
      const calls = Array.from({ length: 400 }, () => open(client, 'WatchJobs', jobs.WatchJobs.requestSerialize({})));
      // The first message of each is there: they are under way.
      await Promise.all(calls.map((call) => new Promise((resolve) => call.once('data', resolve))));
      const over = calls.map((call) => new Promise((resolve) => call.once('status', resolve)));
      for (const call of calls) call.cancel();
      await Promise.all(over);
    }
    edge.hold = undefined;
    release();
    expect((await Promise.all(others)).filter((error) => error !== null)).toEqual([]);
    expect(records.size).toBe(before + 20);
    expect(await submit()).toBeNull();
    client.close();
  });

  it('is told CALL_CANCELLED for each of those, as our client', async () => {
    // Its submits are held for as long as the rounds take.
    const client = edge.client({ address, retry: { maxAttempts: 1 }, timeoutMs: 120_000 });
    let release: () => void = () => undefined;
    edge.hold = new Promise((resolve) => (release = resolve));
    edge.batches.length = 0;
    const others = Array.from({ length: 20 }, (_, n) => client.submit('test.echo', n));
    await until('they are under way', () => edge.batches.length > 0);
    const told = new Set<unknown>();
    for (let round = 0; round < 4; round += 1) {
      const stop = new AbortController();
      const watches = Array.from({ length: 400 }, async () => {
        try {
          for await (const update of client.watchJobs({ signal: stop.signal })) expect(update.gap).toBe(false);
        } catch (error) {
          told.add((error as { readonly code?: unknown }).code);
        }
      });
      await until('all are open', () => edge.followers() >= 400);
      stop.abort();
      await Promise.all(watches);
    }
    edge.hold = undefined;
    release();
    expect(await Promise.all(others)).toHaveLength(20);
    expect([...told]).toEqual(['CALL_CANCELLED']);
  });
});
