/** What callers may ask of a shard. Each item is decided alone; its slot is answered when the decision is durable. */
import type {
  CancelItem,
  ClaimItem,
  CompleteItem,
  GetItem,
  HeartbeatItem,
  HeartbeatResult,
  JobView,
  ShardVerb,
  ShardVerbs,
  SubmitItem,
} from '../../application/shard-protocol.ts';
import { assertNever, TroupeError } from '../../domain/errors.ts';
import { isTerminal } from '../../domain/job.ts';
import type { JobRecord } from '../../domain/job.ts';
import type { JobCommand } from '../../domain/transitions.ts';
import { acceptJob } from '../../domain/transitions.ts';
import type { BatchReply } from './batch-reply.ts';
import type { JobEntry } from './job-table.ts';
import type { ShardCore } from './shard-core.ts';

type AnyResult = ShardVerbs[ShardVerb]['result'];
type Reply = BatchReply<AnyResult>;

export function performVerb(core: ShardCore, verb: ShardVerb, items: readonly unknown[], reply: Reply): void {
  items.forEach((item, slot) => {
    try {
      perform(core, verb, item, slot, reply);
    } catch (error) {
      reply.fail(slot, TroupeError.from(error));
    }
  });
}

/** The wire is trusted here: only gateways and nodes of this cluster can reach it. */
function perform(core: ShardCore, verb: ShardVerb, item: unknown, slot: number, reply: Reply): void {
  switch (verb) {
    case 'submit':
      submit(core, item as SubmitItem, slot, reply);
      break;
    case 'claim':
      claim(core, item as ClaimItem, slot, reply);
      break;
    case 'complete':
      complete(core, item as CompleteItem, slot, reply);
      break;
    case 'heartbeat':
      reply.ok(slot, heartbeat(core, item as HeartbeatItem));
      break;
    case 'cancel':
      cancel(core, item as CancelItem, slot, reply);
      break;
    case 'get':
      reply.ok(slot, view(core, (item as GetItem).jobId));
      break;
    default:
      assertNever(verb);
  }
}

function submit(core: ShardCore, item: SubmitItem, slot: number, reply: Reply): void {
  const { limits } = core.services;
  const shard = String(core.shard);
  if (core.size >= limits.backlogMax) {
    throw new TroupeError('BACKLOG_FULL', {
      retryAfterMs: 5_000,
      metadata: { shard, backlogMax: String(limits.backlogMax) },
    });
  }
  if (core.undurable >= limits.undurableMax) {
    throw new TroupeError('MAILBOX_FULL', { retryAfterMs: 500, metadata: { shard } });
  }
  if (item.keyHash === undefined || item.contentHash === undefined) {
    acceptNew(core, item, slot, reply);
    return;
  }
  submitWithKey(core, item, item.keyHash, item.contentHash, slot, reply);
}

function acceptNew(core: ShardCore, item: SubmitItem, slot: number, reply: Reply): void {
  const { spec } = item;
  const nowMs = core.nowMs();
  const record = acceptJob({ id: core.nextId(spec.queueNo), spec, nowMs });
  if (item.keyHash === undefined || item.contentHash === undefined) {
    core.accept(record, () => {
      reply.ok(slot, { record, duplicate: false });
    });
    return;
  }
  const key = {
    keyHash: item.keyHash,
    contentHash: item.contentHash,
    jobId: record.id,
    expiresAtMs: nowMs + spec.retentionMs,
  };
  core.keys.set(key);
  core.accept(
    record,
    () => {
      reply.ok(slot, { record, duplicate: false });
    },
    key,
  );
}

function submitWithKey(
  core: ShardCore,
  item: SubmitItem,
  keyHash: string,
  contentHash: string,
  slot: number,
  reply: Reply,
): void {
  const known = core.keys.get(keyHash, core.nowMs());
  if (known !== undefined) {
    answerKnownKey(core, known.contentHash === contentHash, known.jobId, slot, reply);
    return;
  }
  const again = (): void => {
    const entry = core.keys.get(keyHash, core.nowMs());
    if (entry === undefined) acceptNew(core, item, slot, reply);
    else answerKnownKey(core, entry.contentHash === contentHash, entry.jobId, slot, reply);
  };
  if (!core.keys.wait(keyHash, again)) return;
  core.context.pipeToSelf(lookUpKey(core, keyHash), (outcome) => ({
    kind: 'continue',
    run: () => {
      // The store could not be asked: crash, and the callers learn that the outcome is unknown (nothing was done).
      if (outcome.status === 'rejected') throw outcome.reason;
      if (outcome.value !== undefined) core.keys.set(outcome.value);
      core.keys.release(keyHash);
      core.askFlush();
    },
  }));
}

/** An entry whose job was never committed is an orphan of a crash: the key is free. */
async function lookUpKey(core: ShardCore, keyHash: string): Promise<ReturnType<typeof core.keys.get>> {
  const entry = await core.services.store.findKey(core.shard, keyHash);
  if (entry === undefined) return undefined;
  if (core.table.get(entry.jobId) !== undefined || core.table.recent(entry.jobId) !== undefined) return entry;
  return (await core.services.store.findJob(entry.jobId)) === undefined ? undefined : entry;
}

function answerKnownKey(core: ShardCore, same: boolean, jobId: JobRecord['id'], slot: number, reply: Reply): void {
  if (!same) reply.fail(slot, new TroupeError('IDEMPOTENCY_KEY_REUSED', { metadata: { jobId } }));
  else withRecord(core, jobId, slot, reply, (record) => reply.ok(slot, { record, duplicate: true }));
}

