/**
 * Erases the input and output of an ended job, at once and durably. The order is: the payload store first, then the
 * record, which notes the erasure, then the copies that gateways cache. A crash in between may leave a record whose
 * payloads are gone although it does not say so. Readers then learn that they are missing, and repeating the call
 * finishes the work.
 */
import { notEnded, payloadIds } from '../../domain/payload-life.ts';
import { isTerminal, type JobRecord } from '../../domain/job.ts';
import { jobIdParts } from '../../domain/job-id.ts';
import { type CallContext, ensureAwaited } from '../ports/call-context.ts';
import type { NodesAsker } from '../protocol/ask-nodes.ts';
import type { JobReader } from './job-reader.ts';
import type { JobCache } from '../ports/job-cache.ts';
import type { PayloadStore } from '../ports/payload-store.ts';
import type { Clock } from '../ports/runtime.ts';
import { callFor, type ShardBatcher } from '../protocol/shard-batcher.ts';
import type { JobView } from '../ports/shard-protocol.ts';

export interface EraseJobPayloadsParts {
  readonly reader: JobReader;
  readonly batcher: ShardBatcher;
  readonly payloads: PayloadStore;
  readonly cache: JobCache;
  readonly asker: NodesAsker;
  readonly clock: Clock;
}

export type EraseJobPayloads = (context: CallContext, jobId: string) => Promise<JobView>;

export function createEraseJobPayloads({
  reader,
  batcher,
  payloads,
  cache,
  asker,
  clock,
}: EraseJobPayloadsParts): EraseJobPayloads {
  async function erase(context: CallContext, record: JobRecord): Promise<JobRecord> {
    if (record.payloadsErasedAtMs !== undefined) return record;
    await Promise.all(payloadIds(record).map((id) => payloads.deletePayload(id)));
    return (await batcher.call(jobIdParts(record.id).shard, 'erase', { jobId: record.id }, callFor(context))).record;
  }

  return async (context, jobId) => {
    ensureAwaited(context, clock.nowMs());
    const { record } = await reader.read(context, jobId);
    if (!isTerminal(record.state)) throw notEnded(record);
    const erased = await erase(context, record);
    cache.replace(erased);
    // Gateways are notified even if the payloads were erased before: the earlier call may have died before this step.
    const gateways = asker.members().filter(({ roles }) => roles.includes('gateway'));
    await asker.askAll(context, gateways, 'forgetPayloads', erased);
    return { record: erased };
  };
}
