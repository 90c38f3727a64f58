/**
 * Sends the checkpoints of runs to their shards. One checkpoint of a run is under way at a time, and only the newest of
 * the others waits. If the shard does not answer, it is sent again while the run lives, and once more after the run has
 * ended. Then it is given up. That breaks no promise, because the handler was never told that it is durable.
 */
import type { CheckpointResult } from '../../application/ports/shard-protocol.ts';
import { TroupeError } from '../../domain/errors.ts';
import { storedIdOf } from '../../domain/job.ts';
import { bytesOf, isStored, stored } from './attempt-payloads.ts';
import type { StoredRef } from './attempt-streams.ts';
import type { AttemptReports } from './attempt-reports.ts';
import type { AttemptParts } from './attempt-table.ts';
import type { MessageOf } from './attempts-message.ts';
import { type NodeAttempt, type OfferedCheckpoint, payloadLocation } from './node-attempt.ts';
import type { WorkerServices } from './worker-services.ts';

const retryMs = { first: 100, most: 2_000 } as const;

export class AttemptCheckpoints {
  readonly #parts: AttemptParts & { readonly reports: AttemptReports };

  constructor(parts: AttemptParts & { readonly reports: AttemptReports }) {
    this.#parts = parts;
  }

  offered(checkpoint: MessageOf<'checkpoint'>): void {
    const run = this.#parts.runs.get(checkpoint.runId);
    if (run === undefined || run.superseded) return;
    const { number, payload } = checkpoint;
    const offered = payload.kind === 'streamed' ? run.streams?.takeCheckpoint() : payload;
    // A thread that says so without having streamed one has none.
    if (offered === undefined) return;
    // Known from now on, so that it is removed also if a later one takes its place before it is sent.
    if (isStored(offered)) run.stored = [...run.stored, { number, id: idOf(offered) }];
    run.checkpoints.waiting = { number, payload: offered };
    this.#next(run);
  }

  answered(run: NodeAttempt, checkpoint: OfferedCheckpoint, outcome: PromiseSettledResult<CheckpointResult>): void {
    const { services, context, runs } = this.#parts;
    if (!runs.holds(run)) return;
    const { checkpoints, runId } = run;
    if (outcome.status === 'rejected' && TroupeError.from(outcome.reason).retryable && !checkpoints.holdReport) {
      checkpoints.tries += 1;
      const delayMs = Math.min(retryMs.most, retryMs.first * 2 ** Math.min(checkpoints.tries, 10));
      context.setTimer(`checkpoint:${runId}`, delayMs, { kind: 'checkpoint-retry-due', run, checkpoint });
      return;
    }
    const isSaved = outcome.status === 'fulfilled' && outcome.value.kind === 'recorded';
    checkpoints.tries = 0;
    checkpoints.underWay = false;
    if (isSaved) dropSuperseded(run, checkpoint.number, services);
    services.pool.checkpointed(runId, checkpoint.number, isSaved);
    this.#next(run);
  }

  retry(run: NodeAttempt, checkpoint: OfferedCheckpoint): void {
    if (!this.#parts.runs.holds(run)) return;
    run.checkpoints.waiting ??= checkpoint;
    run.checkpoints.underWay = false;
    this.#next(run);
  }

  #next(run: NodeAttempt): void {
    const { checkpoints } = run;
    if (checkpoints.underWay) return;
    const { context, reports } = this.#parts;
    const { waiting: checkpoint } = checkpoints;
    if (checkpoint === undefined) {
      if (checkpoints.holdReport) reports.report(run.runId);
      checkpoints.holdReport = false;
      return;
    }
    checkpoints.waiting = undefined;
    checkpoints.underWay = true;
    const saved = this.#save(run, checkpoint);
    context.pipeToSelf(saved, (outcome) => ({ kind: 'checkpoint-answered', run, checkpoint, outcome }));
  }

  /** Resolves when the shard has recorded it. A large payload is durable in the payload store before that. */
  async #save(run: NodeAttempt, { number, payload }: OfferedCheckpoint): Promise<CheckpointResult> {
    const { services } = this.#parts;
    const { jobId, grant, shard, checkpoints } = run;
    const place = payloadLocation(run, `checkpoint-${number}`, services);
    if (checkpoints.sent?.number !== number) {
      const saved = await stored(payload, place, 'checkpoint');
      const id = storedIdOf(saved);
      if (id !== undefined && !isStored(payload)) run.stored = [...run.stored, { number, id }];
      checkpoints.sent = { jobId, token: grant.token, number, bytes: sizeOf(payload), payload: saved };
    }
    return services.batcher.call(shard, 'checkpoint', checkpoints.sent, { tenant: grant.spec.tenant });
  }
}

function sizeOf(payload: OfferedCheckpoint['payload']): number {
  return isStored(payload) ? payload.bytes : bytesOf(payload);
}

function idOf(payload: StoredRef): string {
  return payload.kind === 'ref' ? payload.id : payload.storedAs;
}

/** The record refers to this checkpoint now, so nobody needs the earlier ones. One that stays behind ends with the job. */
function dropSuperseded(run: NodeAttempt, number: number, { payloads }: WorkerServices): void {
  const superseded = run.stored.filter((stored) => stored.number < number);
  run.stored = run.stored.filter((stored) => stored.number >= number);
  for (const { id } of superseded) payloads.deletePayload(id).catch(() => undefined);
}
