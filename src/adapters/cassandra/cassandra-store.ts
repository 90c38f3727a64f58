/**
 * The store of a cluster, on a Cassandra ring. Opening it creates a missing keyspace, migrates the schema, and warns
 * about settings of the ring on which this store depends.
 */
import { invariant, TroupeError } from '../../domain/errors.ts';
import type { Clock, Logger, Telemetry } from '../../application/ports/runtime.ts';
import type { SchemaClimb, Store } from '../../application/ports/store.ts';
import { createStoreMeasures } from '../../application/storage/store-measures.ts';
import { createCassandraAuditStore } from './cassandra-audit-store.ts';
import { createCassandraDocumentStore } from './cassandra-document-store.ts';
import { createCassandraPayloadStore } from './cassandra-payload-store.ts';
import { createCassandraQueueStore } from './cassandra-queue-store.ts';
import type { CassandraAccess } from './cassandra-access.ts';
import { isForbidden } from './cassandra-error.ts';
import { connectCqlClient, type CqlClient, type CqlClientOptions } from './cql-client.ts';
import { createGroupCommit } from './group-commit.ts';
import { createJobReads } from './job-reads.ts';
import { createKeyEntries } from './key-entries.ts';
import { createQueueRegister } from './queue-register.ts';
import { warnAboutSettings } from './ring-settings.ts';
import { applyRingLogins } from './ring-logins.ts';
import type { RingLogin } from './role-statements.ts';
import { migrateKeyspace, schemaVersion } from './schema-migrations.ts';
import { createShardFence } from './shard-fence.ts';
import { noteObjectsMark, proposeFacts, readFacts, readObjectsMark, readScope } from './tables/cluster.ts';
import { createKeyspace } from './tables/keyspace.ts';
import { createPartitionExpiries } from './time-to-live.ts';
import { repeatUndecided } from './undecided.ts';
import { createWriteTimestamps } from './write-timestamps.ts';
import { given } from '../../domain/given.ts';

export interface CassandraStoreOptions {
  /** `host:port`, at least one. */
  readonly contactPoints: readonly string[];
  readonly localDataCenter: string;
  readonly keyspace: string;
  /** Login and TLS. Default: neither. */
  readonly access?: CassandraAccess;
  /** Number of replicas per data centre, used if the keyspace is created. Default: one in the local data centre. */
  readonly replication?: Readonly<Record<string, number>>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly telemetry: Telemetry;
  /** Logins that get their passwords, and the rights of their components, after the schema was migrated. Default: none. */
  readonly logins?: readonly RingLogin[];
  /**
   * Timeout of one request. It must exceed the server's own timeouts (2 s), so that the server answers first. Default
   * 4,000.
   */
  readonly requestTimeoutMs?: number;
}

/** The name is inserted into statements as text, so nothing else may pass. */
const namePattern = /^[a-z][a-z0-9_]{0,47}$/;
const dataCenterPattern = /^[A-Za-z0-9_-]{1,64}$/;
const defaultRequestTimeoutMs = 4_000;

/** Longest time until all nodes know a new keyspace. */
const keyspaceWaitMs = 30_000;
const keyspacePollMs = 100;

/**
 * Uses the keyspace if it exists and creates it only otherwise, so that the service account needs no permission to
 * create one. It retries for a while, because nodes do not learn at once of a keyspace that another process has just
 * created.
 */
