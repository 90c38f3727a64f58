/**
 * One role for each component, on a ring that checks passwords and permissions: `troupe migrate` makes them, a cluster of three
 * processes with a login each does all its work, and each login is refused everything that it was not granted.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { auth, Client, errors, types } from 'cassandra-driver';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openCassandraStore } from '../../src/adapters/cassandra/cassandra-store.ts';
import { applyRingLogins } from '../../src/adapters/cassandra/ring-logins.ts';
import { schemaTables } from '../../src/adapters/cassandra/schema-migrations.ts';
import { rightsOf, type TableRight } from '../../src/adapters/cassandra/table-rights.ts';
import { provisionCassandra } from '../../src/backing/cassandra/cassandra-install.ts';
import { type CassandraProcess, startCassandra } from '../../src/backing/cassandra/cassandra-process.ts';
import { runCli } from '../../src/cli/main.ts';
import type { TroupeClient } from '../../src/client/index.ts';
import { type StoreComponent, storeComponents } from '../../src/domain/store-component.ts';
import { cassandraCacheDir, freePort } from '../support/cassandra-global.ts';
import { checkpointHandlersDir, clusterHandlersDir, startCluster, type TestCluster } from '../support/cluster.ts';
import { eventually } from '../support/nats.ts';
import { recordedTerminal } from '../support/recorded-terminal.ts';
import { realClock, silentLog, storeRuntime } from '../support/stores.ts';

const keyspace = 'roles';
const { unauthorized, invalid }: Readonly<Record<'unauthorized' | 'invalid', number>> = types.responseErrorCodes;

let folder: string;
let node: CassandraProcess;
let superuser: Client;
const opened: Client[] = [];

/** With what a statement could not hold as it is. */
const passwordOf = (user: string): string => `${user}'s "word" $`;
const passwordPath = (user: string): string => join(folder, `${user}.password`);
const userOf = (component: StoreComponent): string => `troupe-${component}`;

async function connectAs(user: string, password = passwordOf(user)): Promise<Client> {
  const { contactPoints, localDataCenter } = node;
  const client = new Client({
    contactPoints: [...contactPoints],
    localDataCenter,
    authProvider: new auth.PlainTextAuthProvider(user, password),
    monitorReporting: { enabled: false },
    socketOptions: { readTimeout: 30_000 },
  });
  opened.push(client);
  await client.connect();
  return client;
}

interface Login {
  readonly user: string;
  readonly components: readonly StoreComponent[];
}

const ownLogins: readonly Login[] = [
  ...storeComponents.map((component) => ({ user: userOf(component), components: [component] })),
  { user: 'troupe-all', components: ['gateway', 'shards', 'workers'] },
];

async function migrate(logins: readonly Login[], { by = 'migrator', into = keyspace } = {}) {
  const terminal = recordedTerminal();
  const withPaths = logins.map(({ user, components }) => ({ user, components, passwordPath: passwordPath(user) }));
  const file = join(folder, 'migrate.yaml');
  const cassandra = {
    contactPoints: node.contactPoints,
    localDataCenter: node.localDataCenter,
    keyspace: into,
    user: by,
    passwordPath: passwordPath(by),
    logins: withPaths,
  };
  writeFileSync(file, JSON.stringify({ dataDir: folder, store: { kind: 'cassandra', cassandra } }));
  return { code: await runCli(['migrate', '--config', file], { terminal }), ...terminal.written };
}

const openStoreAs = (user: string, into = keyspace, password = passwordOf(user)) =>
  openCassandraStore({
    contactPoints: node.contactPoints,
    localDataCenter: node.localDataCenter,
    keyspace: into,
    access: { login: { user, password: () => password } },
    ...storeRuntime,
  });

