/**
 * The load: clients that submit, read, cancel and watch jobs through the gateways of nodes that are up. A submit with a
 * key is repeated through another gateway until it is answered, as clients should do.
 */
import { mayEverything } from '../callers.ts';
import {
  type AcceptedJob,
  emptyJobRequest,
  type JobRequest,
  noRetryOptions,
} from '../../../src/application/jobs/job-request.ts';
import type { ReadContext } from '../../../src/application/ports/call-context.ts';
import { TroupeError } from '../../../src/domain/errors.ts';
import { type JobId, parseJobId } from '../../../src/domain/job-id.ts';
import type { UseCases } from '../../../src/application/use-cases.ts';
import type { Random } from '../../../src/application/ports/runtime.ts';
import type { JobScript } from './executions.ts';
import type { SimNode } from './sim-node.ts';
import type { Witness } from './witness.ts';
import type { World } from './world.ts';

export interface SimClientsParts {
  readonly world: World;
  readonly witness: Witness;
  readonly nodes: () => readonly SimNode[];
  readonly handler: string;
  readonly longMs: number;
  /** Whether jobs have keys and levels. */
  readonly keyed: boolean;
}

interface Submission {
  readonly key: string;
  readonly content: string;
  readonly request: ScriptedRequest;
  isAnswered: boolean;
}

type ScriptedRequest = JobRequest & { readonly input: { readonly kind: 'json'; readonly json: string } };

const tenant = 'default';
const repeatAfterMs = 1_500;
const largeBytes = 1_500;

export class SimClients {
  readonly #parts: SimClientsParts;
  readonly #random: Random;
  readonly #submissions: Submission[] = [];
  #isOver = false;
  #count = 0;

  constructor(parts: SimClientsParts) {
    this.#parts = parts;
    this.#random = parts.world.random();
  }

  /** Starts to act at random intervals, until `stop`. */
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

  /** Number of submits with a key that were not answered yet. */
  get unanswered(): number {
    return this.#submissions.filter(({ isAnswered }) => !isAnswered).length;
  }

