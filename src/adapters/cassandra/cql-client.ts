/**
 * The only way to Cassandra: prepared statements in the modes of `cql-statement.ts`, measured, limited in number, with
 * translated errors. Rows are plain column objects, which the caller types.
 */
import { Client, policies, types, type QueryOptions } from 'cassandra-driver';
import { invariant, TroupeError } from '../../domain/errors.ts';
import type { Logger } from '../../application/ports/runtime.ts';
import type { StoreMeasures } from '../../application/storage/store-measures.ts';
import { accessOptions, type CassandraAccess } from './cassandra-access.ts';
import { isUnknownName, translateCassandraError } from './cassandra-error.ts';
import { guardControlConnection } from './control-connection-guard.ts';
import type { CqlStatement, StatementMode } from './tables/cql-statement.ts';
import { createInFlightLimit } from './in-flight-limit.ts';
import { given } from '../../domain/given.ts';

/** Beyond this a node only queues requests. By default the server runs 128 at once. */
const inFlightMax = 512;
const waitingMax = 8_192;
/** Page size when all rows are read. */
const pageRows = 500;
/** Most rows of a statement that is not read in pages: a page of a listing and one more. */
const rowsMax = 2_000;
/** A schema change waits for every node. */
const schemaTimeoutMs = 30_000;
/** Longest delay between two attempts to reach a server that is away. */
const reconnectMaxMs = 1_000;

export interface CqlClientOptions {
  /** `host:port` */
  readonly contactPoints: readonly string[];
  readonly localDataCenter: string;
  readonly keyspace?: string;
  readonly access?: CassandraAccess;
  readonly requestTimeoutMs: number;
  readonly measures: StoreMeasures;
  readonly log: Logger;
}

export interface BatchItem<R = unknown> {
  readonly statement: CqlStatement<R>;
  readonly params: readonly unknown[];
}

export interface CqlClient {
  /** Executes a statement that returns at most `rowsMax` rows. More rows are a bug of the caller. */
  rows<R>(statement: CqlStatement<R>, params: readonly unknown[], timeoutMs?: number): Promise<readonly R[]>;
  /** All rows of a statement, page by page. */
  pages<R>(statement: CqlStatement<R>, params: readonly unknown[]): AsyncIterable<readonly R[]>;
  /**
   * Executes one conditional batch in one partition, which is a single round of consensus. The first statement
   * determines the partition and the label of the metrics. `current` is the row that refused the condition.
   */
  conditionalBatch<R>(
    items: readonly [BatchItem<R>, ...BatchItem[]],
  ): Promise<{ readonly applied: boolean; readonly current: R | undefined }>;
  /**
   * Plain writes in one request, at least one. They are independent: after an error any of them may have been applied.
   */
  plainBatch(items: readonly BatchItem[]): Promise<void>;
  conditional<R>(
    statement: CqlStatement<R>,
    params: readonly unknown[],
  ): Promise<{ readonly applied: boolean; readonly current: R | undefined }>;
  /** Executes DDL. Resolves when all live nodes agree on the schema. */
  changeSchema(cql: string): Promise<void>;
  close(): Promise<void>;
}

type Row = Readonly<Record<string, unknown>>;

const localQuorum = types.consistencies.localQuorum;
const localSerial = types.consistencies.localSerial;
const noRetry = new policies.retry.FallthroughRetryPolicy();
const retryOnce = new policies.retry.RetryPolicy();

const optionsByMode: Readonly<Record<StatementMode, QueryOptions>> = {
  read: { consistency: localQuorum, isIdempotent: true, retry: retryOnce },
  nodeRead: { consistency: types.consistencies.localOne, isIdempotent: true, retry: retryOnce },
  serialRead: { consistency: localSerial, isIdempotent: true, retry: retryOnce },
  write: { consistency: localQuorum, isIdempotent: true, retry: retryOnce },
  conditional: { consistency: localQuorum, serialConsistency: localSerial, isIdempotent: false, retry: noRetry },
};

function createDriver(options: CqlClientOptions): Client {
  const port = Number(options.contactPoints[0]?.split(':').at(-1));
  const driver = new Client({
    contactPoints: [...options.contactPoints],
    localDataCenter: options.localDataCenter,
    protocolOptions: { port },
    ...accessOptions(options.access ?? {}),
    ...given({ keyspace: options.keyspace }),
    pooling: { coreConnectionsPerHost: { [types.distance.local]: 2, [types.distance.remote]: 1 } },
    socketOptions: { readTimeout: options.requestTimeoutMs, connectTimeout: options.requestTimeoutMs },
    encoding: { useBigIntAsLong: true },
    // The driver's default policy waits up to ten minutes. For that long, a server that is back would not be used.
    policies: { reconnection: new policies.reconnection.ExponentialReconnectionPolicy(100, reconnectMaxMs) },
    monitorReporting: { enabled: false },
    queryOptions: { prepare: true, captureStackTrace: false, fetchSize: pageRows },
  });
  guardControlConnection(driver, (error) => {
    options.log.warn({ err: error }, 'the control connection to Cassandra is being restored');
  });
  return driver;
}

