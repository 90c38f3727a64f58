/** Creates and changes queues: in the store first, then in the shared configuration. */
import { holdsIn, permissionMissing } from '../../domain/access/principal.ts';
import { changesBetween } from '../../domain/audit/audit-entry.ts';
import { TroupeError } from '../../domain/errors.ts';
import type { PublishedEvents } from '../../domain/job.ts';
import {
  defaultQueueName,
  defaultQueueSettings,
  namePattern,
  type Queue,
  type QueueSettings,
} from '../../domain/queue.ts';
import { executionTimeoutRange, maxBytesRange, maxDepthRange, retentionRange } from '../../domain/setting-ranges.ts';
import { type CallContext, ensureAwaited, ensureMayIn } from '../ports/call-context.ts';
import type { DeleteQueue } from './delete-queue.ts';
import { FieldChecks } from '../calls/field-checks.ts';
import { checkFlow, type FlowRequest, mergeFlow } from './flow-request.ts';
import { parseQueuePageToken, queuePageToken } from '../calls/page-token.ts';
import type { QueueStore } from '../ports/queue-store.ts';
import type { Clock } from '../ports/runtime.ts';
import type { QueueCatalog } from './queue-catalog.ts';
import type { ClusterQueueStats, QueueStatsReader } from './queue-stats.ts';
import type { QueueView, QueueViews } from './queue-views.ts';
import {
  checkHeartbeat,
  checkPayloadRetention,
  checkRetry,
  mergeHeartbeat,
  mergeRetry,
  type RetryLayer,
} from './settings-checks.ts';
import { queueNotFound } from './queue-names.ts';
import { given } from '../../domain/given.ts';
import type { TenantRoom } from '../tenants/tenant-room.ts';

const pageSizeMax = 1_000;
const pageSizeDefault = 100;

/** Absent fields keep their value. In a new queue they get their default. */
export interface SettingsRequest {
  readonly executionTimeoutMs?: number | undefined;
  /** 0 means no limit. */
  readonly heartbeatTimeoutMs?: number | undefined;
  readonly retry?: RetryLayer;
  readonly retentionMs?: number | undefined;
  /** 0 means as long as the jobs. */
  readonly payloadRetentionMs?: number | undefined;
  /** 0 means no limit. */
  readonly maxDepth?: number | undefined;
  /** 0 means no limit. */
  readonly maxBytes?: number | undefined;
  readonly flow?: FlowRequest | undefined;
  readonly publishedEvents?: PublishedEvents | undefined;
}

interface QueuePage {
  readonly queues: readonly QueueView[];
  readonly nextPageToken: string;
}

/** Every call is for the tenant of the caller. */
export interface ManageQueues {
  /** Rejects with QUEUE_EXISTS, LIMIT_REACHED or TENANT_DELETING. Repeating the call announces the existing queue again. */
  create(context: CallContext, name: string, settings: SettingsRequest): Promise<QueueView>;
  get(context: CallContext, name: string): Promise<QueueView>;
  /** Statistics over all shards. Shards that do not answer are counted as silent. */
  stats(context: CallContext, name: string): Promise<ClusterQueueStats>;
  /** Queues by name, ascending. `pageSize` 0 means 100; at most 1,000 are returned. */
  list(context: CallContext, query: { readonly pageSize: number; readonly pageToken: string }): Promise<QueuePage>;
  /** Rejects with QUEUE_VERSION_CONFLICT if the queue no longer has the stated version. */
  update(
    context: CallContext,
    change: { readonly name: string; readonly version: number; readonly settings: SettingsRequest },
  ): Promise<QueueView>;
  /** Rejects with QUEUE_NOT_EMPTY while the queue has unfinished jobs. */
  remove(context: CallContext, name: string): Promise<void>;
}

export interface ManageQueuesParts {
  readonly store: Pick<QueueStore, 'createQueue' | 'findQueue' | 'listQueues' | 'updateQueue'>;
  readonly catalog: QueueCatalog;
  readonly views: QueueViews;
  readonly stats: Pick<QueueStatsReader, 'read'>;
  readonly remove: DeleteQueue;
  readonly room: TenantRoom;
  readonly clock: Clock;
}

