/** Starts runs: fetches the payloads of a granted attempt and hands it over to the run pool. */
import type { RunRequest } from '../../application/ports/run-pool.ts';
import type { RunInput } from '../../domain/attempt-outcome.ts';
import { isSealed, type Payload } from '../../domain/job.ts';
import { given } from '../../domain/given.ts';
import type { JobId } from '../../domain/job-id.ts';
import { type AttemptPayloads, fetchPayloads, outcomeUnfetched } from './attempt-payloads.ts';
import { AttemptStreams, type StreamsPlace } from './attempt-streams.ts';
import type { AttemptReports } from './attempt-reports.ts';
import type { AttemptStops } from './attempt-stops.ts';
import type { AttemptParts } from './attempt-table.ts';
import type { HeldSlots } from './held-slots.ts';
import { RunSeal } from './run-seal.ts';
import { type KeyWaits, toldWhenLate, whileKeysAway } from './key-wait.ts';
import type { WorkerServices } from './worker-services.ts';
import { type Grant, newAttempt, type NodeAttempt, payloadLocation } from './node-attempt.ts';

interface Parts extends AttemptParts {
  readonly heldSlots: HeldSlots;
  readonly keyWaits: KeyWaits;
  readonly reports: AttemptReports;
  readonly stops: AttemptStops;
}

export class AttemptStarts {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  begin(jobId: JobId, grant: Grant): void {
    const { services, context, runs } = this.#parts;
    const run = newAttempt(jobId, grant, context.clock.nowMs());
    runs.add(run);
    const { input } = grant.spec;
    const required = services.sealing.requires(grant.spec.tenant);
    if (input.kind === 'json' && grant.checkpoint === undefined && required === false) {
      this.#handOver(run, { input });
      return;
    }
    const fetched = this.#fetch(run, required);
    context.pipeToSelf(fetched, (outcome) => ({ kind: 'payloads-fetched', run, outcome }));
  }

  fetched(run: NodeAttempt, outcome: PromiseSettledResult<AttemptPayloads>): void {
    const { heldSlots, reports } = this.#parts;
    const waited = this.#endWait(run);
    if (outcome.status === 'fulfilled' && outcome.value.input !== undefined) {
      // Others may have taken all slots meanwhile. It goes back into its queue, and into the order of all that wait there.
      if (waited && !heldSlots.take()) reports.finish(run, { kind: 'released' });
      else this.#handOver(run, { ...outcome.value, input: outcome.value.input });
      return;
    }
    if (!waited) heldSlots.free(1);
    reports.finish(run, outcomeUnfetched(outcome));
  }

  /** It gives its slot back: otherwise one tenant without keys could take them all, for as long as its attempts wait. */
  keysAway(run: NodeAttempt): void {
    const { heldSlots, keyWaits, runs } = this.#parts;
    if (!runs.holds(run) || run.phase !== 'fetching' || run.waitsForKeys) return;
    run.waitsForKeys = true;
    keyWaits.begin(run.grant.spec.tenant);
    heldSlots.free(1);
  }

  #endWait(run: NodeAttempt): boolean {
    if (!run.waitsForKeys) return false;
    run.waitsForKeys = false;
    this.#parts.keyWaits.end(run.grant.spec.tenant);
    return true;
  }

  /** The attempt begins only if what it makes can be sealed, too. */
  async #fetch(run: NodeAttempt, required: boolean | Promise<boolean>): Promise<AttemptPayloads> {
    const { services, context, stops } = this.#parts;
    const { payloads } = services;
    const { grant, jobId } = run;
    // In a turn of the actor, because slots are counted there.
    const away = (): void => void context.self.tell({ kind: 'keys-away', run });
    const sealing = toldWhenLate(services.sealing, context.clock, away);
    if ((await required) || isSealed(grant.spec.input))
      run.seal = new RunSeal(services.sealing, { id: jobId, spec: grant.spec });
    const isOver = (): boolean => run.cancelled || run.superseded || stops.isDraining;
    return whileKeysAway(context.clock, { isOver, away }, async () => {
      if (run.seal !== undefined) await sealing.sealer(grant.spec.tenant);
      return fetchPayloads(grant, { sealing, payloads, jobId }, (payload) => this.#isStreamed(grant, payload));
    });
  }

  started(runId: string): void {
    const { runs } = this.#parts;
    const run = runs.get(runId);
    if (run?.phase === 'handed') runs.enter(run, 'running');
  }

  /** One that is too large to be handed over whole goes piece by piece to any handler, which then refuses it and says why. */
  #isStreamed({ spec: { handler } }: Grant, payload: Payload): boolean {
    const { handlers, limits } = this.#parts.services;
    if ((payload.kind !== 'ref' && !isSealed(payload)) || payload.encoding === 'json') return false;
    return payload.bytes > limits.outputMaxBytes || handlers.takesStream(handler);
  }

  #streams(run: NodeAttempt, payloads: AttemptPayloads): AttemptStreams {
    const { services, context } = this.#parts;
    const place = (name: string): StreamsPlace => ({
      ...payloadLocation(run, name, services),
      maxBytes: services.limits.streamedMaxBytes,
    });
    const sources = { input: payloads.source, checkpoint: payloads.checkpointSource };
    return new AttemptStreams({ sources, place, clock: context.clock });
  }

  #handOver(run: NodeAttempt, payloads: AttemptPayloads & { readonly input: RunInput }): void {
    const { services, runs, heldSlots, reports, stops } = this.#parts;
    if (run.cancelled || stops.isDraining) {
      heldSlots.free(1);
      reports.finish(run, { kind: 'released' });
      return;
    }
    runs.enter(run, 'handed');
    run.streams = this.#streams(run, payloads);
    services.pool.run(requestOf(run, payloads, services.traceparent), run.streams);
    heldSlots.free(1);
  }
}

function requestOf(
  run: NodeAttempt,
  { input, checkpoint }: { readonly input: RunInput; readonly checkpoint?: RunInput | undefined },
  traced: WorkerServices['traceparent'],
): RunRequest {
  const { spec, attempt, deadlineAtMs, suspect, memoryMb } = run.grant;
  return {
    runId: run.runId,
    jobId: run.jobId,
    tenant: spec.tenant,
    attempt,
    handler: spec.handler,
    input,
    executionTimeoutMs: spec.executionTimeoutMs,
    ...given({
      heartbeatTimeoutMs: spec.heartbeatTimeoutMs,
      deadlineAtMs: deadlineAtMs === undefined ? undefined : deadlineAtMs + run.aheadMs,
    }),
    suspect,
    ...given({
      memoryMb,
      checkpoint,
      traceparent: traced?.({ jobId: run.jobId, traceparent: spec.traceparent }, attempt) ?? spec.traceparent,
      hidesTexts: run.seal === undefined ? undefined : true,
    }),
  };
}