/** Rights are cached by the server for 2 s. */
const inTime = 20_000;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'troupe-cassandra-roles-'));
  const install = await provisionCassandra({ cacheDir: cassandraCacheDir(), log: silentLog });
  const [nativePort, storagePort] = [await freePort(), await freePort()];
  node = await startCassandra({
    install,
    dataDir: join(folder, 'data'),
    nativePort,
    storagePort,
    heapMb: 768,
    moreSettings: `authenticator: PasswordAuthenticator
authorizer: CassandraAuthorizer
drop_truncate_table_enabled: false
`,
  });
  for (const user of ['migrator', 'early', ...ownLogins.map(({ user }) => user), 'troupe-workers-2'])
    writeFileSync(passwordPath(user), `${passwordOf(user)}\n`);
  writeFileSync(passwordPath('cassandra'), 'cassandra');
  // The server makes its first role some seconds after it answers.
  await eventually(async () => {
    const client = await connectAs('cassandra', 'cassandra').catch(() => undefined);
    if (client !== undefined) superuser = client;
    return client !== undefined;
  }, 60_000);
  const word = (user: string): string => passwordOf(user).replaceAll("'", "''");
  for (const user of ['migrator', 'early'])
    await superuser.execute(`CREATE ROLE ${user} WITH PASSWORD = '${word(user)}' AND LOGIN = true`);
  // Not a superuser: it owns what it makes.
  await superuser.execute('GRANT CREATE ON ALL KEYSPACES TO migrator');
  await superuser.execute('GRANT CREATE ON ALL ROLES TO migrator');
}, 180_000);
afterAll(async () => {
  await Promise.all(opened.map((client) => client.shutdown()));
  await node.kill();
  await rm(folder, { recursive: true, force: true });
});

const refusalOf = async (client: Client, statement: string): Promise<number | 'done'> => {
  try {
    await client.execute(statement);
    return 'done';
  } catch (error) {
    if (error instanceof errors.ResponseError) return error.code;
    throw error;
  }
};

it('a process without the right to make the schema says who has it', async () => {
  await expect(openStoreAs('early')).rejects.toMatchObject({
    code: 'STORE_UNAVAILABLE',
    message: expect.stringMatching(/may not bring the schema of keyspace roles .* run `troupe migrate`/) as string,
  });
});

it('migrate that is cut off while it grants is completed by the next', { timeout: 120_000 }, async () => {
  const store = await openStoreAs('migrator');
  await store.close();
  const client = await connectAs('migrator');
  let left = 40;
  const cut = {
    async changeSchema(statement: string) {
      if ((left -= 1) < 0) throw new Error('cut off');
      await client.execute(statement);
    },
  };
  const logins = ownLogins.map((login) => ({ ...login, password: passwordOf(login.user) }));
  await expect(applyRingLogins({ client: cut, keyspace, clock: realClock }, logins)).rejects.toThrow('cut off');
  await expect(openStoreAs(userOf('shards'))).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  const done = await migrate(ownLogins);
  expect(done).toMatchObject({ code: 0, err: '' });
  expect(done.out).toContain(`logins with their rights: ${ownLogins.map(({ user }) => user).join(', ')}\n`);
  expect(done.out).not.toContain('word');
  expect(await migrate(ownLogins)).toMatchObject({ code: 0, err: '' });
});

