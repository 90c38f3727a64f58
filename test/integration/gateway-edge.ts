/**
 * The edge of a cluster for its own tests: the real gateway on a real socket, real use cases, a real embedded store. What
 * lies behind the ports is short: shards that decide with the real domain and commit to the store, a feed in memory,
 * and a configuration that the test fills. `hold` and `fates` make shards slow or absent.
 */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import { createPrometheusTelemetry, type PrometheusTelemetry } from '../../src/adapters/telemetry/prometheus.ts';
import { openSqliteStore } from '../../src/adapters/sqlite/sqlite-store.ts';
import { type AuditLog, createAuditLog } from '../../src/application/audit/audit-log.ts';
import type { AuditStore } from '../../src/application/ports/audit-store.ts';
import { createShardBatcher } from '../../src/application/protocol/shard-batcher.ts';
import type { NodeVerb, NodeVerbs } from '../../src/application/ports/node-protocol.ts';
import type { LiveFeed } from '../../src/application/ports/bus.ts';
import type { EventLog, EventLogs, KeptEvent } from '../../src/application/ports/event-log.ts';
import { rolesWith } from '../../src/domain/access/role.ts';
import { given } from '../../src/domain/given.ts';
import { besidesInputBytes, inputBytes } from '../../src/domain/job-brief.ts';
import { storedBytes } from '../../src/domain/stored-bytes.ts';
import type { NodeInfo } from '../../src/application/ports/membership.ts';
import type { ShardClient } from '../../src/application/ports/shard-link.ts';
import type { PayloadStore } from '../../src/application/ports/payload-store.ts';
import type { Clock } from '../../src/application/ports/runtime.ts';
import type { Store } from '../../src/application/ports/store.ts';
import type {
  ItemResult,
  JobView,
  QueueStatsItem,
  SubmitItem,
  SubmitResult,
  SurveyItem,
  TenantStatsItem,
  UnfinishedJobs,
} from '../../src/application/ports/shard-protocol.ts';
import { isInSome } from '../../src/domain/access/role-binding.ts';
import {
  addFigures,
  noFigures,
  noSurvey,
  type QueueSurvey,
  type SurveyFigures,
  type SurveyRow,
} from '../../src/domain/queue-survey.ts';
import { noStats, type QueueStats } from '../../src/domain/queue-stats.ts';
import type { TenantStats } from '../../src/domain/tenant-stats.ts';
import { createKnownTenants } from '../../src/application/tenants/known-tenants.ts';
import { noSealing, type Sealing } from '../../src/application/sealing/sealing.ts';
import { createUseCases } from '../../src/application/use-cases.ts';
import { type ClientOptions, connect, type TroupeClient } from '../../src/client/index.ts';
import { TroupeError } from '../../src/domain/errors.ts';
import type { HandlerManifest } from '../../src/domain/handler-manifest.ts';
import { isTerminal, type JobRecord } from '../../src/domain/job.ts';
import { bucketOf, createJobIdGenerator, type JobId, jobIdParts } from '../../src/domain/job-id.ts';
import { defaultQueueSettings, type QueueClosing } from '../../src/domain/queue.ts';
import { eraseJob } from '../../src/domain/payload-life.ts';
import { acceptJob, decide, type JobCommand } from '../../src/domain/transitions.ts';
import { createInputValidator } from '../../src/gateway/input-validator.ts';
import { createJobCache } from '../../src/gateway/job-cache.ts';
import { type Authenticator, createAuthenticator } from '../../src/gateway/access/authenticator.ts';
import { createTenantCheck } from '../../src/gateway/access/tenant-check.ts';
import { createGateway, type Gateway, type GatewayOptions, type GatewayPorts } from '../../src/gateway/server.ts';
import { MemoryConsumers } from '../support/memory-consumers.ts';
import { memoryQuarantines } from '../support/queue-marks.ts';
import { realClock, silentLog } from '../support/stores.ts';

