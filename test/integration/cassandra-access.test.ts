/** A Cassandra that asks for a login and speaks TLS: let in with both, refused with a clear error without either. */
import { mkdtemp, rm } from 'node:fs/promises';
import { readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'cassandra-driver';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openCassandraStore, type CassandraStoreOptions } from '../../src/adapters/cassandra/cassandra-store.ts';
import { accessOptions, type CassandraAccess } from '../../src/adapters/cassandra/cassandra-access.ts';
import { cassandraAccess } from '../../src/compose/access.ts';
import type { Config } from '../../src/config/index.ts';
import { provisionCassandra } from '../../src/backing/cassandra/cassandra-install.ts';
import { startCassandra, type CassandraProcess } from '../../src/backing/cassandra/cassandra-process.ts';
import type { Store } from '../../src/application/ports/store.ts';
import { cassandraCacheDir, freePort } from '../support/cassandra-global.ts';
import { makeCertificates, pkcs12 } from '../support/certificates.ts';
import { startFaultProxy } from '../support/fault-proxy.ts';
import { eventually } from '../support/nats.ts';
import { silentLog, storeRuntime } from '../support/stores.ts';

const storePassword = 'changeit';
let folder: string;
let node: CassandraProcess;
let ca: Buffer;
let otherCa: Buffer;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'troupe-cassandra-access-'));
  const certificates = makeCertificates(folder);
  ca = readFileSync(certificates.caPath);
  otherCa = readFileSync(makeCertificates(folder, 'other').caPath);
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

function open(access: CassandraAccess, contactPoints = node.contactPoints): Promise<Store> {
  const { localDataCenter } = node;
  const options: CassandraStoreOptions = { contactPoints, localDataCenter, keyspace: 'access', ...storeRuntime };
  return openCassandraStore({ ...options, access });
}

const login = { user: 'cassandra', password: () => 'cassandra' };

it('opens with its login over TLS, and not without the one or with a wrong other', async () => {
  // The server makes its first role some seconds after it answers.
  let store: Store | undefined;
  await eventually(async () => {
    store = await open({ login, tls: () => ({ ca }) }).catch(() => undefined);
    return store !== undefined;
  }, 60_000);
  await store?.ping(2_000);
  await store?.close();
  await expect(open({ tls: () => ({ ca }) })).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  await expect(open({ login: { ...login, password: () => 'wrong' }, tls: () => ({ ca }) })).rejects.toMatchObject({
    code: 'STORE_UNAVAILABLE',
  });
  await expect(open({ login, tls: () => ({ ca: otherCa }) })).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
});

it('goes on with a password and authorities that were replaced while it was open', async () => {
  const [passwordPath, caPath] = [join(folder, 'password'), join(folder, 'authorities.pem')];
  writeFileSync(passwordPath, 'cassandra\n');
  writeFileSync(caPath, ca);
  const proxy = await startFaultProxy(node.contactPoints[0] ?? '');
  const settings = { user: 'cassandra', passwordPath, tls: { caPath } } as Config['store']['cassandra'];
  const store = await open(cassandraAccess(settings), [proxy.address]);
  // The role that changes passwords keeps its connection.
  const admin = new Client({
    contactPoints: [...node.contactPoints],
    localDataCenter: node.localDataCenter,
    ...accessOptions({ login, tls: () => ({ ca }) }),
  });
  await admin.connect();
  const answers = () =>
    store.ping(1_000).then(
      () => true,
      () => false,
    );
  try {
    await admin.execute("ALTER ROLE cassandra WITH PASSWORD = 'second'");
    // What is open goes on. New connections are refused until the file has the new password.
    expect(await answers()).toBe(true);
    proxy.drop();
    await eventually(async () => !(await answers()), 30_000);
    // Authorities that are half written are not used.
    writeFileSync(caPath, ca.subarray(0, 200));
    writeFileSync(passwordPath, 'second');
    await eventually(answers, 30_000);
    writeFileSync(caPath, otherCa);
    proxy.drop();
    await eventually(async () => !(await answers()), 30_000);
    writeFileSync(caPath, Buffer.concat([otherCa, ca]));
    await eventually(answers, 30_000);
  } finally {
    await admin.shutdown();
    await store.close();
    await proxy.close();
  }
}, 120_000);
