/** Brings a job to the owner of a shard, and takes back what was stored for one that was refused, or was there before. */
import { type ErrorCode, TroupeError } from '../../domain/errors.ts';
import type { JobRecord } from '../../domain/job.ts';
import { payloadIds } from '../../domain/payload-life.ts';
import type { CallContext } from '../protocol/call-context.ts';
import { uniqueHash } from './job-fingerprint.ts';
import type { AcceptedJob } from './job-request.ts';
import { limitHash } from '../queues/limit-home.ts';
import { queueNotFound } from '../queues/queue-names.ts';
import type { ShardChoice } from '../protocol/shard-choice.ts';
import type { SubmitItem, SubmitResult } from '../protocol/shard-protocol.ts';
import type { SubmitParts } from './submit-check.ts';

/** Shards that a job without a key is offered to while owners are away. */
const shardAttempts = 3;

type SendParts = Pick<SubmitParts, 'batcher' | 'shards' | 'payloads' | 'catalog'>;

/** `shard`: where it goes if it may go anywhere. */
export async function acceptJob(
  parts: SendParts,
  context: CallContext,
  item: SubmitItem,
  shard?: number,
): Promise<AcceptedJob> {
  const { record, duplicate } = await send(parts, context, item, shard).catch(async (error: unknown) => {
    if (error instanceof TroupeError && refusals.has(error.code)) await takeBack(parts, item);
    throw await whyClosed(parts, item, error);
  });
  // Another job was there before, or this one, and it has been erased since: then nobody refers to what was written.
  await takeBack(parts, item, record);
  return { jobId: record.id, state: record.state, duplicate };
}

/** After these there is no job of this call. All others leave it open. */
const refusals: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'UNIQUE_KEY_TAKEN',
  'REPLACEMENT_PENDING',
  'IDEMPOTENCY_KEY_REUSED',
  'BACKLOG_FULL',
  'MAILBOX_FULL',
  'QUEUE_CLOSING',
  'SHARD_UNAVAILABLE',
]);

/** Unless the record refers to it. The answer stands, whatever the store says; what is left expires. */
async function takeBack({ payloads }: SendParts, { spec: { input } }: SubmitItem, record?: JobRecord): Promise<void> {
  if (input.kind !== 'ref' || (record !== undefined && payloadIds(record).includes(input.id))) return;
  await payloads.deletePayload(input.id).catch(() => undefined);
}

/** What this gateway knows of the queue is old: it is being deleted, or gone, and then maybe there anew. */
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
  const deadline = context.deadlineAtMs === undefined ? {} : { deadlineAtMs: context.deadlineAtMs };
  const home = homeOf(item);
  if (home !== undefined) return batcher.call(shards.ofKey(home), 'submit', item, deadline);
  for (let attempt = 0; ; attempt += 1) {
    const shard = shards.begin(attempt, limitShardOf(item, shards) ?? preferred);
    try {
      return await batcher.call(shard, 'submit', item, deadline);
    } catch (error) {
      // Nobody listened, so nothing was done: another shard may have the job.
      const away = error instanceof TroupeError && error.code === 'SHARD_UNAVAILABLE';
      if (!away || attempt + 1 >= shardAttempts) throw error;
    } finally {
      shards.ended(shard);
    }
  }
}

/** At the home of the limit of its concurrency key a job needs no other shard's word to start. */
function limitShardOf({ spec }: SubmitItem, shards: Pick<ShardChoice, 'ofKey'>): number | undefined {
  const { tenant, queue, concurrencyKey: key } = spec;
  return key === undefined ? undefined : shards.ofKey(limitHash({ tenant, queue, key }));
}

/** One shard decides about a unique key; an idempotency key given with it lies there as well. */
function homeOf({ spec, keyHash }: SubmitItem): string | undefined {
  return spec.unique === undefined ? keyHash : uniqueHash(spec.tenant, spec.unique.key);
}
