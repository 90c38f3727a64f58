/**
 * The verbs that callers may send to a shard. Each item is decided alone. Its slot is answered when the decision is
 * durable, but a claim is answered at once unless its job may start only once.
 */
import type {
  CancelItem,
  CheckpointItem,
  CheckpointResult,
  ClaimItem,
  ClaimResult,
  ReportItem,
  ReportResult,
  GetItem,
  HeartbeatItem,
  HeartbeatResult,
  ItemResult,
  JobView,
  LimitUseItem,
  LimitUseResult,
  QuotaItem,
  QuotaResult,
  RescheduleItem,
  ShardVerb,
  ShardVerbs,
  TenantQuotaItem,
} from '../../../application/ports/shard-protocol.ts';
import { type ErrorCode, TroupeError } from '../../../domain/errors.ts';
import { isTerminal, type JobRecord, type JobState } from '../../../domain/job.ts';
import type { QueueClosing } from '../../../domain/queue.ts';
import { isStartedOnce } from '../../../domain/retry-policy.ts';
import type { Slot } from '../core/batch-reply.ts';
import { closeQueue } from './close-verb.ts';
import { erase } from './erase-verb.ts';
import { grantOf } from '../core/grant.ts';
import { isLoadedFirst, notFound, ownershipDoubt, refuse, sayStale, storeRefusal, withRecord } from './job-lookup.ts';
import { load } from './load-verb.ts';
import { place, queueStats, tenantStats } from './queue-verbs.ts';
import { keepLog, readAttemptLog } from './log-verbs.ts';
import { submit } from './submit-verb.ts';
import { survey } from './survey-verb.ts';
import type { JobEntry } from '../table/queue-index.ts';
import type { ShardCore } from '../core/shard-core.ts';
import { given } from '../../../domain/given.ts';

const cancellable: readonly JobState[] = ['SCHEDULED', 'QUEUED', 'RUNNING', 'RETRYING', 'CANCELLING'];

type VerbHandler<V extends ShardVerb> = (
  core: ShardCore,
  item: ShardVerbs[V]['item'],
  slot: Slot<ShardVerbs[V]['result']>,
) => void;

/** Inputs are not validated again, because only gateways and nodes of this cluster can reach a shard. */
const handlers: { readonly [V in ShardVerb]: VerbHandler<V> } = {
  submit,
  claim,
  report,
  checkpoint,
  log: keepLog,
  readLog: readAttemptLog,
  heartbeat,
  cancel,
  erase,
  reschedule,
  get,
  place,
  queueStats,
  tenantStats,
  survey,
  load,
  closeQueue,
  openQueue,
  leaseQuota,
  leaseTenantQuota: leaseQuota,
  limitUse,
};

/**
 * What a caller is told when the store keeps it waiting. A gateway then reads a job from the store. Nodes wait as long as
 * it takes, because their attempts go on meanwhile.
 */
const lateCodes: { readonly [V in ShardVerb]?: ErrorCode } = {
  submit: 'OUTCOME_UNKNOWN',
  cancel: 'OUTCOME_UNKNOWN',
  erase: 'OUTCOME_UNKNOWN',
  reschedule: 'OUTCOME_UNKNOWN',
  get: 'SHARD_UNAVAILABLE',
};

export function performBatch<V extends ShardVerb>(
  core: ShardCore,
  verb: V,
  items: readonly ShardVerbs[V]['item'][],
  answer: (results: readonly ItemResult<ShardVerbs[V]['result']>[]) => void,
): void {
  if (items.length === 0) {
    answer([]);
    return;
  }
  const handle: VerbHandler<V> = handlers[verb];
  const reply = core.replies.open(items.length, answer, lateCodes[verb]);
  items.forEach((item, index) => {
    const slot = reply.slot(index);
    try {
      handle(core, item, slot);
    } catch (error) {
      slot.fail(TroupeError.from(error));
    }
  });
}

function openQueue(core: ShardCore, closing: QueueClosing, slot: Slot<{ readonly kind: 'open' }>): void {
  core.services.closedQueues.open(closing);
  slot.ok({ kind: 'open' });
}

function leaseQuota(core: ShardCore, item: QuotaItem | TenantQuotaItem, slot: Slot<QuotaResult>): void {
  slot.ok(core.quotaHome.ask(item));
}