export const shardCount = 4;
export const payloadMaxBytes = 64 * 1_024;

/** Everyone may do everything, as on loopback. */
export const openToAll = createAuthenticator({
  operatorToken: undefined,
  tokens: undefined,
  withoutCredential: 'everything',
});

type NodeAnswers = { readonly [V in NodeVerb]?: (question: NodeVerbs[V]['ask']) => NodeVerbs[V]['answer'] };

export interface Edge {
  readonly port: number;
  readonly gateway: Gateway;
  readonly store: Store;
  readonly telemetry: PrometheusTelemetry;
  readonly manifests: Map<string, HandlerManifest>;
  /** Jobs by id, as the shards have them. */
  readonly records: Map<JobId, JobRecord>;
  /** Verbs asked of the shards so far, one per batch, with the number of items. */
  readonly batches: { readonly verb: string; readonly items: number }[];
  /** What the next batches meet instead of an owner. */
  readonly fates: ('SHARD_UNAVAILABLE' | 'OUTCOME_UNKNOWN')[];
  /** Members of the cluster by id; a verb that has no answer meets silence. */
  readonly nodes: Map<string, { readonly info: NodeInfo; readonly answers: NodeAnswers }>;
  readonly quarantines: ReturnType<typeof memoryQuarantines>;
  /** Why callers were refused for their tenant. */
  readonly refused: readonly string[];
  /** Who may call. At first everyone may do everything. */
  authenticator: Authenticator;
  /** Where the audit log is written. At first the store. */
  auditStore: AuditStore;
  readonly auditLog: AuditLog;
  /** Changes rows of the audit log behind the back of the store. */
  changeAudit(sql: string, ...values: readonly string[]): void;
  /** While set, batches wait for it. */
  hold: Promise<void> | undefined;
  watchers(): number;
  /** Watches of queues that wait for news. */
  followers(): number;
  /** Decides about a job as its shard would, and tells the feed. */
  apply(id: string, command: JobCommand): Promise<JobRecord>;
  progress(id: string, fraction: number, note: string): void;
  client(options?: Partial<ClientOptions>): TroupeClient;
  /** Another gateway of the same cluster. */
  openGateway(options?: Partial<GatewayOptions>): Promise<{ readonly gateway: Gateway } & GatewayPorts>;
  close(): Promise<void>;
}

