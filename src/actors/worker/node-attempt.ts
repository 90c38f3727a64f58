/** One run of this node, from its grant until a shard has taken its outcome. */
import type { ProgressNote } from '../../application/ports/bus.ts';
import { payloadMarginMs } from '../../application/ports/payload-store.ts';
import type { RunOutcome, RunRequest } from '../../application/ports/run-pool.ts';
import type { RunPayload } from '../../domain/attempt-outcome.ts';
import { inlineLimit, payloadsStoredMs } from '../../domain/payload-life.ts';
import type {
  CheckpointItem,
  ClaimResult,
  ReportItem,
  AttemptPulse,
} from '../../application/protocol/shard-protocol.ts';
import { invariant } from '../../domain/errors.ts';
import { type JobId, jobIdParts } from '../../domain/job-id.ts';
import type { JobLog } from '../../domain/job-log.ts';
import type { CheckpointSaver, OfferedCheckpoint } from './checkpoint-saver.ts';
import { attemptOutcome, bytesOf, type PayloadLocation, stored } from './attempt-payloads.ts';
import type { WorkerServices } from './worker-services.ts';
import { given } from '../../domain/given.ts';

export type Grant = Extract<ClaimResult, { kind: 'granted' }>;
export type Phase = 'fetching' | 'handed' | 'running' | 'reporting';

/** The log of one run: what it holds, and how much of that its shard has. */
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
  /** By how much the clock of this node is ahead of its shard's, of which the times of the grant are. */
  readonly aheadMs: number;
  phase: Phase;
  progress: Pick<ProgressNote, 'fraction' | 'note'> | undefined;
  /** Since it saved its first checkpoint. */
  checkpoints: CheckpointSaver | undefined;
  /** Since it said something. */
  log: AttemptLog | undefined;
  /** Checkpoints in the payload store, oldest first; number 0 is that of an earlier attempt. */
  stored: readonly { readonly number: number; readonly id: string }[];
  outcome: RunOutcome | undefined;
  /** Of its outcome and its log, once it is reported. */
  heldBytes: number;
  reports: number;
  /** Another attempt holds the job: nothing is reported. */
  superseded: boolean;
  cancelled: boolean;
}

export function runIdOf(jobId: string, token: string): string {
  return `${jobId}#${token}`;
}

export function newAttempt(jobId: JobId, grant: Grant, nowMs: number): NodeAttempt {
  return {
    runId: runIdOf(jobId, grant.token),
    jobId,
    shard: jobIdParts(jobId).shard,
    grant,
    aheadMs: nowMs - (grant.nowMs ?? nowMs),
    phase: 'fetching',
    progress: undefined,
    checkpoints: undefined,
    log: undefined,
    stored: grant.checkpoint?.kind === 'ref' ? [{ number: 0, id: grant.checkpoint.id }] : [],
    outcome: undefined,
    heldBytes: 0,
    reports: 0,
    superseded: false,
    cancelled: false,
  };
}

export function requestOf(run: NodeAttempt, input: RunPayload, checkpoint: RunPayload | undefined): RunRequest {
  const { spec, attempt, deadlineAtMs, suspect, memoryMb } = run.grant;
  return {
    runId: run.runId,
    jobId: run.jobId,
    attempt,
    handler: spec.handler,
    input,
    executionTimeoutMs: spec.executionTimeoutMs,
    ...given({
      heartbeatTimeoutMs: spec.heartbeatTimeoutMs,
      deadlineAtMs: deadlineAtMs === undefined ? undefined : deadlineAtMs + run.aheadMs,
    }),
    suspect,
    ...given({ memoryMb, checkpoint, traceparent: spec.traceparent }),
  };
}

/** Where a payload of the run lies if not in the record, and how long it is kept. */
export function payloadLocation(
  { jobId, grant, aheadMs }: NodeAttempt,
  name: string,
  { payloads, limits }: Pick<WorkerServices, 'payloads' | 'limits'>,
): PayloadLocation {
  const { spec, createdAtMs } = grant;
  const expiresAtMs = createdAtMs + aheadMs + payloadsStoredMs(spec) + payloadMarginMs;
  const payloadId = `${jobId}/${grant.token}/${name}`;
  return { payloads, limits, payloadId, expiresAtMs, inlineMaxBytes: inlineLimit(spec, limits.inlineMaxBytes) };
}

/** As the shard records it; its bytes are durable by then. */
export async function checkpointItem(
  run: NodeAttempt,
  { number, payload }: OfferedCheckpoint,
  services: Pick<WorkerServices, 'payloads' | 'limits'>,
): Promise<CheckpointItem> {
  const place = payloadLocation(run, `checkpoint-${number}`, services);
  const { jobId, grant } = run;
  const bytes = bytesOf(payload);
  if (bytes > place.inlineMaxBytes) run.stored = [...run.stored, { number, id: place.payloadId }];
  return { jobId, token: grant.token, number, bytes, payload: await stored(payload, place) };
}

/** The record refers to this checkpoint now: earlier ones are only in the way. One that is left behind ends with the job. */
export function dropSuperseded(run: NodeAttempt, number: number, { payloads }: Pick<WorkerServices, 'payloads'>): void {
  const superseded = run.stored.filter((stored) => stored.number < number);
  run.stored = run.stored.filter((stored) => stored.number >= number);
  for (const { id } of superseded) payloads.deletePayload(id).catch(() => undefined);
}

/** What an ended run holds in memory until its shard has it. */
export function heldBytesOf({ outcome, log }: NodeAttempt): number {
  const output = outcome?.kind === 'succeeded' && outcome.output !== undefined ? bytesOf(outcome.output) : 0;
  return output + (log?.log.bytes ?? 0);
}

/** What the shard is told at the end of the run; large payloads are durable by then. */
export async function reportItem(
  run: NodeAttempt,
  services: Pick<WorkerServices, 'payloads' | 'limits'>,
): Promise<ReportItem> {
  invariant(run.outcome !== undefined, 'a run is reported when it has ended');
  const lines = run.log?.log.after(0) ?? [];
  const [outcome, log] = await Promise.all([
    attemptOutcome(run.outcome, payloadLocation(run, 'output', services)),
    lines.length === 0
      ? undefined
      : stored({ kind: 'json', json: JSON.stringify(lines) }, payloadLocation(run, 'log', services)),
  ]);
  return { jobId: run.jobId, token: run.grant.token, outcome, ...given({ log }) };
}

/** What is told of the runs in a heartbeat; of one that another attempt has overtaken nothing is. */
export function pulsesByShard(runs: Iterable<NodeAttempt>): ReadonlyMap<number, readonly AttemptPulse[]> {
  const byShard = new Map<number, AttemptPulse[]>();
  for (const { jobId, shard, grant, progress, superseded } of runs) {
    if (superseded) continue;
    const pulses = byShard.get(shard) ?? [];
    if (pulses.length === 0) byShard.set(shard, pulses);
    const seen = progress === undefined ? {} : { progress: progress.fraction, note: progress.note };
    pulses.push({ jobId, token: grant.token, ...seen });
  }
  return byShard;
}
