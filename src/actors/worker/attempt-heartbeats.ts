/**
 * Names every run to its shard, at a fixed interval, and stops the runs that the shard no longer wants. A run is named
 * from its grant until its shard has taken the outcome, so a new owner of the shard neither gives the job to another node
 * nor forgets it.
 */
import { ofCluster } from '../../application/protocol/batch-queue.ts';
import type { AttemptPulse, HeartbeatResult } from '../../application/ports/shard-protocol.ts';
import { given } from '../../domain/given.ts';
import type { AttemptStops } from './attempt-stops.ts';
import type { AttemptParts } from './attempt-table.ts';
import type { MessageOf } from './attempts-message.ts';
import { type NodeAttempt, runIdOf } from './node-attempt.ts';

/**
 * Runs in one heartbeat. Their notes may take up to 12,000 bytes each, and a heartbeat that does not fit one message is
 * refused: then all its runs would be taken for lost.
 */
const pulsesMax = 50;

export class AttemptHeartbeats {
  readonly #parts: AttemptParts & { readonly stops: AttemptStops };

  constructor(parts: AttemptParts & { readonly stops: AttemptStops }) {
    this.#parts = parts;
    this.#plan();
  }

  /** Listeners learn the progress of a run at once, its shard with the next heartbeat. */
  progressed({ runId, fraction, note }: MessageOf<'progress'>): void {
    const { services, runs } = this.#parts;
    const run = runs.get(runId);
    if (run === undefined) return;
    run.progress = { fraction, ...(run.seal?.note(note) ?? { note }) };
    const { jobId, grant } = run;
    const progress = { jobId, attempt: grant.attempt, ...run.progress };
    services.live.publishProgress(grant.spec.tenant, grant.spec.queue, progress);
  }

  beat(): void {
    const { services, context, runs } = this.#parts;
    for (const [shard, pulses] of pulsesByShard(runs.all())) {
      for (let first = 0; first < pulses.length; first += pulsesMax) {
        const some = pulses.slice(first, first + pulsesMax);
        const heard = services.batcher.call(shard, 'heartbeat', { node: services.nodeId, runs: some }, ofCluster);
        context.pipeToSelf(heard, (outcome) => ({ kind: 'heartbeat-answered', outcome }));
      }
    }
    for (const [phase, count] of Object.entries(runs.counts)) services.metrics.runs.set(count, { phase });
    context.describe({ ...runs.counts, slotsFree: services.slots.free });
    this.#plan();
  }

  answered(outcome: PromiseSettledResult<HeartbeatResult>): void {
    if (outcome.status === 'rejected') return;
    for (const { jobId, token, why } of outcome.value.stop) this.#parts.stops.stop(runIdOf(jobId, token), why);
  }

  #plan(): void {
    const { services, context } = this.#parts;
    context.setTimer('beat', services.limits.heartbeatMs, { kind: 'heartbeat-due' });
  }
}

/** The shard wants nothing of a run that another attempt has overtaken. */
function pulsesByShard(runs: readonly NodeAttempt[]): ReadonlyMap<number, readonly AttemptPulse[]> {
  const byShard = new Map<number, AttemptPulse[]>();
  for (const { jobId, shard, grant, progress, waitsForKeys, superseded } of runs) {
    if (superseded) continue;
    const pulses = byShard.get(shard) ?? [];
    if (pulses.length === 0) byShard.set(shard, pulses);
    const news = waitsForKeys ? ({ waitsForKeys } as const) : progress && seen(progress);
    pulses.push({ jobId, token: grant.token, ...news });
  }
  return byShard;
}

function seen({ fraction, note, sealedNote }: NonNullable<NodeAttempt['progress']>): Partial<AttemptPulse> {
  return { progress: fraction, note, ...given({ sealedNote }) };
}
