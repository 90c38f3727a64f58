/** What answers will hold is reserved before their payloads are loaded: calls that begin together load no more than fits. */
import { Client, credentials } from '@grpc/grpc-js';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import type { PayloadStore } from '../../src/application/ports/payload-store.ts';
import { allMethods, type AnyMethod, type RawAnswer, rawCall } from '../support/raw-calls.ts';
import { type Edge, openEdge, until } from './gateway-edge.ts';

const mib = 1_048_576;
const maxSendBytes = 32 * mib;
const outputBytes = 8 * mib;
const callers = 200;

/** Loads wait for `hold`, and the bytes of those under way are counted. */
const loads = { bytes: 0, mostBytes: 0, hold: Promise.resolve() };

function counted(payloads: PayloadStore): PayloadStore {
  return {
    ...payloads,
    async getPayload(id) {
      loads.bytes += outputBytes;
      loads.mostBytes = Math.max(loads.mostBytes, loads.bytes);
      try {
        await loads.hold;
        return await payloads.getPayload(id);
      } finally {
        loads.bytes -= outputBytes;
      }
    },
  };
}

const clientOf = (port: number): Client =>
  new Client(`127.0.0.1:${port}`, credentials.createInsecure(), { 'grpc.max_receive_message_length': -1 });

let edge: Edge;
let client: Client;
let jobId: string;
beforeAll(async () => {
  edge = await openEdge({ payloads: counted });
  const { port } = await edge.openGateway({ limits: { payloadMaxBytes: 16 * mib, maxSendBytes } });
  client = clientOf(port);
  ({ jobId } = await edge.client().submit('test.echo', 1));
  await edge.apply(jobId, { kind: 'claim', node: 'one', token: 't' });
  const expiresAtMs = Date.now() + 3_600_000;
  await edge.store.payloads.putPayload({ name: 'large', bytes: new Uint8Array(outputBytes), expiresAtMs });
  const output = { kind: 'ref', id: 'large', encoding: 'bytes', bytes: outputBytes } as const;
  await edge.apply(jobId, { kind: 'report', token: 't', outcome: { kind: 'succeeded', output } });
});
afterAll(async () => {
  client.close();
  await edge.close();
});

let release: () => void = () => undefined;
beforeEach(() => {
  Object.assign(loads, { bytes: 0, mostBytes: 0, hold: new Promise<void>((resolve) => (release = resolve)) });
});

async function heldBytes(): Promise<number> {
  const text = await edge.telemetry.metricsText();
  return Number(/^troupe_gateway_send_bytes (\d+)/m.exec(text)?.[1]);
}

function call(name: string): Promise<RawAnswer> {
  return rawCall(client, allMethods.get(name) as AnyMethod, { jobId });
}

const codesOf = (answers: readonly RawAnswer[], code: string): number =>
  answers.filter((answer) => answer.code === code).length;

it.each(['GetJob', 'WatchJob'])(
  '200 calls of %s at once load what fits, and the others are told when to come back',
  async (name) => {
    const answers: RawAnswer[] = [];
    const calls = Array.from({ length: callers }, async () => answers.push(await call(name)));
    const fitting = maxSendBytes / outputBytes;
    await until('those without room are refused', () => answers.length === callers - fitting);
    expect(codesOf(answers, 'RESOURCE_EXHAUSTED')).toBe(callers - fitting);
    expect(answers[0]?.trailers['grpc-status-details-bin']).toContain('OVERLOADED');
    expect(answers[0]?.trailers['grpc-status-details-bin']).toContain('google.rpc.RetryInfo');
    expect(await heldBytes()).toBe(maxSendBytes);
    release();
    await Promise.all(calls);
    expect(codesOf(answers, 'OK')).toBe(fitting);
    expect(loads.mostBytes).toBe(maxSendBytes);
    await until('all is given back', async () => (await heldBytes()) === 0);
  },
);

it('an answer larger than what there is can be read, one at a time', async () => {
  const { port } = await edge.openGateway({ limits: { payloadMaxBytes: 16 * mib, maxSendBytes: mib } });
  const small = clientOf(port);
  const get = (): Promise<RawAnswer> => rawCall(small, allMethods.get('GetJob') as AnyMethod, { jobId });
  const [first, second] = [get(), get()];
  await until('one loads', () => loads.bytes > 0);
  expect((await Promise.race([first, second])).code).toBe('RESOURCE_EXHAUSTED');
  release();
  expect((await Promise.all([first, second])).map(({ code }) => code).toSorted()).toEqual(['OK', 'RESOURCE_EXHAUSTED']);
  expect((await get()).code).toBe('OK');
  small.close();
});

it('a watch is told its end also where the output is larger than what there is', async () => {
  release();
  const { port } = await edge.openGateway({ limits: { payloadMaxBytes: 16 * mib, maxSendBytes: mib } });
  const watching = edge.client({ address: `127.0.0.1:${port}`, retry: { maxAttempts: 1 } });
  const states: string[] = [];
  for await (const { job } of watching.watch(jobId)) states.push(job.state);
  expect(states.at(-1)).toBe('SUCCEEDED');
});

it('lists reserve their page, too', async () => {
  const { port } = await edge.openGateway({ limits: { payloadMaxBytes: 16 * mib, maxSendBytes: mib } });
  const small = edge.client({ address: `127.0.0.1:${port}`, retry: { maxAttempts: 1 } });
  const loading = small.get(jobId);
  await until('an answer loads', () => loads.bytes > 0);
  await expect(small.list().next()).rejects.toMatchObject({ code: 'OVERLOADED' });
  release();
  await loading;
  expect((await small.list().next()).value).toMatchObject({ id: jobId });
});