/** Refused without a sure lease, because a former owner does not know what the shard uses. */
function limitUse(core: ShardCore, item: LimitUseItem, slot: Slot<LimitUseResult>): void {
  const doubt = ownershipDoubt(core);
  if (doubt === undefined) slot.ok({ uses: core.limiters.reportUsage(item) });
  else slot.fail(doubt);
}

function claim(core: ShardCore, item: ClaimItem, slot: Slot<ClaimResult>): void {
  // A successor dispatched this message. Its jobs are not known here, so the message must not be dropped.
  if (item.epoch > core.epoch) {
    slot.ok({ kind: 'later' });
    return;
  }
  const entry = core.table.get(item.jobId);
  if (entry === undefined) {
    slot.ok({ kind: 'drop' });
    return;
  }
  const { ackTo } = item;
  if (entry.current.state === 'QUEUED') {
    // The message goes back, for a node that may run the job.
    if (!core.services.nodeTakes(item.node, entry.current.spec.tenant)) {
      slot.ok({ kind: 'later' });
      return;
    }
    const answer = core.limiters.claim(entry, core.dispatcher.claimsByLatestMessage(entry, item));
    if (answer !== 'start') {
      slot.ok({ kind: answer });
      return;
    }
  }
  if (!core.trailRoom.mayAdd(entry, 'claim')) {
    slot.ok({ kind: 'later' });
    return;
  }
  const { readyAtMs } = entry.current;
  const token = `${core.epoch}.${entry.current.attempt + 1}`;
  const command = { kind: 'claim', node: item.node, token } as const;
  // The WORK message is acknowledged only when the claim is durable. A crash before that leads to a redelivery.
  const acknowledge = (): void => {
    if (ackTo !== undefined) core.services.publisher.acknowledge(ackTo);
  };
  const isPatient = isStartedOnce(entry.current.spec.retry);
  const decision = isPatient
    ? core.claimsOnRecord.claim(core, entry, command, { slot, acknowledge })
    : core.grant(entry, command, acknowledge);
  if (decision.kind === 'refused') {
    // While the store still says QUEUED, this message may be the last trace of the job in JetStream. If it were
    // dropped and this owner crashed now, nobody would run the job. So the message goes back until the decision is
    // durable.
    slot.ok({ kind: entry.durable?.state === 'QUEUED' ? 'later' : 'drop' });
    return;
  }
  const { record } = decision;
  entry.heardMs = core.context.clock.monotonicMs();
  core.services.metrics.waitSeconds.observe((core.nowMs() - readyAtMs) / 1_000);
  if (!isPatient) slot.ok(grantOf(record, token, core.nowMs()));
}

function report(core: ShardCore, { jobId, ...item }: ReportItem, slot: Slot<ReportResult>): void {
  const entry = core.table.get(jobId);
  const decision =
    entry === undefined
      ? undefined
      : core.decide(entry, { kind: 'report', ...item }, (record) => {
          slot.ok({ kind: 'recorded', state: record.state });
        });
  if (decision === undefined || decision.kind === 'refused') sayStale(core, slot);
}

function checkpoint(core: ShardCore, { jobId, ...item }: CheckpointItem, slot: Slot<CheckpointResult>): void {
  const entry = core.table.get(jobId);
  const recorded = (): void => {
    slot.ok({ kind: 'recorded' });
  };
  const decision = entry && core.decide(entry, { kind: 'checkpoint', ...item }, recorded);
  if (decision?.kind === 'changed') return;
  // The same checkpoint again, or one that a later one has overtaken. It counts as recorded once the present record
  // is durable.
  if (entry !== undefined && decision?.refusal === 'unchanged') core.whenDurable(entry, recorded);
  else sayStale(core, slot);
}

function heartbeat(core: ShardCore, item: HeartbeatItem, slot: Slot<HeartbeatResult>): void {
  const nowMs = core.context.clock.monotonicMs();
  // A former owner does not know the attempts that its successor has granted.
  const isSure = ownershipDoubt(core) === undefined;
  const stop: HeartbeatResult['stop'][number][] = [];
  for (const { jobId, token, progress, note, sealedNote, waitsForKeys } of item.runs) {
    const entry = core.table.get(jobId);
    if (entry?.current.run?.token !== token) {
      if (isSure) stop.push({ jobId, token, why: 'stale' });
      continue;
    }
    entry.heardMs = nowMs;
    entry.waitsForKeys = waitsForKeys;
    if (progress !== undefined) entry.progress = { fraction: progress, note: note ?? '', ...given({ sealedNote }) };
    if (entry.durable?.state === 'CANCELLING') stop.push({ jobId, token, why: 'cancel' });
  }
  slot.ok({ stop });
}

