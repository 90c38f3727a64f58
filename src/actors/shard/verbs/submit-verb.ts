/**
 * Accepts jobs. It checks the limits, gives an idempotency key to one job only, and gives a unique key to one job until
 * the job has ended and its window is over.
 */
import type { SubmitItem, SubmitResult } from '../../../application/ports/shard-protocol.ts';
import { TroupeError } from '../../../domain/errors.ts';
import { given } from '../../../domain/given.ts';
import type { RequestKey, UniqueKey } from '../../../domain/job.ts';
import { type JobId, jobIdParts } from '../../../domain/job-id.ts';
import { retryAfterMs } from '../../../domain/retry-after.ts';
import { lackOf } from '../../../domain/shared-room.ts';
import { acceptJob } from '../../../domain/transitions.ts';
import type { Slot } from '../core/batch-reply.ts';
import { storeRefusal, withHolder } from './job-lookup.ts';
import type { ShardCore } from '../core/shard-core.ts';
import type { JobMemory } from '../table/job-memory.ts';
import { mayName, meetFormer, meetHolder } from './unique-conflict.ts';

/** One submit that is being processed. */
interface Submission {
  readonly item: SubmitItem;
  readonly slot: Slot<SubmitResult>;
  readonly key?: RequestKey;
  /** An ended job whose unique key this one may take, though its window is not over. */
  readonly mayFollow?: JobId;
}

export function submit(core: ShardCore, item: SubmitItem, slot: Slot<SubmitResult>): void {
  const refusal = refusalOf(core, item.spec.tenant);
  if (refusal !== undefined) throw refusal;
  const { keyHash, contentHash } = item;
  if (keyHash === undefined || contentHash === undefined) begin(core, { item, slot });
  else begin(core, { item, slot, key: { keyHash, contentHash } });
}

function begin(core: ShardCore, submission: Submission): void {
  if (submission.key === undefined) acceptNew(core, submission);
  else submitWithKey(core, submission, submission.key);
}

/** Reasons to refuse any submit of a tenant at present, whatever it contains. */
function refusalOf(core: ShardCore, tenant: string): TroupeError | undefined {
  const { limits } = core.services;
  const { dispatcher } = core;
  const shard = String(core.shard);
  const refusal = storeRefusal(core);
  if (refusal !== undefined) return refusal;
  const jobsRefusal = refusalOfJobs(core, tenant);
  if (jobsRefusal !== undefined) return jobsRefusal;
  const backlog = Math.max(dispatcher.backlogOf('work'), dispatcher.backlogOf('event'));
  if (backlog >= limits.outboxMax) {
    const excess = backlog - limits.outboxMax + roomAgain(limits.outboxMax);
    const perSecond = core.published.perSecond(core.nowMs());
    return new TroupeError('BACKLOG_FULL', {
      message: 'too many facts wait for JetStream, which does not accept them',
      retryAfterMs: retryAfter(core, excess, perSecond),
      metadata: { shard, outboxMax: String(limits.outboxMax) },
    });
  }
  if (core.undurable < limits.undurableMax) return undefined;
  const excess = core.undurable - limits.undurableMax + roomAgain(limits.undurableMax);
  const perSecond = core.table.landed.perSecond(core.nowMs());
  return new TroupeError('OVERLOADED', { retryAfterMs: retryAfter(core, excess, perSecond), metadata: { shard } });
}

/** Tenants share the room for unfinished jobs, so that no backlog of one of them keeps out the next job of another. */
function refusalOfJobs(core: ShardCore, tenant: string): TroupeError | undefined {
  const { table, services } = core;
  const { limits, memory } = services;
  const shard = String(core.shard);
  const { unfinished } = table.queues.tallyOf(tenant);
  const lack = lackOf({ own: unfinished, used: table.size, max: limits.backlogMax }, 1);
  if (lack > 0) {
    const excess = lack - 1 + roomAgain(limits.backlogMax);
    const isOwn = table.size < limits.backlogMax;
    return new TroupeError('BACKLOG_FULL', {
      ...given({ message: isOwn ? 'the tenant has all the unfinished jobs here that one tenant may' : undefined }),
      retryAfterMs: retryAfter(core, excess, table.ends.perSecond(core.nowMs())),
      metadata: { shard, backlogMax: String(limits.backlogMax) },
    });
  }
  if (!lacksMemory(memory, tenant)) return undefined;
  const whose = memory.isFull ? 'the unfinished jobs of this process' : 'the unfinished jobs of the tenant';
  return new TroupeError('BACKLOG_FULL', {
    message: `${whose} take all the memory that they may`,
    retryAfterMs: retryAfter(core, roomAgain(table.size), table.ends.perSecond(core.nowMs())),
    metadata: { shard, memoryMaxBytes: String(memory.maxBytes) },
  });
}

/** The memory is that of all shards of the process, so what a tenant has in one of them does not tell its part. */
function lacksMemory(memory: JobMemory, tenant: string): boolean {
  const { usedBytes: used, maxBytes: max } = memory;
  // Most often there is room whoever has what is used, and then nobody has to find out.
  return lackOf({ own: used, used, max }, 1) > 0 && lackOf({ own: memory.bytesOf(tenant), used, max }, 1) > 0;
}

/** Callers are asked to come back when a hundredth is free. A single free place would be taken by the first of them. */
function roomAgain(max: number): number {
  return Math.ceil(max / 100);
}