/** One shard owner for all shards: an item at a time, durable before it is answered. */
function createOwner(store: Store, records: Map<JobId, JobRecord>) {
  const generators = Array.from({ length: shardCount }, (_, shard) =>
    createJobIdGenerator({ shard, nowMs: () => Date.now(), random: Math.random }),
  );
  const commits = new Map<string, { epoch: number; commits: number }>();
  const epochs = new Map<number, Promise<number>>();
  const keys = new Map<string, { jobId: JobId; contentHash: string }>();

  async function save(record: JobRecord): Promise<void> {
    const partition = { shard: jobIdParts(record.id).shard, bucket: bucketOf(record.id) };
    const name = `${partition.shard}/${partition.bucket}`;
    let state = commits.get(name);
    if (!state) {
      const { shard } = partition;
      const taking = epochs.get(shard) ?? store.jobs.takeShard(shard, 'edge').then(({ epoch }) => epoch);
      epochs.set(shard, taking);
      const epoch = await taking;
      const opened = await store.jobs.openBucket(partition, epoch);
      if (opened.kind === 'deposed') throw new Error('the only owner was deposed');
      state = { epoch, commits: opened.commits };
      commits.set(name, state);
    }
    const outcome = await store.jobs.commit({ partition, ...state, records: [record] });
    if (outcome !== 'applied') throw new Error('the only owner was deposed');
    state.commits += 1;
    records.set(record.id, record);
  }

  async function submit(shard: number, item: SubmitItem): Promise<SubmitResult> {
    const known = item.keyHash === undefined ? undefined : keys.get(item.keyHash);
    if (known) {
      const record = records.get(known.jobId);
      if (known.contentHash !== item.contentHash || !record) {
        throw new TroupeError('IDEMPOTENCY_KEY_REUSED', { metadata: { jobId: known.jobId } });
      }
      return { record, duplicate: true };
    }
    if (item.noneNew === true) throw new TroupeError('QUOTA_EXCEEDED');
    const id = generators[shard]?.(item.spec.queueNo);
    if (!id) throw new Error('no such shard');
    const { spec, keyHash, contentHash } = item;
    const requestKey = keyHash === undefined || contentHash === undefined ? undefined : { keyHash, contentHash };
    const record = acceptJob({ id, spec, requestKey, caller: item.by, nowMs: Date.now() });
    await save(record);
    if (item.keyHash !== undefined) keys.set(item.keyHash, { jobId: id, contentHash: item.contentHash ?? '' });
    return { record, duplicate: false };
  }

  async function command(id: JobId, order: JobCommand): Promise<JobRecord> {
    const record = records.get(id);
    if (!record) throw new TroupeError('JOB_NOT_FOUND', { metadata: { jobId: id } });
    const decision = decide(record, order, Date.now(), 0.5);
    if (decision.kind === 'refused') return record;
    await save(decision.record);
    return decision.record;
  }

  /** One decision after the other: batches may be under way together, and what one decides the next one must see. */
  let last: Promise<unknown> = Promise.resolve();
  function inTurn<T>(decide: () => Promise<T>): Promise<T> {
    const decided = last.then(decide);
    last = decided.catch(() => undefined);
    return decided;
  }

  async function erase(id: JobId): Promise<JobRecord> {
    const record = records.get(id);
    if (!record) throw new TroupeError('JOB_NOT_FOUND', { metadata: { jobId: id } });
    const erased = eraseJob(record, Date.now());
    await save(erased);
    return erased;
  }

  return {
    erase: (id: JobId) => inTurn(() => erase(id)),
    submit: (shard: number, item: SubmitItem) => inTurn(() => submit(shard, item)),
    command: (id: JobId, order: JobCommand) => inTurn(() => command(id, order)),
  };
}

function commandOf(
  verb: string,
  { reason, readyAtMs, by }: { reason: string; readyAtMs: number; by?: string },
): JobCommand {
  if (verb === 'cancel') return { kind: 'cancel', reason, caller: by };
  return verb === 'reschedule' ? { kind: 'reschedule', readyAtMs, wallMs: Date.now(), caller: by } : { kind: 'due' };
}

function statsOf(records: ReadonlyMap<JobId, JobRecord>, shard: number, asked: QueueStatsItem): QueueStats {
  const ofQueue = [...records.values()].filter(
    ({ id, spec }) => jobIdParts(id).shard === shard && spec.tenant === asked.tenant && spec.queue === asked.queue,
  );
  const inState = (state: JobRecord['state']): number => ofQueue.filter((record) => record.state === state).length;
  return {
    ...noStats,
    waiting: [0, 0, inState('QUEUED'), 0, 0],
    later: inState('SCHEDULED'),
    running: inState('RUNNING'),
  };
}

/** Without rates, which only a shard measures. */
function surveyOf(
  records: ReadonlyMap<JobId, JobRecord>,
  shard: number,
  { tenant, onlyIn, contains = '' }: SurveyItem,
): QueueSurvey {
  const own = [...records.values()].filter(({ id, spec }) => jobIdParts(id).shard === shard && spec.tenant === tenant);
  const names = [...new Set(own.map(({ spec }) => spec.queue))].filter((queue) => isInSome(queue, onlyIn));
  const all = names.map((queue): SurveyRow => {
    const { waiting, later, running } = statsOf(records, shard, { tenant, queue });
    const since = own.filter(({ spec, state }) => spec.queue === queue && state === 'QUEUED');
    const oldest = Math.min(...since.map(({ readyAtMs }) => readyAtMs));
    const known = given({ oldestReadyAtMs: Number.isFinite(oldest) ? oldest : undefined });
    return { ...noFigures, waiting, later, running, ...known, queue, waits: [] };
  });
  const rows = all.filter(({ queue }) => queue.includes(contains));
  const totals = all.reduce<SurveyFigures>((sum, row) => addFigures(sum, row), noFigures);
  return { ...noSurvey, rows, totals };
}

