/** Bringing a keyspace up to date: by many at once, after one died half-way, and not at all when it is newer. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Client } from 'cassandra-driver';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { openCassandraStore } from '../../src/adapters/cassandra/cassandra-store.ts';
import { schemaVersion } from '../../src/adapters/cassandra/schema-migrations.ts';
import type { Logger } from '../../src/application/ports/runtime.ts';
import { connectDriver, makeCassandraHarness } from '../support/cassandra-stores.ts';
import { silentLog, storeRuntime } from '../support/stores.ts';

const openerScript = new URL('../support/cassandra-opener.ts', import.meta.url).pathname;
const run = promisify(execFile);

const allVersions = Array.from({ length: schemaVersion }, (_, n) => n + 1);

describe('the schema in Cassandra', () => {
  const cassandra = inject('cassandra');
  let harness: Awaited<ReturnType<typeof makeCassandraHarness>>;
  let driver: Client;

  beforeEach(async () => {
    harness = await makeCassandraHarness(cassandra);
    driver = harness.driver;
  });
  afterEach(() => harness.dispose());

  const migrations = async (): Promise<readonly Record<string, unknown>[]> => {
    const cql = `SELECT version, lock_holder FROM ${harness.keyspace}.schema_migrations WHERE scope = 0`;
    const { rows } = await driver.execute(cql);
    return rows.map((row) => ({ version: row.get('version') as unknown, lock: row.get('lock_holder') as unknown }));
  };

  it('is made once by processes that start together on an empty ring', async () => {
    const { contactPoints, localDataCenter } = cassandra;
    const args = [openerScript, contactPoints[0] ?? '', localDataCenter, harness.keyspace];
    const outputs = await Promise.all([1, 2, 3, 4].map(() => run(process.execPath, args, { timeout: 60_000 })));
    expect(new Set(outputs.map(({ stdout }) => stdout)).size).toBe(1);
    expect(await migrations()).toEqual(allVersions.map((version) => ({ version, lock: null })));
  });

  it('is finished by the next process when one died half-way, once its lock has expired', async () => {
    const { keyspace } = harness;
    await (await harness.open()).close();
    for (const table of ['cluster', 'queues', 'payload_parts']) await driver.execute(`DROP TABLE ${keyspace}.${table}`);
    // What a process leaves that died between two tables: no version, and a lock that runs out.
    for (const version of allVersions) {
      await driver.execute(`DELETE FROM ${keyspace}.schema_migrations WHERE scope = 0 AND version = ${version}`);
    }
    await driver.execute(
      `UPDATE ${keyspace}.schema_migrations USING TTL 3 SET lock_holder = 'dead' WHERE scope = 0 IF lock_holder = null`,
    );
    const lockedAtMs = performance.now();
    const store = await harness.open();
    expect(performance.now() - lockedAtMs).toBeGreaterThan(1_500);
    expect(await store.agreeFacts({ clusterId: 'c', shardCount: 4 })).toEqual({ clusterId: 'c', shardCount: 4 });
    expect(await migrations()).toEqual(allVersions.map((version) => ({ version, lock: null })));
  });

  it('of version 5 has no documents, audit log and kept bytes: it takes them, and has what it had', async () => {
    const { keyspace } = harness;
    const before = await harness.open();
    const facts = await before.agreeFacts({ clusterId: 'c', shardCount: 4 });
    await before.close();
    for (const [table, version] of Object.entries({ documents: 6, audit_rows: 7, kept_bytes: 8 })) {
      await driver.execute(`DROP TABLE ${keyspace}.${table}`);
      await driver.execute(`DELETE FROM ${keyspace}.schema_migrations WHERE scope = 0 AND version = ${version}`);
    }
    const { schema, jobs, documents, audit, agreeFacts } = await harness.open();
    expect(schema).toEqual({ from: 5, to: 8 });
    const place = { collection: 'api-keys', scope: 'acme', name: 'ci' } as const;
    const { document } = await documents.createDocument(place, '{}');
    expect(await documents.findDocument(place)).toEqual(document);
    expect(await audit.readRows({ scope: 'cluster', day: '2026-11-30' }, { order: 'oldest-first', most: 9 })).toEqual(
      [],
    );
    expect(await jobs.findKept({ shard: 0, tenant: 'acme' })).toEqual([]);
    expect(await agreeFacts({ clusterId: 'late', shardCount: 9 })).toEqual(facts);
    expect(await migrations()).toEqual(allVersions.map((version) => ({ version, lock: null })));
  });

  it('of a newer version is refused', async () => {
    await (await harness.open()).close();
    await driver.execute(
      `INSERT INTO ${harness.keyspace}.schema_migrations (scope, version, applied_at) VALUES (0, 99, 1)`,
    );
    await expect(harness.open()).rejects.toThrow(/schema version 99.*use a newer Troupe/);
  });

  it('lies in a keyspace with the copies that were asked for, under a name that can be no statement', async () => {
    const { contactPoints, localDataCenter } = cassandra;
    const open = (keyspace: string, replication: Record<string, number>) =>
      openCassandraStore({ contactPoints, localDataCenter, keyspace, replication, ...storeRuntime });
    await (await open(harness.keyspace, { [localDataCenter]: 1 })).close();
    const other = await connectDriver(cassandra);
    const found = await other.execute('SELECT replication FROM system_schema.keyspaces WHERE keyspace_name = ?', [
      harness.keyspace,
    ]);
    expect((found.first().get('replication') as Record<string, string>)[localDataCenter]).toBe('1');
    await other.shutdown();
    for (const name of ['x; DROP KEYSPACE y', 'Upper', '', 'a'.repeat(49)]) {
      await expect(open(name, { [localDataCenter]: 1 })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    }
  });

  it('is opened without a complaint on a ring that is set up as expected', async () => {
    const warnings: unknown[] = [];
    const log: Logger = { ...silentLog, warn: (fields) => warnings.push(fields), child: () => log };
    const { contactPoints, localDataCenter } = cassandra;
    const store = await openCassandraStore({
      contactPoints,
      localDataCenter,
      keyspace: harness.keyspace,
      ...storeRuntime,
      log,
    });
    await store.close();
    const settings = await driver.execute(
      `SELECT name, value FROM system_views.settings WHERE name IN ('paxos_variant', 'commitlog_sync')`,
    );
    const asExpected = settings.rows.every((row) => ['v2', 'group', 'batch'].includes(row.get('value') as string));
    expect(warnings.length === 0).toBe(asExpected);
  });

  it('cannot be opened where nobody listens', async () => {
    const opening = openCassandraStore({
      contactPoints: ['127.0.0.1:1'],
      localDataCenter: 'dc',
      keyspace: 'k',
      ...storeRuntime,
    });
    await expect(opening).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  });
});