async function connectKeyspace(options: CassandraStoreOptions, clientOptions: CqlClientOptions): Promise<CqlClient> {
  const { keyspace, localDataCenter } = options;
  const replication = options.replication ?? { [localDataCenter]: 1 };
  const names = Object.keys(replication);
  if (!namePattern.test(keyspace) || names.length === 0 || !names.every((name) => dataCenterPattern.test(name))) {
    throw new TroupeError('INVALID_ARGUMENT', {
      message: `keyspace '${keyspace}' or data centre '${names.join(', ')}' is not a valid name`,
    });
  }
  const deadlineMs = options.clock.monotonicMs() + keyspaceWaitMs;
  for (;;) {
    const client = await connectCqlClient({ ...clientOptions, keyspace });
    if (client !== 'unknown-keyspace') return client;
    if (options.clock.monotonicMs() > deadlineMs) {
      throw new TroupeError('STORE_UNAVAILABLE', {
        message: `keyspace ${keyspace} was created but did not become visible in time`,
      });
    }
    const maker = await connectCqlClient(clientOptions);
    invariant(maker !== 'unknown-keyspace', 'a client without a keyspace has none to miss');
    try {
      await unlessForbidden(keyspace, () => maker.changeSchema(createKeyspace(keyspace, replication)));
    } finally {
      await maker.close();
    }
    await new Promise<void>((resolve) => options.clock.setTimer(keyspacePollMs, resolve));
  }
}

/** Only the login of `troupe migrate` need be able to. The others wait for it, and find out here that it was not yet there. */
async function unlessForbidden<T>(keyspace: string, change: () => Promise<T>): Promise<T> {
  try {
    return await change();
  } catch (error) {
    if (!isForbidden(error)) throw error;
    throw new TroupeError('STORE_UNAVAILABLE', {
      message:
        `the login of this process may not bring the schema of keyspace ${keyspace} to version ${schemaVersion}: ` +
        'run `troupe migrate` of this version, with the login that may, and start again',
      cause: error,
    });
  }
}

function createFacts(client: CqlClient, clock: Clock): Store['agreeFacts'] {
  return (proposal) =>
    repeatUndecided(clock, async () => {
      const rows = await client.rows(readFacts, []);
      const facts = rows.at(0);
      if (facts !== undefined) return { clusterId: facts.cluster_id, shardCount: facts.shard_count };
      await client.conditional(proposeFacts, [proposal.clusterId, proposal.shardCount]);
      return undefined;
    });
}

function assemble(client: CqlClient, clock: Clock, schema: SchemaClimb): Store {
  const timestamps = createWriteTimestamps(clock);
  const expiries = createPartitionExpiries();
  const register = createQueueRegister(client);
  return {
    kind: 'cassandra',
    schema,
    jobs: {
      ...createShardFence({ client, clock, timestamps, expiries }),
      ...createJobReads(client, clock),
      ...createKeyEntries(client, clock),
      commit: createGroupCommit({ client, clock, timestamps, expiries, register }),
    },
    queues: createCassandraQueueStore(client, clock),
    documents: createCassandraDocumentStore(client, clock),
    audit: createCassandraAuditStore(client, clock),
    payloads: createCassandraPayloadStore(client, clock),
    agreeFacts: createFacts(client, clock),
    objectsMark: {
      isNoted: async () => (await client.rows(readObjectsMark, [])).length > 0,
      async note() {
        await client.rows(noteObjectsMark, []);
      },
    },
    async ping(timeoutMs) {
      await client.rows(readScope, [], timeoutMs);
    },
    close: () => client.close(),
  };
}

export async function openCassandraStore(options: CassandraStoreOptions): Promise<Store> {
  const { contactPoints, localDataCenter, keyspace, clock } = options;
  const log = options.log.child({ component: 'cassandra' });
  const clientOptions: CqlClientOptions = {
    contactPoints,
    localDataCenter,
    ...given({ access: options.access }),
    requestTimeoutMs: options.requestTimeoutMs ?? defaultRequestTimeoutMs,
    measures: createStoreMeasures('cassandra', clock, options.telemetry),
    log,
  };
  const client = await connectKeyspace(options, clientOptions);
  try {
    await warnAboutSettings(client, log);
    const schema = await unlessForbidden(keyspace, () => migrateKeyspace(client, keyspace, clock, log));
    await applyRingLogins({ client, keyspace, clock }, options.logins ?? []);
    return assemble(client, clock, schema);
  } catch (error) {
    await client.close();
    throw error;
  }
}