describe('a cluster with a login for each process', () => {
  const operatorToken = 'operators-only-1234';
  let cluster: TestCluster;
  let admin: TroupeClient;
  let troupe: TroupeClient;
  /** Of a tenant. It takes 45 s, in which the others run. */
  let deletion: () => Promise<boolean>;

  const startAs = (component: 'gateway' | 'shards' | 'workers', name: string = component, user = userOf(component)) =>
    cluster.startNode(name, {
      roles: [component],
      handlerDirs: [clusterHandlersDir, checkpointHandlersDir],
      settings: {
        'store.cassandra.user': user,
        'store.cassandra.passwordPath': passwordPath(user),
        ...(component === 'gateway' && {
          'gateway.apiKeys': true,
          'gateway.operatorTokenPath': join(folder, 'operator'),
          'audit.submits': true,
        }),
      },
    });

  beforeAll(async () => {
    writeFileSync(join(folder, 'operator'), operatorToken);
    cluster = await startCluster({
      settings: {
        'store.kind': 'cassandra',
        'store.cassandra.contactPoints': node.contactPoints.join(','),
        'store.cassandra.localDataCenter': node.localDataCenter,
        'store.cassandra.keyspace': keyspace,
        // Large payloads beside the ring, whose mark is noted in it.
        'objects.kind': 'files',
        'objects.files.path': join(folder, 'objects'),
      },
    });
    const [gateway] = await Promise.all([startAs('gateway'), startAs('shards')]);
    await startAs('workers');
    admin = gateway.client({ token: operatorToken });
    await admin.accounts.create('tests', { roles: ['tenant-admin', 'operator', 'submitter', 'payload-viewer'] });
    const { key } = await admin.accounts.createKey('tests');
    troupe = gateway.client({ token: key });
  }, 180_000);
  afterAll(() => cluster.stop());

  const ran = async (handler: string, input: unknown, options = {}): Promise<string> => {
    const { jobId } = await troupe.submit(handler, input, options);
    await troupe.wait(jobId);
    return jobId;
  };

  it('runs jobs, with inputs and outputs of every kind of place', { timeout: 60_000 }, async () => {
    const echoed = await ran('test.echo', { small: true }, { idempotencyKey: 'once' });
    expect((await troupe.submit('test.echo', { small: true }, { idempotencyKey: 'once' })).jobId).toBe(echoed);
    // More than a record holds, and more than a part; the largest lie beside the ring.
    for (const bytes of [100_000, 2_500_000]) {
      const sized = await troupe.get(await ran('test.sized', { bytes }));
      expect(sized).toMatchObject({ state: 'SUCCEEDED' });
      const input = new Uint8Array(bytes).fill(3);
      const large = await troupe.get(await ran('test.echo', input, { uniqueKey: `of-${bytes}` }));
      expect(large).toMatchObject({ state: 'SUCCEEDED' });
      await troupe.erasePayloads(large.id);
    }
  });

  it('keeps checkpoints, fails, retries, cancels, lists and counts', { timeout: 60_000 }, async () => {
    const gate = join(folder, 'gate');
    writeFileSync(gate, '');
    const steps = await ran('test.steps', { gate, ledger: join(folder, 'steps.ledger'), steps: 3 });
    expect(await troupe.get(steps)).toMatchObject({ state: 'SUCCEEDED' });
    const failed = await ran('test.gated', { gate: join(folder, 'never'), n: 1 });
    expect(await troupe.get(failed)).toMatchObject({ state: 'FAILED' });
    await troupe.retry(failed);
    const { jobId: later } = await troupe.submit('test.echo', 1, { runAt: new Date(Date.now() + 3_600_000) });
    await troupe.reschedule(later, new Date(Date.now() + 7_200_000));
    await troupe.cancel(later);
    const listed: string[] = [];
    for await (const { id } of troupe.list({ queue: 'default' })) listed.push(id);
    expect(listed).toContain(later);
    const ended: string[] = [];
    for await (const { id } of troupe.list({ queue: 'default', states: ['FAILED', 'CANCELLED'] })) ended.push(id);
    expect(ended).toEqual(expect.arrayContaining([failed, later]));
  });

  it('manages queues, tenants, accounts and keys, and reads the audit log', { timeout: 120_000 }, async () => {
    const queue = await troupe.queues.create('reports');
    await troupe.queues.update('reports', queue.version, { flow: { maxRunning: 1 } });
    await ran('test.echo', 1, { queue: 'reports' });
    await troupe.queues.delete('reports');
    const { etag } = await admin.tenants.create('shop', { quotas: { queues: 3 } });
    await admin.tenants.update('shop', etag, { weight: 2 });
    await admin.tenants.pause('shop');
    const done = (async () => {
      for await (const { phase } of admin.tenants.delete('shop')) if (phase === 'done') return true;
      return false;
    })();
    deletion = () => done;
    const { keys } = await troupe.accounts.get('tests');
    expect(keys).toHaveLength(1);
    const methods = new Set<string>();
    for await (const { method } of admin.audit.list({ of: 'cluster' })) methods.add(method);
    expect([...methods]).toEqual(expect.arrayContaining(['CreateTenant', 'DeleteTenant']));
  });

  it('hands shards over to the next owner, which reads what is unfinished', { timeout: 120_000 }, async () => {
    const { jobId } = await troupe.submit('test.echo', 1, { runAt: new Date(Date.now() + 3_600_000) });
    const next = await startAs('shards', 'next');
    await cluster.waitFor(
      'it owns some',
      async () => {
        const { shards } = await admin.cluster.shards();
        return shards.some(({ node: owner }) => owner === next.name);
      },
      60_000,
    );
    expect(await troupe.get(jobId)).toMatchObject({ id: jobId });
    await ran('test.echo', 2);
  });

  it('has a process with all roles take the union of their rights', { timeout: 120_000 }, async () => {
    const all = await cluster.startNode('all', {
      settings: { 'store.cassandra.user': 'troupe-all', 'store.cassandra.passwordPath': passwordPath('troupe-all') },
    });
    const { jobId } = await all.client().submit('test.echo', new Uint8Array(100_000));
    expect(await all.client().wait(jobId)).toMatchObject({ state: 'SUCCEEDED' });
  });

  it('was refused nothing in all that', { timeout: 120_000 }, async () => {
    expect(await deletion()).toBe(true);
    const refused = cluster.lines().filter(({ text }) => /refuses this statement|has no \w+ permission/.test(text));
    expect(refused.map(({ text }) => text)).toEqual([]);
  });
});

