// Two nodes on a real Cassandra, which is killed and started again under load.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, it } from 'vitest';
import { provisionCassandra } from '../../src/backing/cassandra/cassandra-install.ts';
import { type CassandraProcess, startCassandra } from '../../src/backing/cassandra/cassandra-process.ts';
import { cassandraCacheDir, freePort } from '../support/cassandra-global.ts';
import { type LoadedCassandra, startLoadedCassandra } from '../support/cassandra-load.ts';
import { silentLog } from '../support/stores.ts';

const testMs = 180_000;

let dataDir: string;
let boot: () => Promise<CassandraProcess>;
let cassandra: CassandraProcess;
let loaded: LoadedCassandra;

beforeAll(async () => {
  const install = await provisionCassandra({ cacheDir: cassandraCacheDir(), log: silentLog });
  dataDir = await mkdtemp(join(tmpdir(), 'troupe-cassandra-e2e-'));
  const [nativePort, storagePort] = [await freePort(), await freePort()];
  boot = () => startCassandra({ install, dataDir, nativePort, storagePort, heapMb: 512 });
  cassandra = await boot();
}, testMs);
afterAll(async () => {
  await cassandra.kill();
  await rm(dataDir, { recursive: true, force: true });
});

beforeEach(async () => {
  loaded = await startLoadedCassandra(cassandra);
}, testMs);
afterEach(() => loaded.stop(), testMs);

describe('on Cassandra', () => {
  it(
    'the store is killed and started again under load: no accepted job is lost, each ends once',
    async () => {
      const { a, b, cluster, load, accepted, everythingEndedOnce } = loaded;
      await accepted(60);
      await cassandra.kill();
      await cluster.waitFor('callers notice', () => load.refusals.size > 0, 30_000);
      cassandra = await boot();
      const backMs = performance.now();
      await accepted(60);
      process.stderr.write(`measured: serving again ${Math.round(performance.now() - backMs)} ms after\n`);
      await everythingEndedOnce([a, b]);
    },
    testMs,
  );
});
