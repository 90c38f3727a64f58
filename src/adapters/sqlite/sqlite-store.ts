/**
 * The embedded store for one machine: everything is in one file. Several processes may share the file; the same fencing
 * as in Cassandra holds between them. In each process a thread owns the file
 * ([ADR 0046](../../../docs/adr/0046-a-thread-owns-the-embedded-store.md)).
 */
import type { Clock, Logger, Telemetry } from '../../application/ports/runtime.ts';
import type { Store } from '../../application/ports/store.ts';
import { createStoreMeasures } from '../../application/storage/store-measures.ts';
import { given } from '../../domain/given.ts';
import { startExpirySweep } from './expiry-sweep.ts';
import { createInlineLink } from './link/inline-link.ts';
import { createSqliteAuditStore } from './sqlite-audit-store.ts';
import { createSqliteDocumentStore } from './sqlite-document-store.ts';
import { createSqliteJobStore } from './sqlite-job-store.ts';
import { createSqlitePayloadStore } from './sqlite-payload-store.ts';
import { createSqliteQueueStore } from './sqlite-queue-store.ts';
import { measuredLink, type StoreLink } from './link/store-link.ts';
import { openThreadLink } from './link/thread-link.ts';

export interface SqliteStoreOptions {
  /** The database file. Its folder is created if necessary. */
  readonly path: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly telemetry: Telemetry;
  /**
   * Most pages of 8 KiB to which this process lets the file grow. Beyond that, writes fail as on a full disk. Default:
   * no limit.
   */
  readonly maxPages?: number;
}

export interface SqliteThreadOptions extends SqliteStoreOptions {
  /** Longest time without an answer before the store counts as lost. */
  readonly silenceMaxMs?: number;
  /** What the thread finds in its environment. Default: nothing. */
  readonly threadEnv?: Readonly<Record<string, string>>;
  /** The process must end: this store will never answer again. Default: an error that nobody catches. */
  readonly onLost?: (reason: Error) => void;
}

/** As of the setting `store.sqlite.silenceMaxMs`. */
const defaultSilenceMaxMs = 30_000;

export async function openSqliteStore(options: SqliteThreadOptions): Promise<Store> {
  const { path, maxPages, clock, threadEnv = {}, silenceMaxMs = defaultSilenceMaxMs, onLost = endProcess } = options;
  const log = options.log.child({ component: 'sqlite' });
  const setup = { path, ...given({ maxPages }) };
  return storeOn(await openThreadLink({ setup, clock, log, silenceMaxMs, env: threadEnv, onLost }), options);
}

/** Without a thread: every call blocks its caller until it is done. For tests in virtual time. */
export async function openInlineSqliteStore(options: SqliteStoreOptions): Promise<Store> {
  const { path, maxPages, clock } = options;
  return storeOn(createInlineLink({ path, ...given({ maxPages }) }, clock), options);
}

function storeOn(link: StoreLink, { path, clock, telemetry, ...options }: SqliteStoreOptions): Store {
  const log = options.log.child({ component: 'sqlite' });
  const { schema } = link;
  const { from, to } = schema;
  if (from !== to) log.info({ path, fromVersion: from, toVersion: to }, 'schema migrated');
  const measured = measuredLink(link, createStoreMeasures('sqlite', clock, telemetry));
  const stopSweep = startExpirySweep(measured, clock, log);
  return {
    kind: 'sqlite',
    schema,
    jobs: createSqliteJobStore(measured, clock),
    queues: createSqliteQueueStore(measured),
    documents: createSqliteDocumentStore(measured),
    audit: createSqliteAuditStore(measured, clock),
    payloads: createSqlitePayloadStore(measured, clock),
    agreeFacts: ({ clusterId, shardCount }) => measured.write('agreeFacts', { clusterId, shardCount }),
    objectsMark: {
      isNoted: () => measured.read('hasObjectsMark'),
      note: () => measured.write('noteObjectsMark'),
    },
    async ping() {
      await measured.read('ping');
    },
    async close() {
      stopSweep();
      await link.close();
    },
  };
}

function endProcess(reason: Error): void {
  queueMicrotask(() => {
    throw reason;
  });
}
