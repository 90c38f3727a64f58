/**
 * Sends the log lines of runs to their shards. Lines are gathered for a moment, so a shard gets one message in that time,
 * however much the runs log. One message of a run is under way at a time. The answer says how far the log of the shard
 * goes. A new owner may have fewer lines than the previous one: it gets them again. Each run keeps its whole log, which is
 * bounded, until it is forgotten.
 */
import type { LogResult } from '../../application/ports/shard-protocol.ts';
import { JobLog } from '../../domain/job-log.ts';
import type { AttemptParts } from './attempt-table.ts';
import type { MessageOf } from './attempts-message.ts';
import type { NodeAttempt } from './node-attempt.ts';

const gatherMs = 200;
const retryMs = 1_000;

export class AttemptLogs {
  readonly #parts: AttemptParts;
  readonly #unshipped = new Set<NodeAttempt>();
  #planned = false;

  constructor(parts: AttemptParts) {
    this.#parts = parts;
  }

  added({ runId, level, text }: MessageOf<'log'>): void {
    const run = this.#parts.runs.get(runId);
    if (run === undefined) return;
    // What a sealed job logs is in no log of the node.
    if (run.seal === undefined) this.#parts.services.sayLine?.(level, { runId, text });
    run.log ??= { log: new JobLog(), shipped: 0, underWay: false };
    const { log } = run.log;
    const { attempt } = run.grant;
    log.add({ attempt, number: log.through + 1, atMs: this.#parts.context.clock.nowMs(), level, text });
    this.#ship(run, gatherMs);
  }

  forget(run: NodeAttempt): void {
    this.#unshipped.delete(run);
  }

  shipAll(): void {
    this.#planned = false;
    const runs = [...this.#unshipped];
    this.#unshipped.clear();
    for (const run of runs) this.#send(run);
  }

  answered(run: NodeAttempt, outcome: PromiseSettledResult<LogResult>): void {
    const { log: own, jobId, grant } = run;
    if (own === undefined || !this.#parts.runs.holds(run)) return;
    own.underWay = false;
    if (outcome.status === 'rejected') {
      this.#ship(run, retryMs);
      return;
    }
    if (outcome.value.kind === 'stale') return;
    const { through } = outcome.value;
    if (through > own.shipped) this.#parts.services.live.publishLogNews(grant.spec.tenant, grant.spec.queue, jobId);
    own.shipped = through;
    if (through < own.log.through) this.#ship(run, gatherMs);
  }

  #ship(run: NodeAttempt, delayMs: number): void {
    this.#unshipped.add(run);
    if (this.#planned) return;
    this.#planned = true;
    this.#parts.context.setTimer('logs', delayMs, { kind: 'logs-due' });
  }

  #send(run: NodeAttempt): void {
    const { log: own, jobId, grant, shard } = run;
    if (own === undefined || own.underWay || run.superseded || own.shipped === own.log.through) return;
    own.underWay = true;
    const after = own.shipped;
    const { services, context } = this.#parts;
    const { tenant } = grant.spec;
    const lines = own.log.after(after);
    const kept = (run.seal?.lines(lines) ?? Promise.resolve(lines)).then((sent) =>
      services.batcher.call(shard, 'log', { jobId, token: grant.token, after, lines: sent }, { tenant }),
    );
    context.pipeToSelf(kept, (outcome) => ({ kind: 'log-answered', run, outcome }));
  }
}
