/**
 * More load, of what clients do rarely: reschedule a job, submit with a unique key, stream an input, and submit failed
 * jobs again. `Witness`, `RecordWatch`, `StartTimes` and `SubmitWatch` check the results.
 */
import { mayEverything } from '../callers.ts';
import { createHash } from 'node:crypto';
import type { ReadContext } from '../../../src/application/ports/call-context.ts';
import {
  type AcceptedJob,
  emptyJobRequest,
  type JobRequest,
  noRetryOptions,
} from '../../../src/application/jobs/job-request.ts';
import type { InputPiece } from '../../../src/application/jobs/streamed-input.ts';
import type { UseCases } from '../../../src/application/use-cases.ts';
import type { Random } from '../../../src/application/ports/runtime.ts';
import { TroupeError } from '../../../src/domain/errors.ts';
import { uniqueConflicts } from '../../../src/domain/job.ts';
import { type JobId, parseJobId } from '../../../src/domain/job-id.ts';
import type { JobScript } from './executions.ts';
import { epochMs } from './host.ts';
import type { SimNode } from './sim-node.ts';
import type { StartTimes } from './start-times.ts';
import type { SubmitWatch } from './submit-watch.ts';
import type { Witness } from './witness.ts';
import type { World } from './world.ts';

export interface SimOperatorsParts {
  readonly world: World;
  readonly witness: Witness;
  readonly starts: StartTimes;
  readonly submits: SubmitWatch;
  readonly nodes: () => readonly SimNode[];
  readonly handler: string;
  readonly longMs: number;
}

/** Ids of operations. Beginning one again continues it. */
const redrives = ['r0', 'r1'];
const uniqueNames = ['u0', 'u1', 'u2'];

export class SimOperators {
  readonly #parts: SimOperatorsParts;
  readonly #random: Random;
  #isOver = false;
  #count = 0;

  constructor(parts: SimOperatorsParts) {
    this.#parts = parts;
    this.#random = parts.world.random();
  }

