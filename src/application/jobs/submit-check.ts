/** Checks a job before anything of it is stored: whether it is valid, can be in time, and has room in its queue. */
import { defaultQueueName } from '../../domain/queue.ts';
import { TroupeError } from '../../domain/errors.ts';
import type { SubmitItem } from '../ports/shard-protocol.ts';
import { type CallContext, ensureAwaited, ensureMayIn } from '../ports/call-context.ts';
import { chooseHandler, type HandlerChoice } from './handler-choice.ts';
import type { HandlerFleet } from './handler-fleet.ts';
import type { JobRequest } from './job-request.ts';
import { type Resolution, resolveJob } from './job-resolution.ts';
import type { LateCheck } from './late-check.ts';
import type { InputValidator } from '../ports/input-validator.ts';
import type { SharedConfig } from '../ports/membership.ts';
import type { PayloadStore } from '../ports/payload-store.ts';
import type { Clock } from '../ports/runtime.ts';
import type { SealParts } from './submit-seal.ts';
import type { QueueCatalog } from '../queues/queue-catalog.ts';
import { queueNotFound, queuesOf } from '../queues/queue-names.ts';
import type { QueueRoom } from '../queues/queue-room.ts';
import type { ShardBatcher } from '../protocol/shard-batcher.ts';
import type { ShardChoice } from '../protocol/shard-choice.ts';
import type { TenantLimits } from '../tenants/tenant-limits.ts';
import type { SubmitRoom } from '../tenants/submit-room.ts';

export interface SubmitParts extends SealParts {
  readonly batcher: ShardBatcher;
  readonly shards: ShardChoice;
  readonly catalog: QueueCatalog;
  readonly room: QueueRoom;
  readonly lateCheck: LateCheck;
  readonly config: Pick<SharedConfig, 'manifestsOf' | 'handlerNames' | 'queues'>;
  readonly fleet: Pick<HandlerFleet, 'versionsOf'>;
  readonly payloads: PayloadStore;
  readonly validator: InputValidator;
  readonly tenantLimits: Pick<TenantLimits, 'ensureMaySubmit' | 'refusalOf' | 'takeSubmit'>;
  readonly submitRoom: SubmitRoom;
  readonly clock: Clock;
  /** Calls back at the end of the current turn of the event loop. */
  readonly atTurnEnd: (then: () => void) => void;
  /** Hard limit of an input that is handed over whole, in bytes. */
  readonly payloadMaxBytes: number;
  /** The same for one that is streamed, from the client to the handler; default the same. */
  readonly streamedMaxBytes?: number;
}

export interface CheckedJob {
  readonly resolution: Resolution;
  readonly nowMs: number;
  /** The job may be a repeat, whose key tells. */
  readonly hasKey: boolean;
}

/**
 * `streamedBytes` is the size of an input that is streamed afterwards. `submittedLater`: the job takes no place in the quota of
 * its tenant yet.
 */
export async function checkJob(
  parts: SubmitParts,
  context: CallContext,
  {
    request,
    streamedBytes,
    submittedLater = false,
  }: { readonly request: JobRequest; readonly streamedBytes?: number; readonly submittedLater?: boolean },
): Promise<CheckedJob> {
  const { catalog, clock, tenantLimits } = parts;
  const nowMs = clock.nowMs();
  ensureAwaited(context, nowMs);
  const queueName = request.queue === '' ? defaultQueueName : request.queue;
  const { tenant } = context;
  const looked = tenantLimits.ensureMaySubmit(tenant);
  if (looked instanceof Promise) await looked;
  ensureMayIn(context, queueName, () => queueNotFound(queueName));
  const queue = catalog.known(tenant, queueName) ?? (await catalog.find(tenant, queueName));
  const resolution = resolveJob(request, {
    tenant,
    queueName,
    queue,
    choice: choiceOf(parts, request),
    known: {
      handlers: () => parts.config.handlerNames(),
      queues: () => queuesOf(context, parts.config.queues().keys()),
    },
    // A due time counts as ahead if either clock says so, as it does for the shard.
    nowMs: Math.min(nowMs, clock.wallMs()),
    payloadMaxBytes: parts.payloadMaxBytes,
    streamedMaxBytes: parts.streamedMaxBytes,
    validator: parts.validator,
    traceparent: context.traceparent,
    streamedBytes,
  });
  await parts.lateCheck(resolution.spec);
  if (!submittedLater) tenantLimits.takeSubmit(tenant);
  return { resolution, nowMs, hasKey: request.idempotencyKey !== '' || request.unique !== undefined };
}

/** Reserves room in the queue while `work` finds out whether the job was accepted. */
export async function inItsPlace<T>(
  { room }: SubmitParts,
  { resolution }: CheckedJob,
  work: () => Promise<T>,
): Promise<T> {
  const leave = await room.enter(resolution.queue, resolution.inputBytes);
  try {
    return await work();
  } finally {
    leave();
  }
}

function choiceOf({ config, fleet }: SubmitParts, request: JobRequest): HandlerChoice | undefined {
  const { handler, handlerVersion } = request;
  return chooseHandler(config.manifestsOf(handler), handlerVersion, () => fleet.versionsOf(handler));
}

/** What a submit knows of the room of its tenant. */
export type TenantPlace = Pick<SubmitItem, 'noneNew'>;

/**
 * The same, and takes a place in the tenant's quotas of unfinished jobs and stored bytes. Without room a job without a key is refused here,
 * and one with a key by its shard, unless it is a repeat.
 */
export async function withinQuotas<T>(
  parts: SubmitParts,
  checked: CheckedJob,
  work: (place: TenantPlace) => Promise<T>,
): Promise<T> {
  const { spec, inputBytes } = checked.resolution;
  const entered = parts.submitRoom.enter(spec.tenant, inputBytes);
  const { leave, refuse } = entered instanceof Promise ? await entered : entered;
  if (refuse !== undefined && !checked.hasKey) throw refuse();
  try {
    return await inItsPlace(parts, checked, () => work(refuse === undefined ? {} : { noneNew: true }));
  } catch (error) {
    const isRefused = refuse !== undefined && error instanceof TroupeError && error.code === 'QUOTA_EXCEEDED';
    throw isRefused ? refuse() : error;
  } finally {
    leave();
  }
}
