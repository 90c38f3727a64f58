/** The room for answers is shared by tenants: what one of them loads, or does not read, leaves room for the next. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { PayloadStore } from '../../src/application/ports/payload-store.ts';
import { type Permission, permissions } from '../../src/domain/access/permission.ts';
import { callerWith } from '../support/callers.ts';
import { type Edge, openEdge, openToAll, until } from './gateway-edge.ts';

const mib = 1_048_576;
const maxSendBytes = 32 * mib;
const outputBytes = mib;

let loading = 0;
let release: () => void = () => undefined;
const held = new Promise<void>((resolve) => (release = resolve));

/** Loads when the test says so. */
const slow = (payloads: PayloadStore): PayloadStore => ({
  ...payloads,
  async getPayload(id) {
    loading += 1;
    await held;
    return payloads.getPayload(id);
  },
});

let edge: Edge;
let address: string;
beforeAll(async () => {
  edge = await openEdge({ payloads: slow });
  // Whoever calls says of which tenant.
  edge.authenticator = {
    ...openToAll,
    looksAtCredentials: true,
    authenticate: (tenant) => callerWith(Object.keys(permissions) as Permission[], tenant),
  };
  const { port } = await edge.openGateway({ limits: { payloadMaxBytes: 16 * mib, maxSendBytes } });
  address = `127.0.0.1:${port}`;
});
afterAll(() => edge.close());

/** Reads a job of the tenant whose output is large. */
async function readerOf(tenant: string): Promise<() => Promise<unknown>> {
  const client = edge.client({ address, token: tenant, retry: { maxAttempts: 1 } });
  await client.queues.create('default');
  const { jobId } = await client.submit('test.echo', 1);
  await edge.apply(jobId, { kind: 'claim', node: 'one', token: 't' });
  const expiresAtMs = Date.now() + 3_600_000;
  await edge.store.payloads.putPayload({ name: tenant, bytes: new Uint8Array(outputBytes), expiresAtMs });
  const output = { kind: 'ref', id: tenant, encoding: 'bytes', bytes: outputBytes } as const;
  await edge.apply(jobId, { kind: 'report', token: 't', outcome: { kind: 'succeeded', output } });
  return () =>
    client.get(jobId).then(
      () => 'OK',
      (error: unknown) => (error as { readonly code: string }).code,
    );
}

it('a tenant that loads all it can gets nine tenths, and another one its answer', async () => {
  const [flood, calm] = [await readerOf('flood'), await readerOf('calm')];
  const answers: unknown[] = [];
  const calls = Array.from({ length: 60 }, async () => answers.push(await flood()));
  await until('the rest is refused', () => answers.length === 60 - 29);
  expect(new Set(answers)).toEqual(new Set(['OVERLOADED']));
  const others = [calm(), calm()];
  await until('the other one loads beside them', () => loading === 29 + 2);
  release();
  expect(await Promise.all(others)).toEqual(['OK', 'OK']);
  await Promise.all(calls);
  expect(answers.filter((answer) => answer === 'OK')).toHaveLength(29);
  const bytes = async (): Promise<string | undefined> =>
    /^troupe_gateway_send_bytes (\d+)/m.exec(await edge.telemetry.metricsText())?.[1];
  await until('all is given back', async () => (await bytes()) === '0');
  expect(await flood()).toBe('OK');
});
