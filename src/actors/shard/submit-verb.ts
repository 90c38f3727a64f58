/** Accepting jobs: limits, one job for one idempotency key, one for a unique key until its end and its window are over. */
import type { IdempotencyEntry } from '../../application/ports/job-store.ts';
import type { SubmitItem, SubmitResult } from '../../application/shard-protocol.ts';
import { TroupeError } from '../../domain/errors.ts';
import type { UniqueKey } from '../../domain/job.ts';
import { retryAfterMs } from '../../domain/retry-after.ts';
import { acceptJob } from '../../domain/transitions.ts';
import type { Slot } from './batch-reply.ts';
import { withRecord } from './job-lookup.ts';
import type { ShardCore } from './shard-core.ts';
import { meetFormer, meetHolder } from './unique-conflict.ts';

interface Key {
  readonly keyHash: string;
  readonly contentHash: string;
}

/** One submit on its way. */
interface Submission {
  readonly item: SubmitItem;
  readonly slot: Slot<SubmitResult>;
  readonly key?: Key;
}

export function submit(core: ShardCore, item: SubmitItem, slot: Slot<SubmitResult>): void {
  const refusal = refusalWhenFull(core);
  if (refusal !== undefined) throw refusal;
  const { keyHash, contentHash } = item;
  if (keyHash === undefined || contentHash === undefined) begin(core, { item, slot });
  else begin(core, { item, slot, key: { keyHash, contentHash } });
}

function begin(core: ShardCore, submission: Submission): void {
  if (submission.key === undefined) acceptNew(core, submission);
  else submitWithKey(core, submission, submission.key);
}

function refusalWhenFull(core: ShardCore): TroupeError | undefined {
  const { limits } = core.services;
  const shard = String(core.shard);
  if (core.table.size >= limits.backlogMax) {
    const metadata = { shard, backlogMax: String(limits.backlogMax) };
    const excess = core.table.size - limits.backlogMax + roomAgain(limits.backlogMax);
    const perSecond = core.table.ends.perSecond(core.nowMs());
    return new TroupeError('BACKLOG_FULL', { retryAfterMs: retryAfter(core, excess, perSecond), metadata });
  }
  if (core.undurable < limits.undurableMax) return undefined;
  const excess = core.undurable - limits.undurableMax + roomAgain(limits.undurableMax);
  const perSecond = core.table.landed.perSecond(core.nowMs());
  return new TroupeError('MAILBOX_FULL', { retryAfterMs: retryAfter(core, excess, perSecond), metadata: { shard } });
}

/** Callers are asked back when a hundredth is free: not for the one place that the first of them would take. */
function roomAgain(max: number): number {
  return Math.ceil(max / 100);
}

function retryAfter(core: ShardCore, excess: number, perSecond: number): number {
  return retryAfterMs({ excess, perSecond, random: core.context.random() });
}

function acceptNew(core: ShardCore, submission: Submission, isLookedUp = false): void {
  const { item, slot, key } = submission;
  const { spec } = item;
  if (spec.unique !== undefined && !hasUniqueKey(core, submission, spec.unique, isLookedUp)) return;
  const nowMs = core.nowMs();
  const record = acceptJob({ id: core.nextId(spec.queueNo), spec, nowMs });
  const entry = key && { ...key, jobId: record.id, expiresAtMs: nowMs + spec.retentionMs };
  if (entry !== undefined) core.keys.set(entry);
  const window = core.windows.take(record);
  const done = (): void => {
    core.windows.taken(window);
    slot.ok({ record, duplicate: false });
  };
  core.accept(record, done, entry === undefined ? window : [entry, ...window]);
}