function tenantStatsOf(
  records: ReadonlyMap<JobId, JobRecord>,
  shard: number,
  { tenant }: TenantStatsItem,
): TenantStats {
  const own = [...records.values()].filter(({ id, spec }) => jobIdParts(id).shard === shard && spec.tenant === tenant);
  const running = own.filter(({ state }) => state === 'RUNNING').length;
  const stored = own.map((record) =>
    storedBytes({ input: inputBytes(record.spec.input), besides: besidesInputBytes(record) }),
  );
  return {
    running,
    unfinished: own.filter(({ state }) => !isTerminal(state)).length,
    storedBytes: stored.reduce((sum, bytes) => sum + bytes, 0),
  };
}

function unfinishedOf(
  records: ReadonlyMap<JobId, JobRecord>,
  shard: number,
  { queueNo }: QueueClosing,
): UnfinishedJobs {
  const open = [...records.values()].filter(
    ({ id, spec, state }) => jobIdParts(id).shard === shard && spec.queueNo === queueNo && !isTerminal(state),
  );
  return { waiting: open.length, later: 0, running: 0 };
}

export interface EdgeOptions {
  /** Replaces the store of payloads. */
  readonly payloads?: (small: PayloadStore) => PayloadStore;
  /** Of the gateway. */
  readonly clock?: Clock;
  /** Tenants that nobody made are refused. */
  readonly mustBeMade?: boolean;
  /** Default: nothing is sealed. */
  readonly sealing?: Sealing;
  /** Largest input that is streamed. Default: that of any other. */
  readonly streamedMaxBytes?: number;
}

