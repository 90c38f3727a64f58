/** The node's runs and what happens to each; the actor in `attempts-actor.ts` only passes messages in. */
import type { ProgressNote, WorkDelivery } from '../../application/ports/bus.ts';
import type { RunEvent, RunOutcome } from '../../application/ports/run-pool.ts';
import type { HeartbeatResult } from '../../application/protocol/shard-protocol.ts';
import { TroupeError } from '../../domain/errors.ts';
import type { JobId } from '../../domain/job-id.ts';
import type { ActorContext } from '../../kernel/actor.ts';
import { CheckpointSaver } from './checkpoint-saver.ts';
import {
  checkpointItem,
  reportItem,
  dropSuperseded,
  type Grant,
  heldBytesOf,
  newAttempt,
  type NodeAttempt,
  type Phase,
  pulsesByShard,
  requestOf,
  runIdOf,
} from './node-attempt.ts';
import { fetchPayloads, outcomeUnfetched, type AttemptPayloads } from './attempt-payloads.ts';
import { AttemptLogs } from './attempt-logs.ts';
import type { AttemptsMessage } from './attempts-message.ts';
import { WorkClaims } from './work-claims.ts';
import type { WorkerServices } from './worker-services.ts';

const reportRetryMaxMs = 2_000;

export class AttemptRegistry {
  readonly #services: WorkerServices;
  readonly #context: ActorContext<AttemptsMessage>;
  readonly #runs = new Map<string, NodeAttempt>();
  readonly #counts: Record<Phase, number> = { fetching: 0, handed: 0, running: 0, reporting: 0 };
  readonly #claims: WorkClaims;
  readonly #logs: AttemptLogs;
  #draining = false;
  #drained: (() => void) | undefined;

