/** Sends a job to the owner of a shard. Deletes its stored input if the job is refused or existed before. */
import { type ErrorCode, TroupeError } from '../../domain/errors.ts';
import { given } from '../../domain/given.ts';
import { type JobRecord, type JobSpec, storedIdOf } from '../../domain/job.ts';
import { payloadIds } from '../../domain/payload-life.ts';
import { type CallContext, callerText, queuesAllowed } from '../ports/call-context.ts';
import { uniqueHash } from './job-fingerprint.ts';
import type { AcceptedJob } from './job-request.ts';
import { limitHash } from '../queues/limit-home.ts';
import { queueNotFound } from '../queues/queue-names.ts';
import { callFor } from '../protocol/shard-batcher.ts';
import type { ShardChoice } from '../protocol/shard-choice.ts';
import type { SubmitItem, SubmitResult } from '../ports/shard-protocol.ts';
import type { SubmitParts } from './submit-check.ts';

/** Shards to which a job without a key is offered while owners are away. */
const shardAttempts = 3;

type SendParts = Pick<SubmitParts, 'batcher' | 'shards' | 'payloads' | 'catalog'>;

export interface SendOptions {
  /** The preferred shard of a job that may go to any. */
  readonly shard?: number | undefined;
  /** Whether the stored input stays if no job of this call has it, because another call may send it. */
  readonly keepsInput?: boolean;
}

export async function sendJob(
  parts: SendParts,
  context: CallContext,
  submit: Omit<SubmitItem, 'onlyIn' | 'by'>,
  { shard, keepsInput = false }: SendOptions = {},
): Promise<AcceptedJob> {
  // Without a key it meets no other job.
  const onlyIn = homeOf(submit) === undefined ? undefined : queuesAllowed(context);
  const by = submit.spec.retryOf === undefined ? undefined : callerText(context);
  const item = onlyIn === undefined && by === undefined ? submit : { ...submit, ...given({ onlyIn, by }) };
  const { record, duplicate } = await send(parts, context, item, shard).catch(async (error: unknown) => {
    const isRefused = error instanceof TroupeError && refusals.has(error.code);
    if (isRefused && !keepsInput) await takeBack(parts, item);
    throw await whyClosed(parts, item, error);
  });
  // If the job existed before, or has been erased since, its record does not refer to the input that this call stored.
  if (!keepsInput) await takeBack(parts, item, record);
  return { jobId: record.id, state: record.state, duplicate };
}

/** With these codes no job of this call exists. Every other code leaves that open. */
const refusals: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'UNIQUE_KEY_TAKEN',
  'REPLACEMENT_PENDING',
  'IDEMPOTENCY_KEY_REUSED',
  'BACKLOG_FULL',
  'QUOTA_EXCEEDED',
  'OVERLOADED',
  'QUEUE_CLOSING',
  'SHARD_UNAVAILABLE',
]);

/** Deletes the stored input unless the record refers to it. An error is ignored, because what remains expires. */
export async function takeBack(
  { payloads }: Pick<SendParts, 'payloads'>,
  { spec: { input } }: { readonly spec: Pick<JobSpec, 'input'> },
  record?: JobRecord,
): Promise<void> {
  const id = storedIdOf(input);
  if (id === undefined || (record !== undefined && payloadIds(record).includes(id))) return;
  await payloads.deletePayload(id).catch(() => undefined);
}

/** This gateway's view of the queue is outdated: the queue is being deleted, was deleted, or was created again. */
async function whyClosed({ catalog }: SendParts, { spec }: SubmitItem, error: unknown): Promise<unknown> {
  if (!(error instanceof TroupeError) || error.code !== 'QUEUE_CLOSING') return error;
  catalog.forget(spec.tenant, spec.queue);
  const present = await catalog.find(spec.tenant, spec.queue);
  return present === undefined ? queueNotFound(spec.queue) : error;
}

async function send(
  { batcher, shards }: SendParts,
  context: CallContext,
  item: SubmitItem,
  preferred?: number,
): Promise<SubmitResult> {
  const options = callFor(context);
  const home = homeOf(item);
  if (home !== undefined) return batcher.call(shards.ofKey(home), 'submit', item, options);
  for (let attempt = 0; ; attempt += 1) {
    const shard = shards.begin(attempt, limitShardOf(item, shards) ?? preferred);
    try {
      return await batcher.call(shard, 'submit', item, options);
    } catch (error) {
      // Nobody listened, so nothing was done. Another shard may take the job.
      const away = error instanceof TroupeError && error.code === 'SHARD_UNAVAILABLE';
      if (!away || attempt + 1 >= shardAttempts) throw error;
    } finally {
      shards.ended(shard);
    }
  }
}

/** The home of a concurrency key's limit. There the job can start without asking another shard. */
function limitShardOf({ spec }: SubmitItem, shards: Pick<ShardChoice, 'ofKey'>): number | undefined {
  const { tenant, queue, concurrencyKey: key } = spec;
  return key === undefined ? undefined : shards.ofKey(limitHash({ tenant, queue, key }));
}

interface Keyed {
  readonly spec: Pick<SubmitItem['spec'], 'tenant' | 'unique'>;
  readonly keyHash?: string;
}

/**
 * The key that determines the shard. A unique key decides, and an idempotency key given with it is stored there too.
 */
export function homeOf({ spec, keyHash }: Keyed): string | undefined {
  return spec.unique === undefined ? keyHash : uniqueHash(spec.tenant, spec.unique.key);
}
