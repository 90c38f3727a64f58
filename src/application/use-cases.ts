/** All use cases of the edge, wired from the ports that they need. */
import { randomBytes } from 'node:crypto';
import { type ApiKeys, createApiKeys } from './access/api-keys.ts';
import { createManageAccounts, type ManageAccounts } from './access/manage-accounts.ts';
import { createReadAudit, type ReadAudit } from './audit/read-audit.ts';
import { type CancelJobs, createCancelJobs } from './jobs/cancel-jobs.ts';
import { type CancelJob, createCancelJob } from './jobs/cancel-job.ts';
import type { HandlerFleet } from './jobs/handler-fleet.ts';
import { NodesAsker } from './protocol/ask-nodes.ts';
import { createSeeCluster, type SeeCluster } from './cluster/see-cluster.ts';
import { createSteerCluster, type SteerCluster } from './cluster/steer-cluster.ts';
import { createWatchTree, type WatchTree } from './cluster/watch-tree.ts';
import { createEraseJobPayloads, type EraseJobPayloads } from './jobs/erase-job-payloads.ts';
import { createDeleteTenant, type DeleteTenant } from './cluster/delete-tenant.ts';
import { createDeleteQueue } from './queues/delete-queue.ts';
import { createDownloadPayload, type DownloadPayload } from './jobs/download-payload.ts';
import { createExplainJob } from './jobs/explain-job.ts';
import { createGetJob, type GetJob } from './jobs/get-job.ts';
import { createGetJobs, type GetJobs } from './jobs/get-jobs.ts';
import { createJobReader } from './jobs/job-reader.ts';
import { createLateCheck } from './jobs/late-check.ts';
import { createListFailureKinds, type ListFailureKinds } from './jobs/failure-kinds.ts';
import { createListJobs, type ListJobs } from './jobs/list-jobs.ts';
import { createManageQueues, type ManageQueues } from './queues/manage-queues.ts';
import type { LiveFeed, WorkSource } from './ports/bus.ts';
import type { EventConsumers } from './ports/event-consumers.ts';
import type { EventLogs } from './ports/event-log.ts';
import type { InputValidator } from './ports/input-validator.ts';
import type { JobCache } from './ports/job-cache.ts';
import type { Membership, SharedConfig } from './ports/membership.ts';
import type { NodeClient } from './ports/node-link.ts';
import type { QueueQuarantines } from './ports/queue-quarantines.ts';
import type { Clock, Logger, Random, Telemetry } from './ports/runtime.ts';
import type { CallContext } from './ports/call-context.ts';
import type { JobView } from './ports/shard-protocol.ts';
import type { Store } from './ports/store.ts';
import { createFingerprintKeys } from './sealing/fingerprint-keys.ts';
import { sealedByGateway } from './sealing/sealed-tenants.ts';
import type { Sealing } from './sealing/sealing.ts';
import { createClusterFacts } from './overview/cluster-facts.ts';
import { createGetOverview, type GetOverview } from './overview/get-overview.ts';
import type { PictureParts } from './overview/picture.ts';
import { createSurveyReader } from './overview/survey-reader.ts';
import { createManageSubscriptions, type ManageSubscriptions } from './events/manage-subscriptions.ts';
import { createGetPayloadLink, type GetPayloadLink } from './jobs/payload-link.ts';
import { createQueueCatalog } from './queues/queue-catalog.ts';
import { createGetJobLog, type GetJobLog } from './jobs/read-log.ts';
import { readableJob } from './jobs/readable-job.ts';
import { createRedriveJobs, type RedriveJobs } from './jobs/redrive-jobs.ts';
import { createRescheduleJob, type RescheduleJob } from './jobs/reschedule-job.ts';
import { createRetryJob, type RetryJob } from './jobs/retry-job.ts';
import { createQueueRoom } from './queues/queue-room.ts';
import { createQueueStatsReader } from './queues/queue-stats.ts';
import { createQueueViews } from './queues/queue-views.ts';
import { createClusterLoadReader } from './scaling/cluster-load.ts';
import { createWorkerDemand, type WorkerDemand } from './scaling/worker-demand.ts';
import type { Roles } from '../domain/access/role.ts';
import type { ShardBatcher } from './protocol/shard-batcher.ts';
import { createShardChoice } from './protocol/shard-choice.ts';
import { createSubmitJobs, type SubmitJobs } from './jobs/submit-jobs.ts';
import { createUploads, type Uploads } from './jobs/uploads.ts';
import type { KnownTenants } from './tenants/known-tenants.ts';
import { createManageTenants, type ManageTenants } from './tenants/manage-tenants.ts';
import { createQuotaAlarms } from './tenants/quota-alarms.ts';
import { createTenantLimits, type TenantLimits } from './tenants/tenant-limits.ts';
import { createTenantRoom } from './tenants/tenant-room.ts';
import { createSubmitRoom } from './tenants/submit-room.ts';
import { createTenantStatsReader } from './tenants/tenant-stats.ts';
import { createWatchJob, type WatchJob } from './jobs/watch-job.ts';
import { createWatchJobs, type WatchJobs } from './jobs/watch-jobs.ts';