  begin(everyMs: number): void {
    this.#parts.world.timeline.at(this.#random() * 2 * everyMs, () => {
      if (this.#isOver) return;
      this.#act();
      this.begin(everyMs);
    });
  }

  stop(): void {
    this.#isOver = true;
  }

  #act(): void {
    const dice = this.#random();
    if (dice < 0.35) this.#reschedule();
    else if (dice < 0.7) this.#submitUnique();
    else if (dice < 0.9) this.#submitStreamed();
    else this.#redrive();
  }

  /** Reschedules a later job once. The time that was answered counts. */
  #reschedule(): void {
    const { world, starts } = this.#parts;
    const runAtMs = this.#nowMs() + 6_000 + Math.floor(this.#random() * 6_000);
    this.#submit({ ...this.#request(), runAtMs }, (id) => {
      starts.set(id, runAtMs);
      world.timeline.at(this.#random() * 4_000, () => {
        if (this.#isOver) return;
        const toMs = this.#random() < 0.3 ? 0 : this.#nowMs() + Math.floor(this.#random() * 15_000);
        starts.asked(id, toMs);
        this.#ask((useCases, context) => useCases.rescheduleJob(context, id, toMs === 0 ? 'now' : { atMs: toMs })).then(
          ({ record }) => {
            world.note('client', `${id} is moved to ${toMs - epochMs} ms: ${record.state}@${record.seq}`);
            starts.moved(id, toMs);
          },
          (error: unknown) => {
            this.#expected(error);
          },
        );
      });
    });
  }

  #submitUnique(): void {
    const key = this.#one(uniqueNames);
    const onConflict = this.#one(uniqueConflicts);
    this.#submit({ ...this.#request(), unique: { key, onConflict } }, () => undefined);
  }

  /** A stream that breaks off must create no job. */
  #submitStreamed(): void {
    const request = { ...this.#request(), idempotencyKey: `streamed-${this.#count}` };
    this.#parts.submits.asked(request);
    const bytes = Buffer.from(request.input?.kind === 'json' ? request.input.json : '');
    const breaksOff = this.#random() < 0.2;
    const half = Math.floor(bytes.byteLength / 2);
    async function* pieces(): AsyncGenerator<InputPiece> {
      yield { kind: 'chunk', bytes: bytes.subarray(0, half) };
      if (breaksOff) return;
      yield { kind: 'chunk', bytes: bytes.subarray(half) };
      yield { kind: 'sha256', sha256: createHash('sha256').update(bytes).digest() };
    }
    const open = { ...request, input: undefined };
    const submitted = this.#ask((useCases, context) =>
      useCases.submit.streamed(context, { request: open, inputBytes: bytes.byteLength }, pieces()),
    );
    this.#accepted(submitted, (id) => {
      if (breaksOff) this.#parts.world.violation(1, `${id} was made of an input that broke off`);
    });
  }

  #redrive(): void {
    const redriveId = this.#one(redrives);
    const filter = { states: [], handler: '', labels: {} };
    const { submits } = this.#parts;
    submits.redrove(redriveId);
    this.#ask(async (useCases, context) => {
      let all = 0;
      for await (const { done, refused } of useCases.redriveJobs(context, {
        queue: '',
        filter,
        pageToken: '',
        perSecond: 100,
        redriveId,
        admit: (_bytes, submit) => submit(),
      })) {
        submits.redrove(redriveId, (all += done));
        this.#parts.world.note('client', `${redriveId} submits ${done} jobs again, not ${refused}`);
      }
    }).catch((error: unknown) => {
      this.#expected(error);
    });
  }

  #request(): JobRequest {
    this.#count += 1;
    const script: JobScript = {
      n: this.#count,
      longMs: this.#parts.longMs,
      failRate: this.#random() < 0.3 ? 0.6 : 0,
      rejectRate: 0,
      killRate: 0,
      outputBytes: 0,
      once: false,
      operator: true,
    };
    return {
      ...emptyJobRequest,
      handler: this.#parts.handler,
      input: { kind: 'json', json: JSON.stringify(script) },
      retry: { ...noRetryOptions, maxAttempts: 2, initialMs: 300, maxMs: 2_000 },
      executionTimeoutMs: 4_000,
    };
  }

  #submit(request: JobRequest, then: (id: JobId) => void): void {
    this.#accepted(
      this.#ask((useCases, context) => useCases.submit.one(context, request)),
      then,
    );
  }

  #accepted(submitted: Promise<AcceptedJob>, then: (id: JobId) => void): void {
    submitted.then(
      ({ jobId }) => {
        const id = parseJobId(jobId);
        if (id === undefined) return;
        this.#parts.witness.accept(id);
        then(id);
      },
      (error: unknown) => {
        this.#expected(error);
      },
    );
  }

  #expected(error: unknown): void {
    if (TroupeError.from(error).code !== 'INTERNAL_ERROR') return;
    const why = error instanceof Error ? `${error.message} ${String(error.cause)}` : String(error);
    this.#parts.world.violation(10, `an operator got INTERNAL_ERROR: ${why}`);
  }

  /** Runs in the process of a node that is up. */
  #ask<T>(act: (useCases: UseCases, context: ReadContext) => Promise<T>): Promise<T> {
    const nodes = this.#parts.nodes().filter(({ host }) => host.state === 'up');
    const node = nodes[Math.floor(this.#random() * nodes.length)];
    if (node === undefined) return Promise.reject(new TroupeError('SHARD_UNAVAILABLE'));
    return new Promise((resolve, reject) => {
      node.host.run(() => {
        const deadlineAtMs = node.host.clock.nowMs() + 12_000;
        act(node.useCases, {
          tenant: 'default',
          principal: mayEverything,
          requestId: 'operator',
          deadlineAtMs,
          reserve: () => undefined,
        }).then(resolve, reject);
      });
    });
  }

  #one<T>(of: readonly T[]): T {
    const one = of[Math.floor(this.#random() * of.length)];
    if (one === undefined) throw new Error('nothing to choose from');
    return one;
  }

  #nowMs(): number {
    return Math.floor(epochMs + this.#parts.world.nowMs);
  }
}
