/**
 * Reports the outcome of each run to its shard, again and again until the shard has taken it. Then the run is forgotten.
 * Until then its outcome counts against the node's bounds of unreported outcomes.
 */
import type { RunOutcome } from '../../application/ports/run-pool.ts';
import type { ReportItem, ReportResult } from '../../application/ports/shard-protocol.ts';
import { invariant, TroupeError } from '../../domain/errors.ts';
import { given } from '../../domain/given.ts';
import type { AttemptLogs } from './attempt-logs.ts';
import { attemptOutcome, bytesOf, stored } from './attempt-payloads.ts';
import type { AttemptParts } from './attempt-table.ts';
import type { MessageOf } from './attempts-message.ts';
import { type NodeAttempt, payloadLocation } from './node-attempt.ts';
import type { WorkerServices } from './worker-services.ts';

const retryMaxMs = 2_000;

export class AttemptReports {
  readonly #parts: AttemptParts & { readonly logs: AttemptLogs };

  constructor(parts: AttemptParts & { readonly logs: AttemptLogs }) {
    this.#parts = parts;
  }

  ended({ runId, outcome, durationMs }: MessageOf<'ended'>): void {
    const { services, runs } = this.#parts;
    // The slot is free even if the attempt is no longer known.
    services.slots.changed();
    const run = runs.get(runId);
    if (run === undefined) return;
    services.metrics.runSeconds.observe(durationMs / 1_000, { handler: run.grant.spec.handler });
    services.metrics.ended.add(1, { outcome: outcome.kind });
    run.streams?.ended(outcome, !run.superseded);
    this.finish(run, outcome);
  }

  /** The attempt is over, whether or not it ever ran. */
  finish(run: NodeAttempt, outcome: RunOutcome): void {
    if (run.superseded) {
      this.forget(run);
      return;
    }
    const { services, context, runs } = this.#parts;
    run.outcome = outcome;
    runs.enter(run, 'reporting');
    run.heldBytes = heldBytesOf(run);
    const isFull = services.slots.unreported(run.heldBytes);
    if (isFull) context.log.warn({ ...runs.counts }, 'no new jobs until shards have accepted outcomes');
    // The report ends the token, so the last checkpoint has to be recorded first. A job that has succeeded needs none.
    run.checkpoints.holdReport = run.checkpoints.underWay && outcome.kind !== 'succeeded';
    if (!run.checkpoints.holdReport) this.report(run.runId);
  }

  report(runId: string): void {
    const { services, context, runs } = this.#parts;
    const run = runs.get(runId);
    if (run?.outcome === undefined) return;
    const { tenant } = run.grant.spec;
    const reported = reportItem(run, services).then((item) =>
      services.batcher.call(run.shard, 'report', item, { tenant }),
    );
    context.pipeToSelf(reported, (outcome) => ({ kind: 'report-answered', run, outcome }));
  }

  answered(run: NodeAttempt, outcome: PromiseSettledResult<ReportResult>): void {
    const { context, runs } = this.#parts;
    if (!runs.holds(run)) return;
    const { runId } = run;
    if (outcome.status === 'rejected') {
      const error = TroupeError.from(outcome.reason);
      if (error.retryable) {
        run.reports += 1;
        const delayMs = Math.min(retryMaxMs, 100 * 2 ** run.reports) * (0.5 + context.random() / 2);
        context.setTimer(`report:${runId}`, delayMs, { kind: 'report-due', runId });
        return;
      }
      context.log.error({ err: error, errCode: error.code, runId }, 'outcome of an attempt was refused');
    }
    this.forget(run);
  }

  forget(run: NodeAttempt): void {
    const { services, context, runs, logs } = this.#parts;
    if (!runs.remove(run)) return;
    if (run.phase === 'reporting') services.slots.reported(run.heldBytes);
    logs.forget(run);
    context.cancelTimer(`report:${run.runId}`);
    context.cancelTimer(`checkpoint:${run.runId}`);
  }

  /** The bounds belong to the node and outlive the actor: an outcome that is not taken off here would count for ever. */
  stop(): void {
    const { services, runs } = this.#parts;
    for (const run of runs.all()) if (run.phase === 'reporting') services.slots.reported(run.heldBytes);
  }
}

/** What an ended run holds in memory until its shard has it. */
function heldBytesOf({ outcome, log }: NodeAttempt): number {
  const output = outcome?.kind === 'succeeded' && outcome.output !== undefined ? bytesOf(outcome.output) : 0;
  return output + (log?.log.bytes ?? 0);
}

/** What the shard learns at the end of the run. Large payloads are durable by then. */
async function reportItem(run: NodeAttempt, services: WorkerServices): Promise<ReportItem> {
  invariant(run.outcome !== undefined, 'a run is reported when it has ended');
  if (run.report !== undefined) return run.report;
  const lines = run.log?.log.after(0) ?? [];
  const [outcome, log] = await Promise.all([
    attemptOutcome(run.outcome, payloadLocation(run, 'output', services), run.streams),
    lines.length === 0
      ? undefined
      : stored({ kind: 'json', json: JSON.stringify(lines) }, payloadLocation(run, 'log', services), 'log'),
  ]);
  run.report = { jobId: run.jobId, token: run.grant.token, outcome, ...given({ log }) };
  return run.report;
}