function verdict<R>(
  _statement: CqlStatement<R>,
  result: types.ResultSet,
): { readonly applied: boolean; readonly current: R | undefined } {
  const row = result.rows.at(0) as Row | undefined;
  return { applied: row?.['[applied]'] === true, current: row as R | undefined };
}

async function connectDriver(driver: Client, options: CqlClientOptions): Promise<'connected' | 'unknown-keyspace'> {
  try {
    await driver.connect();
    return 'connected';
  } catch (error) {
    await driver.shutdown().catch(() => undefined);
    if (isUnknownName(error)) return 'unknown-keyspace';
    const where = options.contactPoints.join(', ');
    throw new TroupeError('STORE_UNAVAILABLE', { message: `Cassandra does not answer at ${where}`, cause: error });
  }
}

/** `unknown-keyspace`: the server answers, but the keyspace does not exist. */
export async function connectCqlClient(options: CqlClientOptions): Promise<CqlClient | 'unknown-keyspace'> {
  const driver = createDriver(options);
  const limit = createInFlightLimit({ inFlightMax, waitingMax });
  let closing: Promise<void> | undefined;

  /** The measured time includes the wait for a place, because the caller waits for that too. */
  const send = <T>(name: string, mode: StatementMode, request: () => Promise<T>): Promise<T> => {
    if (closing !== undefined) {
      return Promise.reject(new TroupeError('SHUTTING_DOWN', { message: 'the store is closed' }));
    }
    return options.measures.query(name, async () => {
      try {
        return await limit.run(request);
      } catch (error) {
        throw translateCassandraError(error, mode);
      }
    });
  };
  const execute = (
    statement: CqlStatement,
    params: readonly unknown[],
    more?: QueryOptions,
  ): Promise<types.ResultSet> =>
    send(statement.name, statement.mode, () =>
      driver.execute(statement.cql, params as unknown[], { ...optionsByMode[statement.mode], prepare: true, ...more }),
    );

  const batch = (name: string, mode: StatementMode, items: readonly BatchItem[]): Promise<types.ResultSet> => {
    const queries = items.map((item) => ({ query: item.statement.cql, params: item.params as unknown[] }));
    const batchOptions = { ...optionsByMode[mode], prepare: true, logged: false };
    return send(name, mode, () => driver.batch(queries, batchOptions));
  };

  if ((await connectDriver(driver, options)) === 'unknown-keyspace') return 'unknown-keyspace';
  return {
    async rows<R>(statement: CqlStatement<R>, params: readonly unknown[], timeoutMs?: number) {
      const more = timeoutMs === undefined ? {} : { readTimeout: timeoutMs, retry: noRetry };
      const result = await execute(statement, params, { ...more, fetchSize: rowsMax });
      // The type says that it is always present, but it is null or absent after the last page.
      const pageState = result.pageState as string | null | undefined;
      invariant(pageState === null || pageState === undefined, `statement ${statement.name} returns few rows`);
      return ((result.rows as readonly unknown[] | undefined) ?? []) as readonly R[];
    },
    async *pages<R>(statement: CqlStatement<R>, params: readonly unknown[]): AsyncIterable<readonly R[]> {
      let more: QueryOptions | undefined;
      do {
        const page = await execute(statement, params, more);
        yield page.rows as unknown as readonly R[];
        // The type says that it is always present, but it is null after the last page.
        const pageState = page.pageState as string | null;
        more = pageState === null ? undefined : { pageState };
      } while (more !== undefined);
    },
    async conditionalBatch<R>(items: readonly [BatchItem<R>, ...BatchItem[]]) {
      const { statement } = items[0];
      return verdict(statement, await batch(statement.name, 'conditional', items));
    },
    async plainBatch(items) {
      await batch(items[0]?.statement.name ?? '', 'write', items);
    },
    async conditional<R>(statement: CqlStatement<R>, params: readonly unknown[]) {
      return verdict(statement, await execute(statement, params));
    },
    async changeSchema(cql) {
      const result = await send('change_schema', 'write', () =>
        driver.execute(cql, [], { prepare: false, isIdempotent: true, readTimeout: schemaTimeoutMs }),
      );
      if (!(result.info as { readonly isSchemaInAgreement?: boolean }).isSchemaInAgreement) {
        throw new TroupeError('STORE_UNAVAILABLE', { message: 'the Cassandra nodes do not agree on the schema' });
      }
    },
    close() {
      return (closing ??= driver.shutdown());
    },
  };
}
