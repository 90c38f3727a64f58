/** A separate keyspace in the shared Cassandra, ways to open stores in it, and a network that can lose messages. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { Client } from 'cassandra-driver';
import { openCassandraStore } from '../../src/adapters/cassandra/cassandra-store.ts';
import type { Store } from '../../src/application/ports/store.ts';
import type { SharedCassandra } from './cassandra-global.ts';
import { storeRuntime, type LossyStore, type StoreHarness } from './stores.ts';

/** How long the lossy client waits for a response, in ms. */
const lossyTimeoutMs = 1_500;

/** A TCP proxy that can discard everything in one direction. */
async function startLossyProxy(target: string): Promise<{
  readonly contactPoint: string;
  lose(what: 'reply' | 'request' | undefined): void;
  close(): Promise<void>;
}> {
  const [host = '', port = ''] = target.split(':');
  let losing: 'reply' | 'request' | undefined;
  const sockets = new Set<Socket>();
  const track = (socket: Socket): void => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => socket.destroy());
  };
  const server = createServer((inner) => {
    const outer = connect(Number(port), host);
    track(inner);
    track(outer);
    inner.on('data', (bytes) => {
      if (losing !== 'request') outer.write(bytes);
    });
    outer.on('data', (bytes) => {
      if (losing !== 'reply') inner.write(bytes);
    });
    inner.on('close', () => outer.destroy());
    outer.on('close', () => inner.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    contactPoint: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    lose(what) {
      losing = what;
    },
    async close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

export function freshKeyspace(): string {
  return `troupe_test_${randomBytes(6).toString('hex')}`;
}

/** The plain driver, for changes that a test makes behind the store's back. */
export async function connectDriver(cassandra: SharedCassandra): Promise<Client> {
  const { contactPoints, localDataCenter } = cassandra;
  const port = Number(contactPoints[0]?.split(':').at(-1));
  const driver = new Client({
    contactPoints: [...contactPoints],
    localDataCenter,
    protocolOptions: { port },
    encoding: { useBigIntAsLong: true },
    monitorReporting: { enabled: false },
    socketOptions: { readTimeout: 30_000 },
  });
  await driver.connect();
  return driver;
}

/** As long as the server itself tries (`cassandra-global.ts`), and a bit: a busy machine is late, not undecided. */
const patientMs = 12_000;

export async function makeCassandraHarness(
  cassandra: SharedCassandra,
): Promise<StoreHarness & { readonly keyspace: string; readonly driver: Client }> {
  const keyspace = freshKeyspace();
  const driver = await connectDriver(cassandra);
  const endings: (() => Promise<void>)[] = [];
  const openAt = async (contactPoints: readonly string[], requestTimeoutMs?: number): Promise<Store> => {
    const store = await openCassandraStore({
      contactPoints,
      localDataCenter: cassandra.localDataCenter,
      keyspace,
      ...storeRuntime,
      ...(requestTimeoutMs !== undefined && { requestTimeoutMs }),
    });
    endings.push(() => store.close());
    return store;
  };
  return {
    keyspace,
    driver,
    open: () => openAt(cassandra.contactPoints, patientMs),
    async openLossy(): Promise<LossyStore> {
      const proxy = await startLossyProxy(cassandra.contactPoints[0] ?? '');
      const store = await openAt([proxy.contactPoint], lossyTimeoutMs);
      endings.push(proxy.close);
      return {
        store,
        lose: (what) => {
          proxy.lose(what);
        },
        async heal() {
          proxy.lose(undefined);
          await store.ping(lossyTimeoutMs);
        },
      };
    },
    async damagePayload(id, how) {
      const table = `${keyspace}.payload_parts`;
      const read = `SELECT parts, bytes FROM ${table} WHERE id = ? AND part = ?`;
      const first = (await driver.execute(read, [id, 0], { prepare: true })).first();
      const last = Number(first.get('parts')) - 1;
      if (how === 'drop-last-part') {
        await driver.execute(`DELETE FROM ${table} WHERE id = ? AND part = ?`, [id, last], { prepare: true });
      } else {
        const { length } = (await driver.execute(read, [id, last], { prepare: true })).first().get('bytes') as Buffer;
        const change = `UPDATE ${table} SET bytes = ? WHERE id = ? AND part = ?`;
        await driver.execute(change, [Buffer.alloc(length), id, last], { prepare: true });
      }
    },
    async hasPayload(name) {
      const read = `SELECT part FROM ${keyspace}.payload_parts WHERE id = ? AND part = 0`;
      return (await driver.execute(read, [name], { prepare: true })).rowLength > 0;
    },
    async dispose() {
      for (const end of endings) await end();
      await driver.execute(`DROP KEYSPACE IF EXISTS ${keyspace}`);
      await driver.shutdown();
    },
  };
}
