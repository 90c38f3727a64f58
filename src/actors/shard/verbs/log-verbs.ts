/** Nodes send the logs of their runs, and watchers read them. */
import type { LogItem, LogResult, ReadLogItem, ReadLogResult } from '../../../application/ports/shard-protocol.ts';
import type { Slot } from '../core/batch-reply.ts';
import { notFound, ownershipDoubt, sayStale, withRecord } from './job-lookup.ts';
import type { ShardCore } from '../core/shard-core.ts';

export function keepLog(core: ShardCore, { jobId, token, after, lines }: LogItem, slot: Slot<LogResult>): void {
  const run = core.table.get(jobId)?.current.run;
  if (run?.token === token) slot.ok({ kind: 'kept', through: core.logs.add(jobId, run.attempt, after, lines) });
  else sayStale(core, slot);
}

export function readAttemptLog(core: ShardCore, { jobId, seen }: ReadLogItem, slot: Slot<ReadLogResult>): void {
  const doubt = ownershipDoubt(core);
  if (doubt !== undefined) throw doubt;
  if (core.table.cold.find(jobId) !== undefined) {
    withRecord(core, jobId, slot, ({ logs = [] }) => slot.ok({ stored: logs, lines: core.logs.read(jobId, seen) }));
    return;
  }
  const entry = core.table.get(jobId);
  const record = entry === undefined ? core.table.recent(jobId) : entry.durable;
  if (record === undefined) throw notFound(jobId);
  slot.ok({ stored: record.logs ?? [], lines: core.logs.read(jobId, seen) });
}