export interface UseCases {
  readonly submit: SubmitJobs;
  readonly getJob: GetJob;
  readonly getJobs: GetJobs;
  /** Opens the texts of a job for a caller that may read them. */
  readonly readable: <View extends JobView>(context: CallContext, view: View) => Promise<View>;
  readonly listJobs: ListJobs;
  readonly listFailureKinds: ListFailureKinds;
  readonly cancelJob: CancelJob;
  readonly eraseJobPayloads: EraseJobPayloads;
  readonly downloadPayload: DownloadPayload;
  readonly getPayloadLink: GetPayloadLink;
  readonly uploads: Uploads;
  readonly rescheduleJob: RescheduleJob;
  readonly watchJob: WatchJob;
  readonly watchJobs: WatchJobs;
  readonly getJobLog: GetJobLog;
  readonly retryJob: RetryJob;
  readonly redriveJobs: RedriveJobs;
  readonly cancelJobs: CancelJobs;
  readonly queues: ManageQueues;
  readonly accounts: ManageAccounts;
  readonly apiKeys: ApiKeys;
  readonly tenants: ManageTenants;
  readonly deleteTenant: DeleteTenant;
  readonly tenantLimits: TenantLimits;
  readonly audit: ReadAudit;
  readonly subscriptions: ManageSubscriptions;
  readonly seeCluster: SeeCluster;
  readonly getOverview: GetOverview;
  readonly watchTree: WatchTree;
  readonly steerCluster: SteerCluster;
  readonly workerDemand: WorkerDemand;
}

export interface UseCaseParts {
  readonly batcher: ShardBatcher;
  readonly store: Pick<Store, 'jobs' | 'queues' | 'payloads' | 'documents' | 'audit'>;
  readonly knownTenants: KnownTenants;
  /** What service accounts can be given. */
  readonly roles: Roles;
  readonly config: Pick<SharedConfig, 'manifestsOf' | 'handlerNames' | 'queues' | 'touchQueue' | 'removeQueue'>;
  readonly fleet: Pick<HandlerFleet, 'versionsOf' | 'someNodeHas' | 'someNodeTakes'>;
  readonly work: Pick<WorkSource, 'ensureRoute' | 'removeRoute'>;
  readonly feed: LiveFeed;
  readonly events: EventLogs;
  readonly eventConsumers: EventConsumers;
  readonly cache: JobCache;
  readonly validator: InputValidator;
  readonly clock: Clock;
  /** Calls back at the end of the current turn of the event loop. */
  readonly atTurnEnd: (then: () => void) => void;
  readonly random: Random;
  readonly log: Logger;
  readonly telemetry: Pick<Telemetry, 'counter'>;
  readonly shardCount: number;
  /** Shards that this process serves now. Always empty in a gateway without shards. */
  readonly localShards: () => readonly number[];
  readonly cluster: {
    readonly nodes: NodeClient;
    readonly membership: Pick<Membership, 'nodes'>;
    readonly quarantines: QueueQuarantines;
  };
  readonly sealing: Sealing;
  /** Hard limit of an input that is handed over whole, in bytes. */
  readonly payloadMaxBytes: number;
  /** The same for one that is streamed, from the client to the handler; default the same. */
  readonly streamedMaxBytes?: number;
}

/**
 * Wires the use cases by hand. Parts that several of them share (catalog, reader, shard choice, statistics) exist once,
 * so that their caches are shared too.
 */