function retryAfter(core: ShardCore, excess: number, perSecond: number): number {
  return retryAfterMs({ excess, perSecond, random: core.context.random() });
}

function acceptNew(core: ShardCore, submission: Submission, isLookedUp = false): void {
  const { item, slot, key } = submission;
  const { spec } = item;
  const { closedQueues } = core.services;
  if (closedQueues.isClosed(spec.queueNo)) {
    closedQueues.refused(spec.queueNo);
    slot.fail(new TroupeError('QUEUE_CLOSING', { metadata: { queue: spec.queue } }));
    return;
  }
  // A job that would be replaced stays, because nothing comes in its place.
  const mayReplace = spec.unique?.onConflict === 'replace' && item.noneNew !== true;
  if (spec.unique !== undefined && (mayReplace || spec.unique.onConflict !== 'replace')) {
    if (!hasUniqueKey(core, submission, spec.unique, isLookedUp)) return;
  }
  if (item.noneNew === true) {
    slot.fail(new TroupeError('QUOTA_EXCEEDED', { metadata: { quota: 'unfinishedJobs' } }));
    return;
  }
  const id = core.nextId(spec.queueNo);
  const record = acceptJob({
    id,
    spec,
    requestKey: key,
    caller: item.by,
    // Lists are ordered by id. A reader who starts at a job's creation time must find the job.
    nowMs: jobIdParts(id).createdAtMs,
    wallMs: core.wallMs(),
  });
  core.accept(record, () => {
    slot.ok({ record, duplicate: false });
  });
}

/**
 * False if another job has the key, or if this has to be found out first. In both cases the slot is answered elsewhere.
 */
function hasUniqueKey(
  core: ShardCore,
  submission: Submission,
  { onConflict }: UniqueKey,
  isLookedUp: boolean,
): boolean {
  const { item, slot, key, mayFollow } = submission;
  const again = (): void => begin(core, submission);
  const holder = core.keys.unique.holderOf(item);
  if (holder !== undefined) {
    // Retries start from the beginning, because a repetition of this same submit may have been accepted meanwhile.
    meetHolder(core, { item, key, holder, onConflict, slot, again });
    return false;
  }
  const former = core.keys.windows.holderOf(item.spec);
  if (former === 'unknown' && !isLookedUp) {
    lookUpWindow(core, submission);
    return false;
  }
  if (former === 'nobody' || former === 'unknown' || former === item.spec.retryOf || former === mayFollow) return true;
  if (onConflict === 'replace' && item.onlyIn === undefined) return true;
  const follow = (): void => begin(core, { ...submission, mayFollow: former });
  meetFormer(core, { item, key, holder: former, onConflict, slot, again, follow });
  return false;
}

/** Finds out whether an ended job still holds the unique key. Others may be accepted while the store is asked. */
function lookUpWindow(core: ShardCore, submission: Submission): void {
  core.keys.windows.find(submission.item.spec, (trouble) => {
    decideNow(core, submission, { isLookedUp: true, trouble });
  });
}

function submitWithKey(core: ShardCore, submission: Submission, { keyHash }: RequestKey): void {
  if (waitsForKey(core, submission) || answeredByKnownKey(core, submission)) return;
  core.keys.lookups.ask({
    keyHash,
    counts: ({ jobId }) => isRecorded(core, jobId),
    then: (answer) => {
      if ('row' in answer && answer.row !== undefined) core.keys.requests.found(answer.row);
      decideNow(core, submission, {
        isLookedUp: false,
        trouble: 'trouble' in answer ? answer.trouble : undefined,
      });
    },
  });
}

/** Continues after the store has answered. Other submits may have been accepted meanwhile. */
function decideNow(
  core: ShardCore,
  submission: Submission,
  { isLookedUp, trouble }: { readonly isLookedUp: boolean; readonly trouble: TroupeError | undefined },
): void {
  if (waitsForKey(core, submission) || answeredByKnownKey(core, submission)) return;
  const refusal = trouble ?? refusalOf(core, submission.item.spec.tenant);
  if (refusal === undefined) acceptNew(core, submission, isLookedUp);
  else submission.slot.fail(refusal);
}

/** True if the key is just being given to another job. */
function waitsForKey(core: ShardCore, submission: Submission): boolean {
  const { key } = submission;
  return key !== undefined && core.keys.given.waits(key.keyHash, () => begin(core, submission));
}

async function isRecorded({ table, services }: ShardCore, jobId: JobId): Promise<boolean> {
  if (table.get(jobId) !== undefined || table.recent(jobId) !== undefined) return true;
  return (await services.store.findJob(jobId)) !== undefined;
}

function answeredByKnownKey(core: ShardCore, { key, item, slot }: Submission): boolean {
  const entry = key && core.keys.requests.get(key.keyHash, core.nowMs());
  if (key === undefined || entry === undefined) return false;
  const { jobId, contentHash } = entry;
  withHolder(core, jobId, slot, (record) => {
    const isNamed = mayName(item, record);
    if (isNamed && contentHash === key.contentHash) slot.ok({ record, duplicate: true });
    else slot.fail(new TroupeError('IDEMPOTENCY_KEY_REUSED', { metadata: isNamed ? { jobId } : {} }));
  });
  return true;
}