/** False: another job has the key, or it is being found out; the slot is answered then. */
function hasUniqueKey(
  core: ShardCore,
  submission: Submission,
  { onConflict }: UniqueKey,
  isLookedUp: boolean,
): boolean {
  const { item, slot } = submission;
  const holder = core.unique.holderOf(item);
  if (holder !== undefined) {
    // From the beginning: meanwhile a repeat of this very submit may have been accepted.
    meetHolder(core, { item, holder, onConflict, slot, again: () => begin(core, submission) });
    return false;
  }
  const former = core.windows.holderOf(item.spec);
  if (former === 'unknown' && !isLookedUp) {
    lookUpWindow(core, submission);
    return false;
  }
  if (former === 'nobody' || former === 'unknown' || former === item.spec.retryOf || onConflict === 'replace')
    return true;
  meetFormer(core, former, onConflict, slot);
  return false;
}

/** Whether a job that has ended holds the unique key still. Others may be accepted while the store is asked. */
function lookUpWindow(core: ShardCore, submission: Submission): void {
  const { item, slot, key } = submission;
  const then = (trouble?: TroupeError): void => {
    const known = key && core.keys.get(key.keyHash, core.nowMs());
    const refusal = trouble ?? refusalWhenFull(core);
    if (key !== undefined && known !== undefined) answerKnownKey(core, known, key, slot);
    else if (refusal !== undefined) slot.fail(refusal);
    else acceptNew(core, submission, true);
  };
  core.windows.find(item.spec, then, (question) => {
    core.context.pipeToSelf(question, (outcome) => ({
      kind: 'continue',
      run: () => {
        core.windows.found(item.spec, outcome.status === 'rejected' ? unanswered(outcome.reason) : undefined);
        core.askFlush();
      },
    }));
  });
}

function submitWithKey(core: ShardCore, submission: Submission, key: Key): void {
  const { slot } = submission;
  const decideNow = (): boolean => {
    const entry = core.keys.get(key.keyHash, core.nowMs());
    if (entry !== undefined) answerKnownKey(core, entry, key, slot);
    return entry !== undefined;
  };
  if (decideNow()) return;
  const again = (trouble?: TroupeError): void => {
    if (trouble === undefined && decideNow()) return;
    // Others were accepted while the store was asked.
    const refusal = trouble ?? refusalWhenFull(core);
    if (refusal === undefined) acceptNew(core, submission);
    else slot.fail(refusal);
  };
  if (!core.keys.wait(key.keyHash, again)) return;
  core.context.pipeToSelf(lookUpKey(core, key.keyHash), (outcome) => ({
    kind: 'continue',
    run: () => {
      if (outcome.status === 'fulfilled' && outcome.value !== undefined) core.keys.set(outcome.value);
      // Without an answer nothing is done: those who wait are told, and may come again.
      core.keys.release(key.keyHash, outcome.status === 'rejected' ? unanswered(outcome.reason) : undefined);
      core.askFlush();
    },
  }));
}

function unanswered(reason: unknown): TroupeError {
  return new TroupeError('STORE_UNAVAILABLE', { cause: reason, retryAfterMs: 1_000, metadata: { outcome: 'none' } });
}

/** An entry whose job was never committed is an orphan of a crash: the key is free. */
async function lookUpKey(core: ShardCore, keyHash: string): Promise<IdempotencyEntry | undefined> {
  const entry = await core.services.store.findKey(core.shard, keyHash);
  if (entry === undefined) return undefined;
  if (core.table.get(entry.jobId) !== undefined || core.table.recent(entry.jobId) !== undefined) return entry;
  return (await core.services.store.findJob(entry.jobId)) === undefined ? undefined : entry;
}

function answerKnownKey(core: ShardCore, entry: IdempotencyEntry, key: Key, slot: Slot<SubmitResult>): void {
  const { jobId } = entry;
  if (entry.contentHash !== key.contentHash) {
    slot.fail(new TroupeError('IDEMPOTENCY_KEY_REUSED', { metadata: { jobId } }));
    return;
  }
  withRecord(core, jobId, slot, (record) => {
    slot.ok({ record, duplicate: true });
  });
}