export function createUseCases(wired: UseCaseParts): UseCases {
  const parts = { ...wired, sealing: sealedByGateway(wired.sealing, wired.knownTenants) };
  const { batcher, store, config, clock, cache, shardCount, sealing } = parts;
  const { payloads } = store;
  const catalog = createQueueCatalog({ store: store.queues, config, work: parts.work, clock, log: parts.log });
  const reader = createJobReader({ batcher, store: store.jobs, cache, shardCount });
  const shards = createShardChoice({ shardCount, localShards: parts.localShards, clock, random: parts.random });
  const { fleet, random } = parts;
  const { nodes, membership, quarantines } = parts.cluster;
  const queueStats = createQueueStatsReader({ batcher, shardCount, clock });
  const room = createQueueRoom({ stats: queueStats, clock, random });
  const lateCheck = createLateCheck({ stats: queueStats, clock, random });
  const { tenantRoom, ofSubmits, tenantStats, ...ofTenants } = tenantUseCases(parts);
  const fingerprintKeys = createFingerprintKeys({ documents: store.documents, sealing, clock, randomBytes });
  const submitParts = { ...parts, ...ofSubmits, reader, fingerprintKeys, payloads, shards, catalog, room, lateCheck };
  const submit = createSubmitJobs(submitParts);
  const seen = { stats: queueStats, quarantines, known: parts.knownTenants, clock };
  const explain = createExplainJob({ ...seen, batcher, fleet });
  const getJob = createGetJob({ reader, payloads, sealing, explain, clock });
  const listJobs = createListJobs({ store: store.jobs, catalog, clock });
  const listFailureKinds = createListFailureKinds({ listJobs, clock });
  const cancelJob = createCancelJob({ reader, batcher, clock });
  const retryJob = createRetryJob({ reader, payloads, sealing, submit, clock });
  const asker = new NodesAsker({ nodes, membership, clock, log: parts.log });
  const queueViews = createQueueViews({ store: store.queues, quarantines, membership });
  const queueParts = { store: store.queues, catalog, stats: queueStats };
  const deleteQueue = createDeleteQueue({ ...parts, ...queueParts });
  const cancelJobs = createCancelJobs({ listJobs, cancelJob, clock });
  const seeCluster = createSeeCluster({ asker, shardCount, clock });
  const load = createClusterLoadReader({ batcher, shardCount, clock });
  return {
    submit,
    getJob,
    getJobs: createGetJobs({ reader, payloads, sealing, clock }),
    readable: (context, view) => readableJob(sealing, context, view),
    listJobs,
    listFailureKinds,
    cancelJob,
    downloadPayload: createDownloadPayload({ reader, payloads, sealing, clock }),
    getPayloadLink: createGetPayloadLink({ reader, payloads, clock }),
    uploads: createUploads({ ...submitParts, keys: store.jobs }),
    eraseJobPayloads: createEraseJobPayloads({ reader, batcher, payloads, cache, asker, clock }),
    rescheduleJob: createRescheduleJob({ reader, batcher, clock }),
    retryJob,
    redriveJobs: createRedriveJobs({ listJobs, retryJob, clock }),
    cancelJobs,
    watchJob: createWatchJob({ reader, feed: parts.feed, payloads, sealing, clock, batcher }),
    watchJobs: createWatchJobs({ reader, events: parts.events, catalog, clock, sealing }),
    getJobLog: createGetJobLog({ reader, batcher, payloads, sealing, clock }),
    queues: createManageQueues({ ...queueParts, views: queueViews, clock, remove: deleteQueue, room: tenantRoom }),
    ...ofTenants,
    deleteTenant: createDeleteTenant({
      ...parts,
      ...tenantStores(parts),
      ...subscriptionParts(parts),
      cancelJobs,
      deleteQueue,
      quarantines,
    }),
    audit: createReadAudit({ store: store.audit, clock }),
    subscriptions: createManageSubscriptions({ ...subscriptionParts(parts), clock, randomBytes }),
    seeCluster,
    getOverview: overview(parts, { see: seeCluster, catalog, tenantStats }),
    watchTree: createWatchTree({ see: seeCluster, clock }),
    steerCluster: createSteerCluster({ asker, quarantines, queueViews, reader, clock }),
    workerDemand: createWorkerDemand({ ...seen, membership, catalog, load }),
  };
}

function overview(
  parts: UseCaseParts,
  shared: Pick<PictureParts, 'catalog' | 'tenantStats'> & { readonly see: SeeCluster },
): GetOverview {
  return createGetOverview({
    ...parts,
    ...parts.cluster,
    ...shared,
    surveys: createSurveyReader(parts),
    clusterFacts: createClusterFacts({ ...shared, clock: parts.clock }),
    known: parts.knownTenants,
  });
}

function tenantStores({ knownTenants: known, store: { documents, queues } }: UseCaseParts) {
  return { known, documents, queues };
}

function subscriptionParts({ store: { documents }, eventConsumers: consumers }: UseCaseParts) {
  return { documents, consumers };
}

/** What tenants may do, and what they and their administrators make. */
function tenantUseCases(parts: UseCaseParts) {
  const { roles, clock } = parts;
  const { known, documents, queues } = tenantStores(parts);
  const alarms = createQuotaAlarms(parts);
  const tenantLimits = createTenantLimits({ ...parts, known, alarms });
  const stats = createTenantStatsReader(parts);
  const tenantRoom = createTenantRoom({ documents, alarms, clock });
  const submitRoom = createSubmitRoom({ known, stats, alarms, clock, random: parts.random });
  const accountParts = { documents, roles, room: tenantRoom, clock };
  return {
    tenantLimits,
    tenantRoom,
    tenantStats: stats,
    ofSubmits: { tenantLimits, submitRoom },
    tenants: createManageTenants({ documents, known, queues, limits: tenantLimits, stats, clock }),
    accounts: createManageAccounts(accountParts),
    apiKeys: createApiKeys(accountParts),
  };
}