function cancel(core: ShardCore, item: CancelItem, slot: Slot<JobView>): void {
  if (isLoadedFirst(core, item.jobId, slot, () => cancel(core, item, slot))) return;
  const entry = core.table.get(item.jobId);
  if (entry === undefined || isTerminal(entry.current.state)) {
    withRecord(core, item.jobId, slot, (record) => {
      if (record.state === 'CANCELLED') slot.ok({ record });
      else slot.fail(stateForbids(record, cancellable));
    });
    return;
  }
  if (item.unlessRunning === true && entry.current.run !== undefined) {
    refuse(core, slot, stateForbids(entry.current, ['SCHEDULED', 'QUEUED', 'RETRYING']));
    return;
  }
  const refusal = storeRefusal(core);
  if (refusal !== undefined) throw refusal;
  core.decide(entry, { kind: 'cancel', reason: item.reason, caller: item.by });
  core.whenDurable(entry, (record) => {
    // The record that became durable may be a later one, in which the run has already ended.
    if (isTerminal(record.state) && record.state !== 'CANCELLED') slot.fail(stateForbids(record, cancellable));
    else slot.ok({ record });
  });
}

function reschedule(core: ShardCore, item: RescheduleItem, slot: Slot<JobView>): void {
  const { jobId, runAtMs = 0 } = item;
  if (isLoadedFirst(core, jobId, slot, () => reschedule(core, item, slot))) return;
  const entry = core.table.get(jobId);
  const forbid = (record: JobRecord): void => {
    refuse(core, slot, stateForbids(record, ['SCHEDULED', 'RETRYING']));
  };
  if (entry === undefined) {
    withRecord(core, jobId, slot, forbid);
    return;
  }
  // A caller that reschedules a job again and again could make events faster than JetStream takes them. The record
  // could then not remember all that are owed.
  if (!core.trailRoom.mayAdd(entry, 'reschedule')) {
    throw new TroupeError('OVERLOADED', {
      message: 'the last events of the job are not published yet; try again later',
      retryAfterMs: 1_000,
    });
  }
  const refusal = storeRefusal(core);
  if (refusal !== undefined) throw refusal;
  const decision = core.decide(entry, {
    kind: 'reschedule',
    readyAtMs: runAtMs,
    wallMs: core.wallMs(),
    caller: item.by,
  });
  const isRefused = decision.kind === 'refused' && decision.refusal !== 'unchanged';
  core.whenDurable(entry, (record) => {
    if (isRefused) forbid(record);
    else slot.ok({ record });
  });
}

function get(core: ShardCore, { jobId }: GetItem, slot: Slot<JobView>): void {
  const entry: JobEntry | undefined = core.table.get(jobId);
  const answer = (record: JobRecord | undefined): void => {
    const doubt = ownershipDoubt(core);
    if (doubt !== undefined) slot.fail(doubt);
    else if (record === undefined) slot.fail(notFound(jobId));
    else slot.ok({ record, ...given({ progress: entry?.progress, waitsForKeys: entry?.waitsForKeys }) });
  };
  if (entry === undefined && core.table.cold.find(jobId) !== undefined) withRecord(core, jobId, slot, answer);
  else if (entry === undefined) answer(core.table.recent(jobId));
  // A commit of the job may be under way, and nobody knows for how long. The store can be read.
  else if (entry.durable !== entry.current && core.storeTrouble !== undefined)
    slot.fail(new TroupeError('SHARD_UNAVAILABLE', { message: core.storeTrouble.message }));
  else core.whenReadable(entry, answer);
}

function stateForbids({ id: jobId, state }: JobRecord, allowed: readonly JobState[]): TroupeError {
  return new TroupeError('JOB_STATE_FORBIDS', {
    message: isTerminal(state) ? `the job has already ended: ${state}` : `the job is ${state}`,
    metadata: { jobId, state, allowedStates: allowed.join(',') },
  });
}
