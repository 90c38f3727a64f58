/**
 * What happens to a submit whose unique key is held by another job: by an unfinished one, or by an ended one whose
 * window is not over.
 */
import type { SubmitItem, SubmitResult } from '../../../application/ports/shard-protocol.ts';
import { assertNever, invariant, TroupeError } from '../../../domain/errors.ts';
import { isInSome } from '../../../domain/access/role-binding.ts';
import { isTerminal, type JobRecord, type RequestKey, type UniqueConflict } from '../../../domain/job.ts';
import type { JobId } from '../../../domain/job-id.ts';
import type { Slot } from '../core/batch-reply.ts';
import { isLoadedFirst, ownershipDoubt, withHolder } from './job-lookup.ts';
import type { JobEntry } from '../table/queue-index.ts';
import type { ShardCore } from '../core/shard-core.ts';
import { entryOf } from '../keys/shard-keys.ts';
import { given } from '../../../domain/given.ts';

/**
 * How long to wait until the end of the holder is durable and its code has stopped. This is less than callers wait for
 * a batch.
 */
const replaceMaxMs = 5_000;

interface Conflict {
  readonly item: SubmitItem;
  /** The idempotency key of the submit. */
  readonly key: RequestKey | undefined;
  readonly holder: JobId;
  readonly onConflict: UniqueConflict;
  readonly slot: Slot<SubmitResult>;
  /** Called when the key is free, or when somebody else has it. */
  readonly again: () => void;
}

/** Whether the caller may know of a job, and replace it. */
export function mayName({ onlyIn }: SubmitItem, { spec }: JobRecord): boolean {
  return isInSome(spec.queue, onlyIn);
}

export function meetHolder(core: ShardCore, conflict: Conflict): void {
  const { item, holder, onConflict, slot } = conflict;
  if (isLoadedFirst(core, holder, slot, conflict.again)) return;
  const entry = core.table.get(holder);
  invariant(entry !== undefined, 'the holder of a unique key is an unfinished job');
  // The holder has already ended, whatever this submit wants. Only its end is not durable yet.
  const isNamed = mayName(item, entry.current);
  if (isTerminal(entry.current.state)) {
    waitForEnd(core, conflict, isNamed ? { jobId: holder } : {});
    return;
  }
  if (!isNamed) {
    refuse(core, conflict);
    return;
  }
  switch (onConflict) {
    case 'reject':
      refuse(core, conflict);
      return;
    case 'return-existing':
      returnExisting(core, conflict);
      return;
    case 'replace-waiting':
      if (entry.current.run === undefined) replace(core, conflict, entry);
      else refuse(core, conflict);
      return;
    case 'replace':
      replace(core, conflict, entry);
      return;
    default:
      assertNever(onConflict);
  }
}

/** The holder has ended within its window. There is nothing left to replace; `follow` takes its key. */
export function meetFormer(core: ShardCore, conflict: Conflict & { readonly follow: () => void }): void {
  const { item, holder, onConflict, slot, follow } = conflict;
  if (onConflict === 'return-existing') {
    returnExisting(core, conflict);
    return;
  }
  withHolder(core, holder, slot, (record) => {
    if (onConflict !== 'replace' || !mayName(item, record)) {
      slot.fail(taken(item, record));
      return;
    }
    follow();
    core.askFlush();
  });
}

/**
 * If the submit has an idempotency key, the existing job gets this key too. The same call later returns the same job.
 */
function returnExisting(core: ShardCore, { item, holder, key, slot, again }: Conflict): void {
  withHolder(core, holder, slot, (record) => {
    if (!mayName(item, record)) {
      slot.fail(taken(item, record));
      return;
    }
    if (key === undefined) {
      slot.ok({ record, duplicate: true });
      return;
    }
    if (core.keys.given.waits(key.keyHash, again)) return;
    core.keys.given.give(entryOf(key, record), (trouble) => {
      // By now another owner may have given the key to another job.
      const doubt = trouble ?? ownershipDoubt(core);
      if (doubt === undefined) slot.ok({ record, duplicate: true });
      else slot.fail(doubt);
    });
  });
}

/** Refuses the submit, unless the holder has ended by the time its record is durable. */
function refuse(core: ShardCore, { item, holder, slot, again }: Conflict): void {
  withHolder(core, holder, slot, (record) => {
    if (!isTerminal(record.state)) {
      slot.fail(taken(item, record));
      return;
    }
    again();
    core.askFlush();
  });
}

function replace(core: ShardCore, conflict: Conflict, entry: JobEntry): void {
  core.decide(entry, { kind: 'cancel', reason: 'replaced by a job with the same unique key' });
  waitForEnd(core, conflict, { jobId: conflict.holder });
}

function waitForEnd(core: ShardCore, { item, slot, again }: Conflict, metadata: { readonly jobId?: JobId }): void {
  core.keys.unique.whenFree(item, {
    untilMs: core.context.clock.monotonicMs() + replaceMaxMs,
    then(outcome) {
      if (outcome === 'free') {
        again();
        core.askFlush();
        return;
      }
      slot.fail(new TroupeError('REPLACEMENT_PENDING', { metadata }));
    },
  });
}

function taken(item: SubmitItem, record: JobRecord): TroupeError {
  if (!mayName(item, record)) return new TroupeError('UNIQUE_KEY_TAKEN');
  const { id: jobId, state, createdAtMs, spec } = record;
  const { unique } = spec;
  const windowEnd = unique?.windowMs === undefined ? undefined : new Date(createdAtMs + unique.windowMs).toISOString();
  const metadata = { jobId, state, ...given({ windowEndTime: windowEnd }) };
  return new TroupeError('UNIQUE_KEY_TAKEN', { metadata });
}
