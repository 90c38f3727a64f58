/** A Cassandra that asks for a login and speaks TLS: let in with both, refused with a clear error without either. */
import { mkdtemp, rm } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openCassandraStore, type CassandraStoreOptions } from '../../src/adapters/cassandra/cassandra-store.ts';
import type { CassandraAccess } from '../../src/adapters/cassandra/cql-client.ts';
import { provisionCassandra } from '../../src/backing/cassandra/cassandra-install.ts';
import { startCassandra, type CassandraProcess } from '../../src/backing/cassandra/cassandra-process.ts';
import type { Store } from '../../src/application/ports/store.ts';
import { cassandraCacheDir, freePort } from '../support/cassandra-global.ts';
import { makeCertificates, pkcs12 } from '../support/certificates.ts';
import { eventually } from '../support/nats.ts';
import { silentLog, storeRuntime } from '../support/stores.ts';

const storePassword = 'changeit';
let folder: string;
let node: CassandraProcess;
let ca: string;
let otherCa: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'troupe-cassandra-access-'));
  const certificates = makeCertificates(folder);
  ca = readFileSync(certificates.caPath, 'utf8');
  otherCa = readFileSync(makeCertificates(folder, 'other').caPath, 'utf8');
  const keystore = join(folder, 'server.p12');
  pkcs12(certificates, keystore, storePassword);
  const install = await provisionCassandra({ cacheDir: cassandraCacheDir(), log: silentLog });
  const [nativePort, storagePort] = [await freePort(), await freePort()];
  const moreSettings = `authenticator: PasswordAuthenticator
authorizer: CassandraAuthorizer
client_encryption_options:
  enabled: true
  optional: true
  keystore: ${JSON.stringify(keystore)}
  keystore_password: ${storePassword}
  store_type: PKCS12
`;
  node = await startCassandra({
    install,
    dataDir: join(folder, 'data'),
    nativePort,
    storagePort,
    heapMb: 512,
    moreSettings,
  });
}, 120_000);
afterAll(async () => {
  await node.kill();
  await rm(folder, { recursive: true, force: true });
});

function open(access: CassandraAccess): Promise<Store> {
  const { contactPoints, localDataCenter } = node;
  const options: CassandraStoreOptions = { contactPoints, localDataCenter, keyspace: 'access', ...storeRuntime };
  return openCassandraStore({ ...options, access });
}

const login = { user: 'cassandra', password: 'cassandra' };

it('opens with its login over TLS, and not without the one or with a wrong other', async () => {
  // The server makes its first role some seconds after it answers.
  let store: Store | undefined;
  await eventually(async () => {
    store = await open({ login, tls: { ca } }).catch(() => undefined);
    return store !== undefined;
  }, 60_000);
  await store?.ping(2_000);
  await store?.close();
  await expect(open({ tls: { ca } })).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  await expect(open({ login: { ...login, password: 'wrong' }, tls: { ca } })).rejects.toMatchObject({
    code: 'STORE_UNAVAILABLE',
  });
  await expect(open({ login, tls: { ca: otherCa } })).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
});
