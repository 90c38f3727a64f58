/** One run of this node, from its grant until its shard has taken its outcome. */
import type { ProgressNote } from '../../application/ports/bus.ts';
import { payloadMarginMs } from '../../application/ports/payload-store.ts';
import type { RunOutcome } from '../../application/ports/run-pool.ts';
import type { CheckpointItem, ClaimResult, ReportItem } from '../../application/ports/shard-protocol.ts';
import type { RunPayload } from '../../domain/attempt-outcome.ts';
import { type JobId, jobIdParts } from '../../domain/job-id.ts';
import { storedIdOf } from '../../domain/job.ts';
import type { JobLog } from '../../domain/job-log.ts';
import { inlineLimit, payloadsStoredMs } from '../../domain/payload-life.ts';
import type { PayloadLocation } from './attempt-payloads.ts';
import type { RunSeal } from './run-seal.ts';
import type { AttemptStreams, StoredRef } from './attempt-streams.ts';
import type { WorkerServices } from './worker-services.ts';

export type Grant = Extract<ClaimResult, { kind: 'granted' }>;
export type Phase = 'fetching' | 'handed' | 'running' | 'reporting';

export interface OfferedCheckpoint {
  readonly number: number;
  readonly payload: RunPayload | StoredRef;
}

/** Where the checkpoints of one run are. */
interface RunCheckpoints {
  /** The newest one that was not sent yet. */
  waiting: OfferedCheckpoint | undefined;
  /** One was sent, or will be sent again, and is not settled. */
  underWay: boolean;
  /** What was sent last. Its payload is in the store, and is not written again when it is sent again. */
  sent: CheckpointItem | undefined;
  tries: number;
  /** The run has ended, and its report waits until nothing is under way. */
  holdReport: boolean;
}

/** The log of one run, and how much of it the shard has. */
interface AttemptLog {
  readonly log: JobLog;
  shipped: number;
  underWay: boolean;
}

export interface NodeAttempt {
  readonly runId: string;
  readonly jobId: JobId;
  readonly shard: number;
  readonly grant: Grant;
  /** How far the clock of this node is ahead of the clock of the shard. The times of the grant are by the latter. */
  readonly aheadMs: number;
  phase: Phase;
  progress: Pick<ProgressNote, 'fraction' | 'note' | 'sealedNote'> | undefined;
  /** It has not begun, because keys are away. */
  waitsForKeys: boolean;
  /** Undefined if the attempt seals nothing. Set before it is handed to the pool. */
  seal: RunSeal | undefined;
  readonly checkpoints: RunCheckpoints;
  /** Undefined until the run is handed to the pool. */
  streams: AttemptStreams | undefined;
  /** Undefined until the run logs something. */
  log: AttemptLog | undefined;
  /** Checkpoints in the payload store, oldest first. Number 0 is the one of an earlier attempt. */
  stored: readonly { readonly number: number; readonly id: string }[];
  outcome: RunOutcome | undefined;
  /**
   * What the shard is told of its end, once the payloads are in the store. They are not written again when that is told
   * again: the shard may have it already, and the payloads of the job may be erased.
   */
  report: ReportItem | undefined;
  /** The bytes of its outcome and its log while it is reported. */
  heldBytes: number;
  /** Reports that failed. */
  reports: number;
  /** Another attempt holds the job: nothing is reported. */
  superseded: boolean;
  cancelled: boolean;
}

export function runIdOf(jobId: string, token: string): string {
  return `${jobId}#${token}`;
}

export function newAttempt(jobId: JobId, grant: Grant, nowMs: number): NodeAttempt {
  const checkpointId = grant.checkpoint && storedIdOf(grant.checkpoint);
  return {
    runId: runIdOf(jobId, grant.token),
    jobId,
    shard: jobIdParts(jobId).shard,
    grant,
    aheadMs: nowMs - (grant.nowMs ?? nowMs),
    phase: 'fetching',
    progress: undefined,
    waitsForKeys: false,
    seal: undefined,
    checkpoints: { waiting: undefined, underWay: false, sent: undefined, tries: 0, holdReport: false },
    streams: undefined,
    log: undefined,
    stored: checkpointId === undefined ? [] : [{ number: 0, id: checkpointId }],
    outcome: undefined,
    report: undefined,
    heldBytes: 0,
    reports: 0,
    superseded: false,
    cancelled: false,
  };
}

/** Where a payload of the run is stored if it is too large for the record, and how long it is kept. */
export function payloadLocation(
  { jobId, grant, aheadMs, seal }: NodeAttempt,
  name: string,
  { payloads, limits }: Pick<WorkerServices, 'payloads' | 'limits'>,
): PayloadLocation {
  const { spec, createdAtMs } = grant;
  const expiresAtMs = createdAtMs + aheadMs + payloadsStoredMs(spec) + payloadMarginMs;
  const payloadName = `${jobId}/${grant.token}/${name}`;
  const inlineMaxBytes = inlineLimit(spec, limits.inlineMaxBytes);
  return { payloads, limits, payloadName, expiresAtMs, inlineMaxBytes, seal };
}
