/** Accepting jobs: limits, one job for one idempotency key, one unfinished job for one unique key. */
import type { IdempotencyEntry } from '../../application/ports/job-store.ts';
import type { SubmitItem, SubmitResult } from '../../application/shard-protocol.ts';
import { TroupeError } from '../../domain/errors.ts';
import { acceptJob } from '../../domain/transitions.ts';
import type { Slot } from './batch-reply.ts';
import { withRecord } from './job-lookup.ts';
import type { ShardCore } from './shard-core.ts';
import { meetHolder } from './unique-conflict.ts';

interface Key {
  readonly keyHash: string;
  readonly contentHash: string;
}

export function submit(core: ShardCore, item: SubmitItem, slot: Slot<SubmitResult>): void {
  const refusal = refusalWhenFull(core);
  if (refusal !== undefined) throw refusal;
  const { keyHash, contentHash } = item;
  if (keyHash === undefined || contentHash === undefined) acceptNew(core, item, slot);
  else submitWithKey(core, item, { keyHash, contentHash }, slot);
}

function refusalWhenFull(core: ShardCore): TroupeError | undefined {
  const { limits } = core.services;
  const shard = String(core.shard);
  if (core.table.size >= limits.backlogMax) {
    const metadata = { shard, backlogMax: String(limits.backlogMax) };
    return new TroupeError('BACKLOG_FULL', { retryAfterMs: 5_000, metadata });
  }
  if (core.undurable < limits.undurableMax) return undefined;
  return new TroupeError('MAILBOX_FULL', { retryAfterMs: 500, metadata: { shard } });
}

function acceptNew(core: ShardCore, item: SubmitItem, slot: Slot<SubmitResult>, key?: Key): void {
  const { spec } = item;
  const holder = spec.unique === undefined ? undefined : core.unique.holderOf(item);
  if (holder !== undefined && spec.unique !== undefined) {
    // From the beginning: meanwhile a repeat of this very submit may have been accepted.
    const again = (): void => {
      if (key === undefined) acceptNew(core, item, slot);
      else submitWithKey(core, item, key, slot);
    };
    meetHolder(core, { item, holder, onConflict: spec.unique.onConflict, slot, again });
    return;
  }
  const nowMs = core.nowMs();
  const record = acceptJob({ id: core.nextId(spec.queueNo), spec, nowMs });
  const entry = key && { ...key, jobId: record.id, expiresAtMs: nowMs + spec.retentionMs };
  if (entry !== undefined) core.keys.set(entry);
  const done = (): void => {
    slot.ok({ record, duplicate: false });
  };
  core.accept(record, done, entry);
}

function submitWithKey(core: ShardCore, item: SubmitItem, key: Key, slot: Slot<SubmitResult>): void {
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
    if (refusal === undefined) acceptNew(core, item, slot, key);
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