  #act(): void {
    const dice = this.#random();
    if (dice < 0.4) this.#submitNew();
    else if (dice < 0.7) this.#get();
    else if (dice < 0.82) this.#cancel();
    else if (dice < 0.9) this.#watch();
    else this.#submitAgain();
  }

  #submitNew(): void {
    this.#count += 1;
    const script: JobScript = {
      n: this.#count,
      longMs: this.#random() < 0.15 ? this.#parts.longMs * 4 : this.#parts.longMs,
      failRate: this.#random() < 0.3 ? 0.4 : 0,
      rejectRate: this.#random() < 0.1 ? 0.5 : 0,
      killRate: this.#random() < 0.06 ? 0.6 : 0,
      outputBytes: this.#random() < 0.1 ? largeBytes : 0,
      once: this.#count % 8 === 0,
    };
    const hasKey = this.#random() < 0.5;
    const key = hasKey ? `key-${this.#count}` : `none-${this.#count}`;
    const request = this.#request(script, hasKey ? key : '');
    const submission: Submission = { key, content: request.input.json, request, isAnswered: !hasKey };
    if (hasKey) this.#submissions.push(submission);
    this.#submit(submission);
  }

  #request(script: JobScript, idempotencyKey: string): ScriptedRequest {
    const filled = this.#random() < 0.1 ? { ...script, fill: 'x'.repeat(largeBytes) } : script;
    const nowMs = this.#anyNode()?.host.clock.nowMs() ?? 0;
    return {
      ...emptyJobRequest,
      handler: this.#parts.handler,
      input: { kind: 'json', json: JSON.stringify(filled) },
      idempotencyKey,
      retry: {
        ...noRetryOptions,
        maxAttempts: 3,
        initialMs: 300,
        maxMs: 2_000,
        ...(script.once && { maxAttempts: 1, maxLosses: 0 }),
      },
      executionTimeoutMs: 4_000,
      ...(this.#random() < 0.15 && { runAtMs: nowMs + Math.floor(this.#random() * 8_000) }),
      ...(this.#random() < 0.08 && { queueTimeoutMs: 2_000 + Math.floor(this.#random() * 8_000) }),
      ...this.#keys(),
      ...(this.#random() < 0.08 && { totalTimeoutMs: 4_000 + Math.floor(this.#random() * 15_000) }),
    };
  }

  #keys(): Partial<Pick<JobRequest, 'concurrencyKey' | 'fairnessKey' | 'priority'>> {
    if (!this.#parts.keyed) return {};
    const one = (of: string): string => of[Math.floor(this.#random() * of.length)] ?? '';
    return {
      ...(this.#random() < 0.5 && { concurrencyKey: one('xyz') }),
      ...(this.#random() < 0.5 && { fairnessKey: one('abc') }),
      priority: Math.floor(this.#random() * 5),
    };
  }

  /** Repeats a key: with the same content, or with other content, which must be refused. */
  #submitAgain(): void {
    const known = this.#submissions[Math.floor(this.#random() * this.#submissions.length)];
    if (known === undefined) return;
    if (this.#random() < 0.7) {
      this.#submit(known);
      return;
    }
    const json = known.content.replace('{', '{"other":true,');
    const request: ScriptedRequest = { ...known.request, input: { kind: 'json', json } };
    this.#submit({ key: known.key, content: json, request, isAnswered: true });
  }

  #submit(submission: Submission): void {
    const { key, content, request } = submission;
    const node = this.#anyNode();
    if (node === undefined) {
      this.#repeat(submission);
      return;
    }
    // A gateway that dies or hangs never answers. The caller then tries another one.
    if (!submission.isAnswered) this.#repeat(submission);
    const { world, witness } = this.#parts;
    this.#ask(node, (useCases, context) => useCases.submit.one(context, request)).then(
      ({ jobId, state }: AcceptedJob) => {
        world.note('client', `${key} is ${jobId} ${state}`);
        submission.isAnswered = true;
        const id = parseJobId(jobId);
        if (id !== undefined) witness.submitted({ jobId: id, state, key, content, runAtMs: request.runAtMs });
      },
      (error: unknown) => {
        const { code } = TroupeError.from(error);
        world.note('client', `${key} not accepted: ${code}`);
        this.#expected(error);
        if (code !== 'IDEMPOTENCY_KEY_REUSED') return;
        submission.isAnswered = true;
        witness.refusedKey(key, content);
      },
    );
  }

  #repeat(submission: Submission): void {
    this.#parts.world.timeline.at(repeatAfterMs * (1 + this.#random()), () => {
      if (!submission.isAnswered) this.#submit(submission);
    });
  }

  #get(): void {
    const id = this.#anyJob();
    const node = this.#anyNode();
    if (id === undefined || node === undefined) return;
    const sinceSeq = this.#parts.witness.seenSeq(id);
    this.#ask(node, (useCases, context) => useCases.getJob(context, id)).then(
      ({ record }) => {
        this.#parts.world.note('client', `get by ${node.nodeId}: ${id} ${record.state}@${record.seq}`);
        this.#parts.witness.saw('get', record, sinceSeq);
      },
      (error: unknown) => {
        this.#refused(id, error);
      },
    );
  }

  #cancel(): void {
    const id = this.#anyJob();
    const node = this.#anyNode();
    if (id === undefined || node === undefined) return;
    const sinceSeq = this.#parts.witness.seenSeq(id);
    this.#ask(node, (useCases, context) => useCases.cancelJob(context, id, 'simulated')).then(
      ({ record }) => {
        this.#parts.world.note('client', `cancel: ${id} ${record.state}@${record.seq}`);
        this.#parts.witness.saw('get', record, sinceSeq);
      },
      (error: unknown) => {
        this.#refused(id, error);
      },
    );
  }

  #watch(): void {
    const id = this.#anyJob();
    const node = this.#anyNode();
    if (id === undefined || node === undefined) return;
    let sinceSeq = this.#parts.witness.seenSeq(id);
    const { nowMs } = node.host.clock;
    const follow = async (useCases: UseCases, context: ReadContext): Promise<void> => {
      for await (const { job } of useCases.watchJob({ ...context, deadlineAtMs: nowMs() + 15_000 }, id, {
        token: '',
        logs: false,
      })) {
        this.#parts.witness.saw('get', job.record, sinceSeq);
        sinceSeq = Math.max(sinceSeq, job.record.seq);
      }
    };
    this.#ask(node, follow).catch((error: unknown) => {
      this.#refused(id, error);
    });
  }

  #refused(id: JobId, error: unknown): void {
    this.#expected(error);
    if (TroupeError.from(error).code === 'JOB_NOT_FOUND') this.#parts.witness.notFound(id);
  }

  #expected(error: unknown): void {
    if (TroupeError.from(error).code !== 'INTERNAL_ERROR') return;
    const why = error instanceof Error ? `${error.message} ${String(error.cause)}` : String(error);
    this.#parts.world.violation(10, `a client got INTERNAL_ERROR: ${why}`);
  }

  /** Runs in the process of the node, so that its pauses and its death have an effect. */
  #ask<T>(node: SimNode, act: (useCases: UseCases, context: ReadContext) => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      node.host.run(() => {
        act(node.useCases, {
          tenant,
          principal: mayEverything,
          requestId: 'simulated',
          reserve: () => undefined,
          deadlineAtMs: node.host.clock.nowMs() + 12_000,
        }).then(resolve, reject);
      });
    });
  }

  #anyNode(): SimNode | undefined {
    const nodes = this.#parts.nodes().filter(({ host }) => host.state !== 'dead');
    return nodes[Math.floor(this.#random() * nodes.length)];
  }

  #anyJob(): JobId | undefined {
    const { accepted } = this.#parts.witness;
    const index = Math.floor(this.#random() * accepted.size);
    return [...accepted][index];
  }
}