export function createManageQueues(parts: ManageQueuesParts): ManageQueues {
  const { store, catalog, views, stats, remove, clock } = parts;

  /** Reads the store and not the catalog, so that the settings are current. */
  async function get(context: CallContext, name: string): Promise<QueueView> {
    ensureAwaited(context, clock.nowMs());
    checkAsked(context, name, {});
    return views.find(context.tenant, name);
  }

  async function statsOf(context: CallContext, name: string): Promise<ClusterQueueStats> {
    ensureAwaited(context, clock.nowMs());
    checkAsked(context, name, {});
    const { tenant } = context;
    if ((await catalog.find(tenant, name)) === undefined) throw queueNotFound(name);
    return stats.read(tenant, name);
  }

  async function list(
    context: CallContext,
    query: { readonly pageSize: number; readonly pageToken: string },
  ): Promise<QueuePage> {
    ensureAwaited(context, clock.nowMs());
    const after = query.pageToken === '' ? '' : parseQueuePageToken(query.pageToken);
    const size = query.pageSize === 0 ? pageSizeDefault : Math.min(query.pageSize, pageSizeMax);
    const seen = ({ name }: Queue): boolean => name > after && holdsIn(context.principal, 'queues.read', name);
    const rest = (await store.listQueues(context.tenant)).filter(seen);
    const queues = rest.slice(0, size);
    const last = queues.at(-1);
    return {
      queues: queues.map((queue) => views.of(queue)),
      nextPageToken: rest.length > size && last ? queuePageToken(last.name) : '',
    };
  }

  async function update(
    context: CallContext,
    change: { readonly name: string; readonly version: number; readonly settings: SettingsRequest },
  ): Promise<QueueView> {
    const { name, version: expectedVersion } = change;
    ensureAwaited(context, clock.nowMs());
    checkAsked(context, name, change.settings, expectedVersion);
    const present = await store.findQueue(context.tenant, name);
    if (!present) throw queueNotFound(name);
    const settings = merge(change.settings, present.settings);
    const { tenant } = context;
    const result = await store.updateQueue({ tenant, name, settings, expectedVersion, nowMs: clock.nowMs() });
    if (result.outcome === 'missing' || (result.outcome === 'updated' && !result.queue)) throw queueNotFound(name);
    if (result.outcome === 'conflict' || !result.queue) throw versionConflict(name, result.queue ?? present);
    context.report?.({ changes: changesBetween({ ...present.settings }, { ...result.queue.settings }) });
    await catalog.announce(result.queue);
    return views.of(result.queue);
  }

  async function checkedRemove(context: CallContext, name: string): Promise<void> {
    const checks = new FieldChecks();
    checks.pattern('name', name, namePattern);
    if (name === defaultQueueName) checks.add('name', 'must not be the default queue, which is always there');
    checks.ensureNone();
    ensureMayIn(context, name, () => queueNotFound(name));
    await remove(context, name);
  }

  const create: ManageQueues['create'] = (context, name, request) => createQueue(parts, context, name, request);

  return { create, get, stats: statsOf, list, update, remove: checkedRemove };
}

async function createQueue(
  { store, catalog, views, room, clock }: ManageQueuesParts,
  context: CallContext,
  name: string,
  request: SettingsRequest,
): Promise<QueueView> {
  ensureAwaited(context, clock.nowMs());
  check(name, request);
  ensureMayIn(context, name, () => permissionMissing('queues.manage'));
  const settings = merge(request, defaultQueueSettings);
  const { tenant } = context;
  const making = { tenant, quota: 'queues', name, existing: () => queueNames(store, tenant) } as const;
  const make = () => store.createQueue({ tenant, name, settings, nowMs: clock.nowMs() });
  const { outcome, queue } = await room.within(making, make);
  // Announce an existing queue too: its creator may have died before it did.
  await catalog.announce(queue);
  if (outcome === 'exists') throw new TroupeError('QUEUE_EXISTS', { metadata: { queue: name } });
  context.report?.({ changes: changesBetween(undefined, { ...queue.settings }) });
  return views.of(queue);
}

async function queueNames(store: Pick<QueueStore, 'listQueues'>, tenant: string): Promise<readonly string[]> {
  return (await store.listQueues(tenant)).map(({ name }) => name);
}

function checkAsked(context: CallContext, name: string, settings: SettingsRequest, version?: number): void {
  check(name, settings, version);
  ensureMayIn(context, name, () => queueNotFound(name));
}

function check(name: string, settings: SettingsRequest, version?: number): void {
  const checks = new FieldChecks();
  checks.pattern('name', name, namePattern);
  if (version === 0) checks.add('version', 'is required');
  checks.range('settings.execution_timeout', settings.executionTimeoutMs, executionTimeoutRange);
  checks.range('settings.retention', settings.retentionMs, retentionRange);
  checks.limit('settings.max_depth', settings.maxDepth, maxDepthRange);
  checks.limit('settings.max_bytes', settings.maxBytes, maxBytesRange);
  checkRetry(checks, 'settings.retry', settings.retry);
  checkFlow(checks, 'settings.flow', settings.flow);
  checks.ensureNone();
}

/** Throws INVALID_ARGUMENT if the request conflicts with settings that it leaves unchanged. */
function merge(request: SettingsRequest, base: QueueSettings): QueueSettings {
  const executionTimeoutMs = request.executionTimeoutMs ?? base.executionTimeoutMs;
  const retentionMs = request.retentionMs ?? base.retentionMs;
  const payloadRetentionMs =
    request.payloadRetentionMs === 0 ? undefined : (request.payloadRetentionMs ?? base.payloadRetentionMs);
  const checks = new FieldChecks();
  checkHeartbeat(checks, 'settings.heartbeat_timeout', request.heartbeatTimeoutMs, executionTimeoutMs);
  checkPayloadRetention(checks, 'settings.payload_retention', { retentionMs, payloadRetentionMs });
  checks.ensureNone();
  const heartbeatTimeoutMs = mergeHeartbeat([request.heartbeatTimeoutMs, base.heartbeatTimeoutMs], executionTimeoutMs);
  const flow = mergeFlow(request.flow, base.flow);
  const published = request.publishedEvents ?? base.publishedEvents;
  return {
    executionTimeoutMs,
    ...given({ heartbeatTimeoutMs }),
    retry: mergeRetry([request.retry], base.retry),
    retentionMs,
    ...given({ payloadRetentionMs }),
    ...limit('maxDepth', request, base),
    ...limit('maxBytes', request, base),
    ...given({ flow, publishedEvents: published === 'ends' ? published : undefined }),
  };
}

/** A limit that is absent in the request keeps its value. 0 removes it. */
function limit(
  name: 'maxDepth' | 'maxBytes',
  request: SettingsRequest,
  base: QueueSettings,
): Pick<QueueSettings, typeof name> {
  const max = request[name] ?? base[name] ?? 0;
  return max === 0 ? {} : { [name]: max };
}

function versionConflict(name: string, present: Queue): TroupeError {
  return new TroupeError('QUEUE_VERSION_CONFLICT', { metadata: { queue: name, version: String(present.version) } });
}