describe('each login', () => {
  interface Column {
    readonly column: string;
    readonly type: string;
  }
  const keys = new Map<string, readonly Column[]>();

  beforeAll(async () => {
    const text = 'SELECT table_name, column_name, type, kind FROM system_schema.columns WHERE keyspace_name = ?';
    for (const row of (await superuser.execute(text, [keyspace])).rows) {
      if (row.get('kind') !== 'partition_key') continue;
      const table = String(row.get('table_name'));
      const column = { column: String(row.get('column_name')), type: String(row.get('type')) };
      keys.set(table, [...(keys.get(table) ?? []), column]);
    }
  });

  /** Of a row that is not there, so that nothing is lost. */
  function removalFrom(table: string): string {
    const key = (keys.get(table) ?? []).map(({ column, type }) => `${column} = ${type === 'int' ? '-1' : "'none'"}`);
    return `DELETE FROM ${keyspace}.${table} USING TIMESTAMP 1 WHERE ${key.join(' AND ')}`;
  }

  const statementOf = (right: TableRight, table: string): string =>
    right === 'SELECT' ? `SELECT * FROM ${keyspace}.${table} LIMIT 1` : removalFrom(table);

  it('is allowed what was granted, and refused every other table and verb', { timeout: 180_000 }, async () => {
    const wrong: string[] = [];
    let tried = 0;
    const expectOf = async (client: Client, statement: string, wanted: number | 'done'): Promise<void> => {
      tried += 1;
      const found = await refusalOf(client, statement);
      if (found !== wanted) wrong.push(`${statement}: ${found}, not ${wanted}`);
    };
    expect([...keys.keys()].toSorted()).toEqual(schemaTables.toSorted());
    for (const { user, components } of ownLogins) {
      const client = await connectAs(user);
      for (const table of schemaTables) {
        const has = (right: TableRight) => components.some((one) => rightsOf(one, table).includes(right));
        for (const right of ['SELECT', 'MODIFY'] as const)
          await expectOf(client, statementOf(right, table), has(right) ? 'done' : unauthorized);
        // Who may modify could truncate as well, were it not for the setting of the ring.
        await expectOf(client, `TRUNCATE ${keyspace}.${table}`, has('MODIFY') ? invalid : unauthorized);
        await expectOf(client, `ALTER TABLE ${keyspace}.${table} WITH comment = 'x'`, unauthorized);
        await expectOf(client, `DROP TABLE ${keyspace}.${table}`, unauthorized);
        await expectOf(client, `GRANT SELECT ON ${keyspace}.${table} TO "${user}"`, unauthorized);
      }
      for (const statement of [
        `CREATE TABLE ${keyspace}.own (id int PRIMARY KEY)`,
        "CREATE KEYSPACE own WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
        `DROP KEYSPACE ${keyspace}`,
        'CREATE ROLE own',
        `ALTER ROLE migrator WITH PASSWORD = 'x'`,
        `GRANT "${keyspace}/shards" TO "${user}"`,
        'SELECT * FROM system_auth.roles',
      ])
        await expectOf(client, statement, unauthorized);
    }
    process.stderr.write(`measured: ${tried} statements of ${ownLogins.length} logins tried\n`);
    expect(wrong).toEqual([]);
  });
});

