/**
 * What this node's runs say, on its way to their shards: gathered for a moment, so that however much is said, a shard gets
 * one message in that time; one of a run is under way at a time. A shard that knows less than thought, as a new owner does,
 * says so, and is told again. Each run holds its own log, bounded, until it has ended.
 */
import { JobLog, type LogLevel } from '../../domain/job-log.ts';
import type { LogResult } from '../../application/protocol/shard-protocol.ts';
import type { NodeAttempt } from './node-attempt.ts';

const gatherMs = 200;
const retryMs = 1_000;

export interface AttemptLogsOptions {
  readonly nowMs: () => number;
  readonly send: (run: NodeAttempt, after: number, log: JobLog) => Promise<LogResult>;
  /** The shard has lines that it did not have. */
  readonly onShipped: (run: NodeAttempt, through: number) => void;
  readonly then: <T>(promise: Promise<T>, act: (outcome: PromiseSettledResult<T>) => void) => void;
  readonly later: (delayMs: number, act: () => void) => void;
}

export class AttemptLogs {
  readonly #options: AttemptLogsOptions;
  readonly #unshipped = new Set<NodeAttempt>();
  #planned = false;

  constructor(options: AttemptLogsOptions) {
    this.#options = options;
  }

  add(run: NodeAttempt, level: LogLevel, text: string): void {
    run.log ??= { log: new JobLog(), shipped: 0, underWay: false };
    const { log } = run.log;
    const { attempt } = run.grant;
    log.add({ attempt, number: log.through + 1, atMs: this.#options.nowMs(), level, text });
    this.#ship(run, gatherMs);
  }

  forget(run: NodeAttempt): void {
    this.#unshipped.delete(run);
  }

  #ship(run: NodeAttempt, delayMs: number): void {
    this.#unshipped.add(run);
    if (this.#planned) return;
    this.#planned = true;
    this.#options.later(delayMs, () => {
      this.#planned = false;
      const runs = [...this.#unshipped];
      this.#unshipped.clear();
      for (const one of runs) this.#send(one);
    });
  }

  #send(run: NodeAttempt): void {
    const { log: own } = run;
    if (own === undefined || own.underWay || run.superseded || own.shipped === own.log.through) return;
    own.underWay = true;
    this.#options.then(this.#options.send(run, own.shipped, own.log), (outcome) => {
      own.underWay = false;
      if (outcome.status === 'rejected') {
        this.#ship(run, retryMs);
        return;
      }
      if (outcome.value.kind === 'stale') return;
      const { through } = outcome.value;
      if (through > own.shipped) this.#options.onShipped(run, through);
      own.shipped = through;
      if (through < own.log.through) this.#ship(run, gatherMs);
    });
  }
}