export async function openEdge({
  payloads = (small) => small,
  clock = realClock,
  mustBeMade = false,
  sealing = noSealing,
  ...limits
}: EdgeOptions = {}): Promise<Edge> {
  const folder = mkdtempSync(join(tmpdir(), 'troupe-edge-'));
  const telemetry = createPrometheusTelemetry();
  const opened = await openSqliteStore({
    path: join(folder, 'troupe.db'),
    clock: realClock,
    log: silentLog,
    telemetry,
  });
  const store = { ...opened, payloads: payloads(opened.payloads) };
  const records = new Map<JobId, JobRecord>();
  const owner = createOwner(store, records);
  const listeners = new Map<string, Set<Parameters<LiveFeed['watchJob']>[1]>>();
  const kept: KeptEvent[] = [];
  const next = new Set<() => void>();
  const versions = new Map<string, number>();
  const manifests = new Map<string, HandlerManifest>();
  const nodes: Edge['nodes'] = new Map();
  const quarantines = memoryQuarantines();
  const clients: TroupeClient[] = [];
  const gateways: Gateway[] = [];

  async function oneItem(shard: number, verb: string, item: unknown): Promise<unknown> {
    if (verb === 'submit') return owner.submit(shard, item as SubmitItem);
    if (verb === 'place') return {};
    if (verb === 'openQueue') return { kind: 'open' };
    if (verb === 'closeQueue') return unfinishedOf(records, shard, item as QueueClosing);
    if (verb === 'survey') return surveyOf(records, shard, item as SurveyItem);
    if (verb === 'queueStats') return statsOf(records, shard, item as QueueStatsItem);
    if (verb === 'tenantStats') return tenantStatsOf(records, shard, item as TenantStatsItem);
    const order = item as { jobId: JobId; reason?: string; runAtMs?: number; by?: string };
    const { jobId, reason = '', runAtMs = 0, by } = order;
    if (verb === 'erase') return { record: await owner.erase(jobId) } satisfies JobView;
    const before = records.get(jobId);
    const record = await owner.command(jobId, commandOf(verb, { reason, readyAtMs: runAtMs, ...given({ by }) }));
    if (record !== before) tell(record);
    return { record } satisfies JobView;
  }

  function tell(record: JobRecord): void {
    const { id: jobId, seq, state, spec } = record;
    const position = kept.length + 1;
    kept.push({ position, jobId, seq, state, handler: spec.handler, mark: String(position) });
    for (const listener of next) listener();
    next.clear();
    for (const listener of listeners.get(record.id) ?? []) listener({ kind: 'event', seq: record.seq });
  }

  const shards: ShardClient = {
    call: (async (shard: number, verb: string, items: readonly unknown[]) => {
      edge.batches.push({ verb, items: items.length });
      await edge.hold;
      const fate = edge.fates.shift();
      if (fate) throw new TroupeError(fate);
      const results: ItemResult<unknown>[] = [];
      for (const item of items) {
        results.push(
          await oneItem(shard, verb, item).then(
            (ok) => ({ ok }),
            (error: unknown) => ({ error: TroupeError.from(error).toWire() }),
          ),
        );
      }
      return results;
    }) as ShardClient['call'],
  };
  const feed: LiveFeed = {
    publishProgress: () => undefined,
    publishLogNews: () => undefined,
    watchJob({ jobId }, listener) {
      const ofJob = listeners.get(jobId) ?? new Set();
      listeners.set(jobId, ofJob.add(listener));
      return () => ofJob.delete(listener);
    },
  };
  const log: EventLog = {
    bounds: async () => ({ log: 'one', first: 1, last: kept.length, lastMark: kept.at(-1)?.mark ?? '' }),
    markAt: async (position) => kept[position - 1]?.mark,
    async read(_events, { after, max }) {
      const events = kept.slice(after, after + max);
      return { events, ...given({ end: events.at(-1) }) };
    },
  };
  const events: EventLogs = {
    of: () => [log],
    onNext(_queue, listener) {
      next.add(listener);
      return () => next.delete(listener);
    },
  };
  const refused: string[] = [];
  const known = createKnownTenants({ documents: store.documents, clock, log: silentLog, mustBeMade });
  const useCases = createUseCases({
    knownTenants: known,
    telemetry,
    sealing,
    batcher: createShardBatcher({
      client: shards,
      clock,
      timeoutMs: 5_000,
      maxQueued: 10_000,
      atTurnEnd: setImmediate,
    }),
    store,
    roles: rolesWith({}),
    config: {
      manifestsOf: (name) => [...manifests.values()].filter((manifest) => manifest.name === name),
      handlerNames: () => [...manifests.values()].map(({ name }) => name),
      queues: () => versions,
      touchQueue: async (tenant, queue, stamp) => void versions.set(`${tenant}/${queue}`, stamp),
      removeQueue: async (tenant, queue) => void versions.delete(`${tenant}/${queue}`),
    },
    fleet: { versionsOf: () => [], someNodeHas: () => true, someNodeTakes: () => true },
    work: { ensureRoute: async () => undefined, removeRoute: async () => undefined },
    feed,
    events,
    eventConsumers: new MemoryConsumers(),
    cache: createJobCache({ telemetry, nowMs: () => Date.now() }),
    validator: createInputValidator(silentLog),
    clock,
    atTurnEnd: setImmediate,
    random: Math.random,
    log: silentLog,
    shardCount,
    localShards: () => [],
    cluster: {
      nodes: {
        ask: async (nodeId, verb, question) => {
          const answer = nodes.get(nodeId)?.answers[verb];
          if (answer === undefined) throw new TroupeError('NODE_SILENT');
          return answer(question);
        },
      },
      membership: { nodes: () => [...nodes.values()].map(({ info }) => info) },
      quarantines,
    },
    payloadMaxBytes,
    ...limits,
  });

  const auditLog = createAuditLog({
    store: {
      appendRows: (...rows) => edge.auditStore.appendRows(...rows),
      readRows: store.audit.readRows,
      findRow: store.audit.findRow,
    },
    clock,
    log: silentLog,
    writer: randomUUID(),
    retentionMs: 86_400_000,
  });

  async function openGateway(options: Partial<GatewayOptions> = {}) {
    const gateway = createGateway({
      authenticator: {
        get looksAtCredentials() {
          return edge.authenticator.looksAtCredentials;
        },
        get looksAtCertificates() {
          return edge.authenticator.looksAtCertificates;
        },
        authenticate: (bearer, certificate) => edge.authenticator.authenticate(bearer, certificate),
        refusal: (principal, permission) => edge.authenticator.refusal(principal, permission),
      },
      tenantCheck: createTenantCheck({ known, mustBeMade, refused: (reason) => void refused.push(reason) }),
      audit: {
        log: auditLog,
        settings: { required: 'admin', submits: false, reads: 'people', denialsPerSecond: 10 },
      },
      useCases,
      host: '127.0.0.1',
      port: 0,
      limits: { payloadMaxBytes },
      reflection: true,
      insecure: false,
      log: silentLog,
      telemetry,
      clock,
      random: Math.random,
      ...options,
    });
    gateways.push(gateway);
    return { gateway, ...(await gateway.start()) };
  }

  const { gateway, port } = await openGateway();
  const edge: Edge = {
    port,
    gateway,
    store,
    telemetry,
    manifests,
    records,
    batches: [],
    fates: [],
    hold: undefined,
    nodes,
    quarantines,
    refused,
    authenticator: openToAll,
    auditStore: store.audit,
    auditLog,
    changeAudit(sql, ...values) {
      const file = new DatabaseSync(join(folder, 'troupe.db'), { timeout: 5_000 });
      file.prepare(sql).run(...values);
      file.close();
    },
    followers: () => next.size,
    watchers: () => [...listeners.values()].reduce((sum, ofJob) => sum + ofJob.size, 0),
    async apply(id, order) {
      const record = await owner.command(id as JobId, order);
      tell(record);
      return record;
    },
    progress(id, fraction, note) {
      const progress = { jobId: id as JobId, attempt: 1, fraction, note };
      for (const listener of listeners.get(id) ?? []) listener({ kind: 'progress', progress });
    },
    client(options = {}) {
      const client = connect({ address: `127.0.0.1:${port}`, ...options });
      clients.push(client);
      return client;
    },
    openGateway,
    async close() {
      for (const client of clients) client.close();
      await Promise.all(gateways.map((each) => each.stop(500)));
      await store.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  await store.queues.createQueue({
    tenant: 'default',
    name: 'default',
    settings: defaultQueueSettings,
    nowMs: Date.now(),
  });
  manifests.set('test.echo', { name: 'test.echo', version: '1.0.0', inputKind: 'any' });
  manifests.set('test.resize', {
    name: 'test.resize',
    version: '1.0.0',
    inputKind: 'json',
    inputSchema: {
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      type: 'object',
      properties: { width: { type: 'integer', minimum: 1 }, name: { type: 'string' } },
      required: ['width'],
      additionalProperties: false,
    },
    executionTimeoutMs: 7_000,
    retry: { maxAttempts: 9 },
  });
  return edge;
}

/** Waits for a condition and says what was last seen when it does not come. */
export async function until(what: string, holds: () => boolean | Promise<boolean>, timeoutMs = 30_000): Promise<void> {
  const endMs = Date.now() + timeoutMs;
  while (!(await holds())) {
    if (Date.now() > endMs) throw new Error(`did not happen within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
