/** What a node receives about a job that it may run. */
import type { ClaimResult } from '../../../application/ports/shard-protocol.ts';
import type { JobRecord } from '../../../domain/job.ts';
import { endsByMs } from '../../../domain/record-life.ts';
import { given } from '../../../domain/given.ts';

export function grantOf(record: JobRecord, token: string, nowMs: number): ClaimResult {
  return {
    kind: 'granted',
    token,
    attempt: record.attempt,
    spec: record.spec,
    createdAtMs: record.createdAtMs,
    nowMs,
    deadlineAtMs: endsByMs(record),
    suspect: record.convictions > 0,
    ...given({
      memoryMb: record.memoryMb,
      checkpoint: record.checkpoint?.payload,
    }),
  };
}
