/**
 * Every metric on /metrics with its kind, name and labels. The code that creates a metric adds its help text and
 * buckets. Alerts and dashboards (infra/) are built from this list, so they cannot refer to a metric or a label that
 * does not exist.
 */
interface Measure {
  readonly name: `troupe_${string}`;
  readonly labelNames: readonly string[];
}

const ofQueue = ['tenant', 'queue'] as const;

export const counters = {
  actorCrashes: { name: 'troupe_actor_crashes_total', labelNames: ['kind'] },
  actorRestarts: { name: 'troupe_actor_restarts_total', labelNames: ['kind'] },
  actorsAbandoned: { name: 'troupe_actors_abandoned_total', labelNames: ['kind'] },
  deadLetters: { name: 'troupe_dead_letters_total', labelNames: ['reason'] },
  transitions: { name: 'troupe_job_transitions_total', labelNames: ['event'] },
  runsEnded: { name: 'troupe_runs_ended_total', labelNames: ['outcome'] },
  runs: { name: 'troupe_runs_total', labelNames: ['outcome'] },
  cellExits: { name: 'troupe_cell_exits_total', labelNames: ['cause'] },
  cellsRecycled: { name: 'troupe_cells_recycled_total', labelNames: ['why'] },
  cacheRequests: { name: 'troupe_cache_requests_total', labelNames: ['cache', 'result'] },
  grpcRequests: { name: 'troupe_grpc_requests_total', labelNames: ['method', 'code'] },
  operatorCalls: { name: 'troupe_gateway_operator_calls_total', labelNames: [] },
  grpcConnectionsCut: { name: 'troupe_grpc_connections_cut_total', labelNames: ['server', 'reason'] },
  auditGaps: { name: 'troupe_audit_gaps_total', labelNames: ['what'] },
  storeErrors: { name: 'troupe_store_errors_total', labelNames: ['store', 'query', 'code'] },
  natsLateDeliveries: { name: 'troupe_nats_late_deliveries_total', labelNames: [] },
  workLost: { name: 'troupe_work_lost_total', labelNames: [] },
  tenantQuotas: { name: 'troupe_tenant_quotas_total', labelNames: ['quota', 'level'] },
  natsPublishFailures: { name: 'troupe_nats_publish_failures_total', labelNames: ['code'] },
  encryptionKeyRequests: { name: 'troupe_encryption_key_requests_total', labelNames: ['operation', 'result'] },
  spans: { name: 'troupe_spans_total', labelNames: ['result'] },
  encryptionDamaged: { name: 'troupe_encryption_damaged_total', labelNames: ['kind'] },
} as const satisfies Readonly<Record<string, Measure>>;

export const gauges = {
  ready: { name: 'troupe_ready', labelNames: [] },
  jobs: { name: 'troupe_jobs', labelNames: ['shard', 'state'] },
  shardsSilent: { name: 'troupe_shards_silent', labelNames: [] },
  shardsMemoryBytes: { name: 'troupe_shards_memory_bytes', labelNames: [] },
  shardsMemoryMaxBytes: { name: 'troupe_shards_memory_max_bytes', labelNames: [] },
  outboxTasks: { name: 'troupe_outbox_tasks', labelNames: ['shard'] },
  queueJobs: { name: 'troupe_queue_jobs', labelNames: [...ofQueue, 'standing'] },
  queueOpenBytes: { name: 'troupe_queue_open_bytes', labelNames: ofQueue },
  queueOldestWait: { name: 'troupe_queue_oldest_wait_seconds', labelNames: ofQueue },
  queueDepth: { name: 'troupe_queue_depth', labelNames: ofQueue },
  jobsUnserved: { name: 'troupe_jobs_unserved', labelNames: [...ofQueue, 'handler', 'version'] },
  runs: { name: 'troupe_runs', labelNames: ['phase'] },
  threads: { name: 'troupe_threads', labelNames: ['state'] },
  cellsResidentBytes: { name: 'troupe_cells_resident_bytes', labelNames: [] },
  gatewayJobsInFlight: { name: 'troupe_gateway_jobs_in_flight', labelNames: [] },
  grpcConnections: { name: 'troupe_grpc_connections', labelNames: ['server'] },
  workerDemandSlots: { name: 'troupe_worker_demand_slots', labelNames: ['worker_class', 'standing'] },
  gatewayRequestBytes: { name: 'troupe_gateway_request_bytes', labelNames: [] },
  gatewaySendBytes: { name: 'troupe_gateway_send_bytes', labelNames: [] },
  gatewayStoreRests: { name: 'troupe_gateway_store_rests', labelNames: [] },
  gatewayIssuerAway: { name: 'troupe_gateway_issuer_away', labelNames: ['issuer'] },
  gatewayWatchesOpen: { name: 'troupe_gateway_watches_open', labelNames: [] },
  encryptionKeysAway: { name: 'troupe_encryption_keys_away', labelNames: [] },
} as const satisfies Readonly<Record<string, Measure>>;

export const histograms = {
  attemptDuration: { name: 'troupe_attempt_duration_seconds', labelNames: ['handler'] },
  runDuration: { name: 'troupe_run_duration_seconds', labelNames: [] },
  commitDuration: { name: 'troupe_commit_duration_seconds', labelNames: [] },
  commitGroupRecords: { name: 'troupe_commit_group_records', labelNames: [] },
  startLatency: { name: 'troupe_job_start_latency_seconds', labelNames: [] },
  grpcDuration: { name: 'troupe_grpc_request_duration_seconds', labelNames: ['method'] },
  storeQueryDuration: { name: 'troupe_store_query_duration_seconds', labelNames: ['store', 'query'] },
} as const satisfies Readonly<Record<string, Measure>>;