/** Continues with the durable record of the job, from memory or from the store. */
function withRecord(
  core: ShardCore,
  jobId: JobRecord['id'],
  slot: number,
  reply: Reply,
  then: (record: JobRecord) => void,
): void {
  const entry = core.table.get(jobId);
  if (entry !== undefined) {
    core.whenDurable(entry, then);
    return;
  }
  const recent = core.table.recent(jobId);
  if (recent !== undefined) {
    then(recent);
    return;
  }
  core.context.pipeToSelf(core.services.store.findJob(jobId), (outcome) => ({
    kind: 'continue',
    run: () => {
      if (outcome.status === 'rejected') reply.fail(slot, TroupeError.from(outcome.reason));
      else if (outcome.value === undefined) reply.fail(slot, notFound(jobId));
      else then(outcome.value);
    },
  }));
}

function claim(core: ShardCore, item: ClaimItem, slot: number, reply: Reply): void {
  const entry = core.table.get(item.jobId);
  if (entry === undefined) {
    reply.ok(slot, { kind: 'drop' });
    return;
  }
  const { readyAtMs } = entry.current;
  const token = `${String(core.epoch)}.${String(entry.current.attempt + 1)}`;
  const { ackTo } = item;
  // The WORK message is acknowledged only when the claim is durable: a crash before that leads to a redelivery.
  const decision = core.decide(entry, { kind: 'claim', node: item.node, token }, () => {
    if (ackTo !== undefined) core.services.publisher.acknowledge(ackTo);
  });
  if (decision.kind === 'refused') {
    reply.ok(slot, { kind: 'drop' });
    return;
  }
  const { record } = decision;
  entry.heardMs = core.context.clock.monotonicMs();
  core.services.metrics.waitSeconds.observe((core.nowMs() - readyAtMs) / 1_000);
  const { totalTimeoutMs } = record.spec;
  reply.ok(slot, {
    kind: 'granted',
    token,
    attempt: record.attempt,
    spec: record.spec,
    createdAtMs: record.createdAtMs,
    ...(totalTimeoutMs !== undefined && { deadlineAtMs: record.createdAtMs + totalTimeoutMs }),
    suspect: record.convictions > 0,
  });
}

function complete(core: ShardCore, item: CompleteItem, slot: number, reply: Reply): void {
  const entry = core.table.get(item.jobId);
  const decision =
    entry === undefined
      ? undefined
      : core.decide(entry, commandOf(item), (record) => {
          reply.ok(slot, { kind: 'recorded', state: record.state });
        });
  if (decision === undefined || decision.kind === 'refused') reply.ok(slot, { kind: 'stale' });
}

function commandOf({ token, outcome }: CompleteItem): JobCommand {
  switch (outcome.kind) {
    case 'succeeded':
      return { kind: 'succeed', token, ...(outcome.output !== undefined && { output: outcome.output }) };
    case 'failed':
      return { kind: 'fail', token, failure: outcome.failure, retryable: outcome.retryable };
    case 'stopped':
      return { kind: 'stopped', token };
    case 'lost': {
      const blame = outcome.convicted ? 'convicted' : outcome.suspect === true ? 'suspect' : 'none';
      return { kind: 'lose', token, blame };
    }
    default:
      return assertNever(outcome);
  }
}

function heartbeat(core: ShardCore, item: HeartbeatItem): HeartbeatResult {
  const nowMs = core.context.clock.monotonicMs();
  const stop: HeartbeatResult['stop'][number][] = [];
  for (const { jobId, token, progress, note } of item.runs) {
    const entry = core.table.get(jobId);
    if (entry?.current.run?.token !== token) {
      stop.push({ jobId, token, why: 'stale' });
      continue;
    }
    entry.heardMs = nowMs;
    if (progress !== undefined) entry.progress = { fraction: progress, note: note ?? '' };
    if (entry.durable?.state === 'CANCELLING') stop.push({ jobId, token, why: 'cancel' });
  }
  return { stop };
}

function cancel(core: ShardCore, item: CancelItem, slot: number, reply: Reply): void {
  const entry = core.table.get(item.jobId);
  if (entry === undefined || isTerminal(entry.current.state)) {
    withRecord(core, item.jobId, slot, reply, (record) => {
      if (record.state === 'CANCELLED') reply.ok(slot, { record });
      else reply.fail(slot, stateForbids(record));
    });
    return;
  }
  core.decide(entry, { kind: 'cancel', reason: item.reason });
  core.whenDurable(entry, (record) => {
    // The record that became durable may be a later one, in which the run has ended meanwhile.
    if (isTerminal(record.state) && record.state !== 'CANCELLED') reply.fail(slot, stateForbids(record));
    else reply.ok(slot, { record });
  });
}

function view(core: ShardCore, jobId: JobRecord['id']): JobView {
  // A paused former owner must not answer with what it remembers; the store knows better.
  if (!core.services.leaseIsSure()) throw new TroupeError('SHARD_UNAVAILABLE', { message: 'the lease is not sure' });
  const entry: JobEntry | undefined = core.table.get(jobId);
  const record = entry === undefined ? core.table.recent(jobId) : entry.durable;
  if (record === undefined) throw notFound(jobId);
  return { record, ...(entry?.progress !== undefined && { progress: entry.progress }) };
}

function notFound(jobId: string): TroupeError {
  return new TroupeError('JOB_NOT_FOUND', { metadata: { jobId } });
}

function stateForbids(record: JobRecord): TroupeError {
  return new TroupeError('JOB_STATE_FORBIDS', {
    message: `the job has ended already: ${record.state}`,
    metadata: { jobId: record.id, state: record.state, allowedStates: 'SCHEDULED,QUEUED,RUNNING,RETRYING,CANCELLING' },
  });
}
