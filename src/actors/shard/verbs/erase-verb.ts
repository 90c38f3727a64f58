/**
 * Erases what lies inline in the record of an ended job. The record is written again through the group commit of its
 * partition; state, event number and outcome stay unchanged. If the partition was sealed, this opens it once more, and
 * a later tick seals it again.
 */
import type { EraseItem, JobView } from '../../../application/ports/shard-protocol.ts';
import { TroupeError } from '../../../domain/errors.ts';
import { isTerminal } from '../../../domain/job.ts';
import { notEnded } from '../../../domain/payload-life.ts';
import type { Slot } from '../core/batch-reply.ts';
import { refuse, storeRefusal, withRecord } from './job-lookup.ts';
import type { ShardCore } from '../core/shard-core.ts';

export function erase(core: ShardCore, { jobId }: EraseItem, slot: Slot<JobView>): void {
  if (core.undurable >= core.services.limits.undurableMax) {
    throw new TroupeError('OVERLOADED', { retryAfterMs: 500, metadata: { shard: String(core.shard) } });
  }
  const refusal = storeRefusal(core);
  if (refusal !== undefined) throw refusal;
  const entry = core.table.get(jobId);
  if (entry !== undefined && !isTerminal(entry.current.state)) {
    refuse(core, slot, notEnded(entry.current));
    return;
  }
  withRecord(core, jobId, slot, (record) => {
    if (!isTerminal(record.state)) {
      refuse(core, slot, notEnded(record));
      return;
    }
    core.erasure.erase(record, (erased) => {
      slot.ok({ record: erased });
    });
    core.askFlush();
  });
}
