// The Cassandra that `troupe dev --store cassandra` has started is killed, or its disk fills up: it is started again where
// it was.
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openCassandraStore } from '../../src/adapters/cassandra/cassandra-store.ts';
import { payloadPartBytes } from '../../src/application/ports/payload-store.ts';
import { type BackingServices, startBackingServices } from '../../src/compose/backing-services.ts';
import { loadConfig } from '../../src/config/index.ts';
import { cassandraCacheDir, freePort } from '../support/cassandra-global.ts';
import { waitFor } from '../support/cluster.ts';
import { mountSmallDisk, type SmallDisk } from '../support/small-disk.ts';
import { silentLog, storeRuntime } from '../support/stores.ts';

const testMs = 240_000;
const said: string[] = [];

/** What an idle Cassandra writes before it answers fits many times. */
const diskBytes = 2 ** 30;

let disk: SmallDisk | { readonly reason: string };
let dataDir: string;
let address: string;
let services: BackingServices;

beforeAll(async () => {
  disk = mountSmallDisk(diskBytes);
  dataDir = await mkdtemp(join('dir' in disk ? disk.dir : tmpdir(), 'troupe-cassandra-kept-'));
  address = `127.0.0.1:${await freePort()}`;
  const store = { 'store.kind': 'cassandra', 'store.cassandra.contactPoints': address };
  // A NATS that is named is not started.
  const config = loadConfig({ env: {}, flags: { dataDir, 'nats.servers': '127.0.0.1:4222', ...store } });
  const say = (line: string): void => void said.push(line);
  services = await startBackingServices(config, { cacheDir: cassandraCacheDir(), log: silentLog, say });
}, testMs);
afterAll(async () => {
  await services.stop();
  await rm(dataDir, { recursive: true, force: true });
  if ('dir' in disk) disk.unmount();
}, testMs);

/** Of the java that has our folder among its arguments. */
function cassandraPid(): number {
  for (const entry of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const words = readFileSync(`/proc/${entry}/cmdline`, 'utf8').split('\0');
      if (words[0]?.endsWith('java') === true && words.some((word) => word.includes(dataDir))) return Number(entry);
    } catch {
      // It has ended meanwhile.
    }
  }
  throw new Error('no Cassandra runs');
}

it('starts its Cassandra again, with what it had', { timeout: testMs }, async () => {
  const keyspace = { contactPoints: [address], localDataCenter: 'datacenter1', keyspace: 'kept' };
  const store = await openCassandraStore({ ...keyspace, ...storeRuntime });
  const facts = await store.agreeFacts({ clusterId: 'first', shardCount: 4 });
  const killed = cassandraPid();
  process.kill(killed, 'SIGKILL');
  await waitFor(
    'it is back',
    () => said.includes('Cassandra is back'),
    testMs,
    () => said.join('\n'),
  );
  expect(said).toContain('Cassandra is down (it ended); it is started again (1 of 5)');
  expect(cassandraPid()).not.toBe(killed);
  const again = await waitFor('it answers', () => store.agreeFacts({ clusterId: 'other', shardCount: 8 }), testMs);
  expect(again).toEqual(facts);
  await store.close();
});

it(
  'starts it again when its disk was full, with all that it had acknowledged',
  { timeout: testMs },
  async ({ skip }) => {
    if (!('dir' in disk)) return skip(disk.reason);
    const options = { contactPoints: [address], localDataCenter: 'datacenter1', keyspace: 'kept' };
    const store = await openCassandraStore({ ...options, ...storeRuntime });
    const bytes = Buffer.alloc(payloadPartBytes, 'x');
    const kept: string[] = [];
    said.length = 0;
    disk.fill();
    await waitFor(
      'it ends when it cannot write',
      async () => {
        const id = `on a full disk ${kept.length}`;
        await store.payloads.putPayload({ name: id, bytes, expiresAtMs: Date.now() + testMs }).then(
          () => kept.push(id),
          () => undefined,
        );
        return said.some((line) => line.startsWith('Cassandra is down (it ended)'));
      },
      testMs,
      () => said.join('\n'),
    );
    disk.free();
    await waitFor(
      'it is back',
      () => said.includes('Cassandra is back'),
      testMs,
      () => said.join('\n'),
    );
    for (const id of kept) {
      const found = await waitFor('it answers', () => store.payloads.getPayload(id), testMs);
      expect(found.byteLength, id).toBe(bytes.byteLength);
    }
    await store.close();
  },
);