  constructor(services: WorkerServices, context: ActorContext<AttemptsMessage>) {
    this.#services = services;
    this.#context = context;
    this.#claims = new WorkClaims({
      services,
      context,
      then: (promise, act) => {
        this.#then(promise, act);
      },
      onGranted: (jobId, grant) => {
        this.#granted(jobId, grant);
      },
      onAnswered: () => {
        this.#checkDrained();
      },
    });
    this.#logs = new AttemptLogs({
      nowMs: () => context.clock.nowMs(),
      send: ({ jobId, grant, shard }, after, log) =>
        services.batcher.call(shard, 'log', { jobId, token: grant.token, after, lines: log.after(after) }),
      onShipped: ({ jobId, grant }) => {
        services.live.publishLogNews(grant.spec.tenant, grant.spec.queue, jobId);
      },
      then: (promise, act) => {
        this.#then(promise, act);
      },
      later: (delayMs, act) => {
        context.setTimer('logs', delayMs, { kind: 'continue', run: act });
      },
    });
  }

  deliver(deliveries: readonly WorkDelivery[]): void {
    this.#claims.take(deliveries);
  }

  /**
   * What was under way is forgotten here, and its shards find out; but the slots and the bounds are those of the node, and
   * what counts there would count for ever.
   */
  stop(): void {
    this.#claims.stop();
    for (const run of this.#runs.values()) {
      if (run.phase === 'reporting') this.#services.slots.reported(run.heldBytes);
    }
    this.#runs.clear();
  }

  onRunEvent(event: RunEvent): void {
    // The slot of one that has ended is free, whether or not the attempt is still known.
    if (event.kind === 'ended') this.#services.slots.changed();
    const run = this.#runs.get(event.runId);
    if (run === undefined) return;
    switch (event.kind) {
      case 'started':
        if (run.phase === 'handed') this.#enter(run, 'running');
        break;
      case 'progress':
        this.#progress(run, { fraction: event.fraction, note: event.note });
        break;
      case 'checkpoint':
        if (run.superseded) return;
        run.checkpoints ??= this.#checkpointsOf(run);
        run.checkpoints.offer(event);
        break;
      case 'log':
        this.#logs.add(run, event.level, event.text);
        break;
      case 'ended':
        this.#services.metrics.runSeconds.observe(event.durationMs / 1_000, { handler: run.grant.spec.handler });
        this.#services.metrics.ended.add(1, { outcome: event.outcome.kind });
        this.#finish(run, event.outcome);
        break;
    }
  }

  #progress(run: NodeAttempt, progress: Pick<ProgressNote, 'fraction' | 'note'>): void {
    run.progress = progress;
    const { tenant, queue } = run.grant.spec;
    this.#services.live.publishProgress(tenant, queue, { jobId: run.jobId, attempt: run.grant.attempt, ...progress });
  }

  stopRun(runId: string, why: 'cancel' | 'stale' | 'drain'): void {
    const run = this.#runs.get(runId);
    if (run === undefined) return;
    if (why === 'stale') run.superseded = true;
    if (run.phase === 'reporting') {
      if (run.superseded) this.#forget(run);
      return;
    }
    if (run.phase === 'fetching' || run.cancelled) {
      run.cancelled = true;
      return;
    }
    run.cancelled = true;
    this.#services.pool.cancel(runId);
  }

  /** Tells the shard how the run ended; again and again until it has taken it. */
  report(runId: string): void {
    const run = this.#runs.get(runId);
    if (run?.outcome === undefined) return;
    const reported = reportItem(run, this.#services).then((item) =>
      this.#services.batcher.call(run.shard, 'report', item),
    );
    this.#then(reported, (answer) => {
      if (answer.status === 'fulfilled') this.#forget(run);
      else this.#reportFailed(run, TroupeError.from(answer.reason));
    });
  }

  beat(): void {
    for (const [shard, runs] of pulsesByShard(this.#runs.values())) {
      const heard = this.#services.batcher.call(shard, 'heartbeat', { node: this.#services.nodeId, runs });
      this.#then(heard, (answer) => {
        if (answer.status === 'fulfilled') this.#obey(answer.value);
      });
    }
    const phases = this.#phases();
    for (const [phase, count] of Object.entries(phases)) this.#services.metrics.runs.set(count, { phase });
    this.#context.describe({ ...phases, slotsFree: this.#services.slots.free });
  }

  /** What is granted from now on goes back unbegun. Calls back once no run is left. */
  drain(done: () => void): void {
    this.#draining = true;
    this.#drained = done;
    this.#checkDrained();
  }

  /** The grace is over: what still runs is asked to end, then ended, and is released uncounted. */
  stopAll(): void {
    for (const runId of [...this.#runs.keys()]) this.stopRun(runId, 'drain');
  }

  #granted(jobId: JobId, grant: Grant): void {
    const run = newAttempt(jobId, grant, this.#context.clock.nowMs());
    this.#runs.set(run.runId, run);
    this.#counts.fetching += 1;
    this.#fetch(run);
  }

  #fetch(run: NodeAttempt): void {
    const { spec, checkpoint } = run.grant;
    if (spec.input.kind === 'json' && checkpoint === undefined) {
      this.#handOver(run, { input: spec.input });
      return;
    }
    this.#then(fetchPayloads(run.grant, this.#services.payloads), (fetched) => {
      if (fetched.status === 'fulfilled' && fetched.value.input !== undefined) {
        this.#handOver(run, fetched.value);
        return;
      }
      this.#claims.freeSlots(1);
      this.#finish(run, outcomeUnfetched(fetched.status === 'fulfilled'));
    });
  }

  #handOver(run: NodeAttempt, { input, checkpoint }: AttemptPayloads): void {
    if (input === undefined) return;
    if (run.cancelled || this.#draining) {
      this.#claims.freeSlots(1);
      this.#finish(run, { kind: 'released' });
      return;
    }
    this.#enter(run, 'handed');
    this.#services.pool.run(requestOf(run, input, checkpoint));
    this.#claims.freeSlots(1);
  }

  #finish(run: NodeAttempt, outcome: RunOutcome): void {
    if (run.superseded) {
      this.#forget(run);
      return;
    }
    run.outcome = outcome;
    this.#enter(run, 'reporting');
    run.heldBytes = heldBytesOf(run);
    const isFull = this.#services.slots.unreported(run.heldBytes);
    if (isFull) this.#context.log.warn(this.#phases(), 'no new jobs until shards have accepted outcomes');
    const report = (): void => {
      this.report(run.runId);
    };
    // What it saved last is recorded while its token still counts; a job that is done needs it no more.
    if (run.checkpoints === undefined || outcome.kind === 'succeeded') report();
    else run.checkpoints.end(report);
  }

  #checkpointsOf(run: NodeAttempt): CheckpointSaver {
    const { shard, runId } = run;
    return new CheckpointSaver({
      save: async (checkpoint) => {
        const item = await checkpointItem(run, checkpoint, this.#services);
        return this.#services.batcher.call(shard, 'checkpoint', item);
      },
      settled: (number, saved) => {
        if (saved) dropSuperseded(run, number, this.#services);
        this.#services.pool.checkpointed(runId, number, saved);
      },
      then: (promise, act) => {
        this.#then(promise, act);
      },
      later: (delayMs, act) => {
        this.#context.setTimer(`checkpoint:${runId}`, delayMs, { kind: 'continue', run: act });
      },
    });
  }

  #reportFailed(run: NodeAttempt, error: TroupeError): void {
    if (!error.retryable) {
      this.#context.log.error(
        { err: error, errCode: error.code, runId: run.runId },
        'outcome of an attempt was refused',
      );
      this.#forget(run);
      return;
    }
    run.reports += 1;
    const delayMs = Math.min(reportRetryMaxMs, 100 * 2 ** run.reports) * (0.5 + this.#context.random() / 2);
    this.#context.setTimer(`report:${run.runId}`, delayMs, { kind: 'report', runId: run.runId });
  }

  #obey(result: HeartbeatResult): void {
    for (const { jobId, token, why } of result.stop) this.stopRun(runIdOf(jobId, token), why);
  }

  #phases(): Record<Phase | 'claiming', number> {
    return { claiming: this.#claims.underWay, ...this.#counts };
  }

  #enter(run: NodeAttempt, phase: Phase): void {
    this.#counts[run.phase] -= 1;
    this.#counts[phase] += 1;
    run.phase = phase;
  }

  #forget(run: NodeAttempt): void {
    if (!this.#runs.delete(run.runId)) return;
    this.#counts[run.phase] -= 1;
    if (run.phase === 'reporting') this.#services.slots.reported(run.heldBytes);
    this.#logs.forget(run);
    this.#context.cancelTimer(`report:${run.runId}`);
    this.#context.cancelTimer(`checkpoint:${run.runId}`);
    this.#checkDrained();
  }

  #checkDrained(): void {
    if (this.#drained === undefined || this.#runs.size > 0 || this.#claims.underWay > 0) return;
    this.#drained();
    this.#drained = undefined;
  }

  #then<T>(promise: Promise<T>, act: (outcome: PromiseSettledResult<T>) => void): void {
    this.#context.pipeToSelf(promise, (outcome) => ({
      kind: 'continue',
      run: () => {
        act(outcome);
      },
    }));
  }
}