describe('passwords and logins', { timeout: 180_000 }, () => {
  const workers = userOf('workers');
  const second: Login = { user: 'troupe-workers-2', components: ['workers'] };

  it('two logins of a component have the same rights while a process moves from one to the other', async () => {
    expect(await migrate([...ownLogins, second])).toMatchObject({ code: 0, err: '' });
    for (const user of [workers, second.user]) {
      const store = await openStoreAs(user);
      await store.payloads.putPayload({
        name: `by-${user}`,
        bytes: new Uint8Array(3),
        expiresAtMs: Date.now() + 60_000,
      });
      await store.close();
    }
  });

  it('a password that was replaced in its file is the only one after the next migrate', async () => {
    writeFileSync(passwordPath(workers), 'another');
    expect(await migrate(ownLogins)).toMatchObject({ code: 0, err: '' });
    await (await openStoreAs(workers, keyspace, 'another')).close();
    await eventually(
      async () =>
        (await openStoreAs(workers).then(
          (s) => s.close(),
          () => 'refused',
        )) === 'refused',
      inTime,
    );
  });

  it('a component that is taken from a login takes its rights along', async () => {
    const lessened = ownLogins.map((login) =>
      login.user === 'troupe-all' ? { ...login, components: ['shards' as const] } : login,
    );
    expect(await migrate(lessened)).toMatchObject({ code: 0, err: '' });
    const client = await connectAs('troupe-all');
    await eventually(
      async () => (await refusalOf(client, `SELECT * FROM ${keyspace}.payload_parts LIMIT 1`)) === unauthorized,
      inTime,
    );
    expect(await refusalOf(client, `SELECT * FROM ${keyspace}.jobs LIMIT 1`)).toBe('done');
  });

  it('what somebody gave a login or a component on the keyspace is taken back, and so is a superuser', async () => {
    const names = ['troupe-auditor', `${keyspace}/auditor`];
    expect(await migrate(ownLogins)).toMatchObject({ code: 0, err: '' });
    const read = `SELECT * FROM ${keyspace}.jobs LIMIT 1`;
    const refusedFrom = async (client: Client, from: number | 'done', statement: string) => {
      await eventually(async () => (await refusalOf(client, statement)) === from, inTime);
    };
    const client = await connectAs('troupe-auditor');
    await refusedFrom(client, unauthorized, read);
    for (const name of names) {
      await superuser.execute(`GRANT ALL PERMISSIONS ON KEYSPACE ${keyspace} TO "${name}"`);
      await refusedFrom(client, 'done', read);
      expect(await migrate(ownLogins)).toMatchObject({ code: 0, err: '' });
      await refusedFrom(client, unauthorized, read);
      expect(await refusalOf(client, `CREATE TABLE ${keyspace}.own (id int PRIMARY KEY)`)).toBe(unauthorized);
      await superuser.execute(`GRANT SELECT ON ALL TABLES IN KEYSPACE ${keyspace} TO "${name}"`);
      await refusedFrom(client, 'done', read);
      expect(await migrate(ownLogins)).toMatchObject({ code: 0, err: '' });
      await refusedFrom(client, unauthorized, read);
    }
    await superuser.execute(`GRANT "${keyspace}/shards" TO "${keyspace}/auditor"`);
    await superuser.execute(`ALTER ROLE "${keyspace}/auditor" WITH PASSWORD = 'known' AND LOGIN = true`);
    await refusedFrom(client, 'done', read);
    await (await connectAs(`${keyspace}/auditor`, 'known')).execute(read);
    expect(await migrate(ownLogins)).toMatchObject({ code: 0, err: '' });
    await refusedFrom(client, unauthorized, read);
    await expect(connectAs(`${keyspace}/auditor`, 'known')).rejects.toThrow(/not permitted to log in/);
    for (const name of names) {
      await superuser.execute(`ALTER ROLE "${name}" WITH SUPERUSER = true`);
      await refusedFrom(client, 'done', read);
      expect(await migrate(ownLogins, { by: 'cassandra' })).toMatchObject({ code: 0, err: '' });
      await refusedFrom(client, unauthorized, read);
    }
  });

  it('a cluster with one login for everything goes on, before its logins are made and after', async () => {
    const [into, by] = ['upgraded', 'cassandra'];
    expect(await migrate([], { into, by })).toMatchObject({ code: 0, err: '' });
    const former = await openStoreAs(by, into, 'cassandra');
    expect(await migrate(ownLogins, { into, by })).toMatchObject({ code: 0, err: '' });
    const facts = await former.agreeFacts({ clusterId: 'other', shardCount: 3 });
    const latter = await openStoreAs(userOf('shards'), into);
    expect(await latter.agreeFacts({ clusterId: 'third', shardCount: 5 })).toEqual(facts);
    expect((await former.jobs.takeShard(0, 'former')).epoch).toBe(1);
    expect((await latter.jobs.takeShard(0, 'latter')).epoch).toBe(2);
    await Promise.all([former.close(), latter.close()]);
  });

  it('a login that may not make roles is told so, without a password in it', async () => {
    const done = await migrate(ownLogins, { by: second.user, into: keyspace });
    expect(done.code).toBe(8);
    expect(done.err).toMatch(/the rights of store\.cassandra\.logins cannot be granted: /);
    expect(done.err).not.toContain('word');
  });
});
