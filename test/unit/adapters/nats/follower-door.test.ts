/** The answers to the servers of NATS: who signs them, and how many a flood of logins can have. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAccount, createCurve } from '@nats-io/nkeys';
import { type Msg, type MsgCallback, headers } from '@nats-io/transport-node';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { answerServers, listConnections } from '../../../../src/adapters/nats/follower-door.ts';
import { signerOf } from '../../../../src/adapters/nats/login-signer.ts';
import type { NatsLink } from '../../../../src/adapters/nats/link.ts';
import { silentLog } from '../../../support/stores.ts';
import { createManualClock } from '../../application/manual-clock.ts';

const [signing, sealing, server] = [createAccount(), createCurve(), createCurve()];
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();
let dir: string;

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'troupe-door-'));
  writeFileSync(join(dir, 'signing'), text(signing.getSeed()));
  writeFileSync(join(dir, 'sealing'), text(sealing.getSeed()));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

it('signs as the key of the seed does', () => {
  for (let n = 0; n < 20; n += 1) {
    const pair = createAccount();
    const signer = signerOf(text(pair.getSeed()));
    expect(signer.publicKey).toBe(pair.getPublicKey());
    expect(pair.verify(Buffer.from('login'), signer.sign(Buffer.from('login')))).toBe(true);
  }
  expect(() => signerOf('SANOSEED')).toThrow();
});

it('answers a flood of logins at its pace, so that the gateway has time for its calls', async () => {
  const clock = createManualClock();
  let ask: MsgCallback<Msg> | undefined;
  const connection = {
    subscribe: (_subject: string, { callback }: { readonly callback: MsgCallback<Msg> }) => {
      ask = callback;
      return { unsubscribe: () => undefined };
    },
  };
  let answered = 0;
  const options = {
    signingSeedPath: join(dir, 'signing'),
    sealingSeedPath: join(dir, 'sealing'),
    clock,
    log: silentLog,
  };
  const link = { connection } as unknown as Pick<NatsLink, 'connection'>;
  answerServers(link, options, () => Promise.reject(new Error('refused')));
  const claims = { nats: { server_id: { id: 'S' }, user_nkey: 'U', connect_opts: { user: 'x', pass: 'y' } } };
  const request = `.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.`;
  const data = server.seal(Buffer.from(request), sealing.getPublicKey());
  const sent = headers();
  sent.set('Nats-Server-Xkey', server.getPublicKey());
  const message = { data, headers: sent, respond: () => (answered += 1) > 0 } as unknown as Msg;
  const flood = async (): Promise<void> => {
    for (let n = 0; n < 100; n += 1) {
      void ask?.(null, message);
      // Each is refused before the next one comes, so none of them holds a place.
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  await flood();
  expect(answered).toBe(64);
  clock.advance(1_000);
  await flood();
  expect(answered).toBe(64 + 25);
});

it('takes silence and errors of the servers for no list of connections', async () => {
  const listOf = (answers: readonly object[]) => {
    async function* messages() {
      for (const answer of answers) yield await Promise.resolve({ json: () => answer });
    }
    const connection = { requestMany: () => Promise.resolve(messages()) };
    return listConnections({ assertConnected: () => undefined, connection } as never);
  };
  const server = { id: 'S' };
  const connections = [{ cid: 7, authorized_user: 'acme.billing' }];
  expect(
    await listOf([
      { server, data: { connections } },
      { server, data: {} },
    ]),
  ).toMatchObject([{ id: '00000000000000000007.S', user: 'acme.billing' }]);
  expect(await listOf([{ server, data: {} }])).toEqual([]);
  await expect(listOf([])).rejects.toMatchObject({ code: 'BROKER_UNAVAILABLE' });
  await expect(listOf([{ server, error: { code: 400, description: 'bad request' } }])).rejects.toMatchObject({
    message: expect.stringContaining('bad request') as string,
  });
});
