/** Every run of a handler in the simulated cluster: what it was asked to do, when its code ran, and how it ended. */
import type { Random } from '../../../src/application/ports/runtime.ts';
import type { RunOutcome, RunRequest } from '../../../src/application/ports/run-pool.ts';
import type { JobId } from '../../../src/domain/job-id.ts';
import type { World } from './world.ts';

export interface Execution {
  readonly runId: string;
  readonly jobId: JobId;
  readonly attempt: number;
  readonly host: string;
  readonly startedMs: number;
  endedMs: number | undefined;
  how: RunOutcome['kind'] | 'killed' | undefined;
}

/** What the input of a simulated job asks of its handler. */
export interface JobScript {
  readonly n: number;
  /** Longest duration of an attempt. */
  readonly longMs: number;
  readonly failRate: number;
  readonly rejectRate: number;
  readonly killRate: number;
  /** Size of the output in bytes. */
  readonly outputBytes: number;
  /** The job may start only once, whatever happens to its node. */
  readonly once: boolean;
  /** Submitted by an operator. Such jobs are numbered separately from the others. */
  readonly operator?: boolean;
}

/** The output names its run, so that checks know which run recorded it. */
export interface JobOutput {
  readonly runId: string;
  readonly attempt: number;
}

/** A checkpoint as its handler wrote it. */
export interface JobCheckpoint {
  readonly attempt: number;
  readonly number: number;
}

/** Number of log lines of an attempt: the usual one, and one that exceeds what is kept. */
const lines = 4;
const loudLines = 40;
const loudLineChars = 1_900;

/** Checkpoints that an attempt saves, if its script says so. */
const checkpointsMax = 2;

export class Executions {
  readonly #world: World;
  readonly #byRun = new Map<string, Execution>();
  readonly #byJob = new Map<JobId, Execution[]>();
  /** The last checkpoint that a handler knows to be saved. */
  readonly #saved = new Map<JobId, JobCheckpoint>();
  /** Maps a run to the lines that it has logged. */
  readonly #said = new Map<string, string[]>();
  /** Jobs that have logged something. */
  readonly speakers = new Set<JobId>();
  /** Called when code starts on a host. */
  onStart: (jobId: JobId, host: string) => void = () => undefined;
  /** Whether handlers log anything in this simulation. */
  speaks = false;
  #scale = 1;

  constructor(world: World) {
    this.#world = world;
  }

  /** From now on handlers finish quickly. */
  hurry(): void {
    this.#scale = 0.2;
  }

  started(request: RunRequest & { readonly host: string }): void {
    const { runId, jobId, attempt, host } = request;
    this.#checkGoesOn(request);
    const execution: Execution = {
      runId,
      jobId,
      attempt,
      host,
      startedMs: this.#world.nowMs,
      endedMs: undefined,
      how: undefined,
    };
    this.#world.note(host, `code starts: ${runId}`);
    this.#byRun.set(runId, execution);
    this.onStart(jobId, host);
    const ofJob = this.#byJob.get(jobId);
    if (ofJob === undefined) this.#byJob.set(jobId, [execution]);
    else {
      ofJob.push(execution);
      if (scriptOf(request).once) this.#world.violation(3, `${runId} began again on ${host}: its job may begin once`);
    }
  }

  ended(runId: string, how: NonNullable<Execution['how']>): void {
    const execution = this.#byRun.get(runId);
    if (execution?.endedMs !== undefined || execution === undefined) return;
    execution.endedMs = this.#world.nowMs;
    execution.how = how;
    this.#world.note(execution.host, `code gone: ${runId} ${how}`);
  }

  /** The checkpoints that the handler saves, and when, as fractions of its duration. */
  checkpoints(request: RunRequest): readonly { readonly number: number; readonly at: number; readonly json: string }[] {
    if (scriptOf(request).n % 3 !== 0) return [];
    return Array.from({ length: checkpointsMax }, (_, index) => {
      const saved: JobCheckpoint = { attempt: request.attempt, number: index + 1 };
      return { number: saved.number, at: saved.number / (checkpointsMax + 1), json: JSON.stringify(saved) };
    });
  }

  /** The lines that the handler logs, and when, as fractions of its duration. */
  lines({ runId, ...request }: RunRequest): readonly { readonly at: number; readonly text: string }[] {
    const { n } = scriptOf({ runId, ...request });
    if (!this.speaks || n % 3 !== 1) return [];
    const isLoud = n % 24 === 1;
    const count = isLoud ? loudLines : lines;
    const fill = 'x'.repeat(isLoud ? loudLineChars : n % 2 === 0 ? 0 : 300);
    return Array.from({ length: count }, (_, index) => {
      return { at: (index + 1) / (count + 1), text: `${runId} ${index + 1} ${fill}` };
    });
  }

  said(runId: string, text: string): void {
    const execution = this.#byRun.get(runId);
    if (execution !== undefined) this.speakers.add(execution.jobId);
    const said = this.#said.get(runId);
    if (said === undefined) this.#said.set(runId, [text]);
    else said.push(text);
  }

  saidBy(runId: string): readonly string[] {
    return this.#said.get(runId) ?? [];
  }

  /** The handler has learned that its checkpoint is durable. */
  saved(runId: string, number: number): void {
    const execution = this.#byRun.get(runId);
    if (execution === undefined) return;
    this.#world.note(execution.host, `checkpoint ${number} of ${runId} is saved`);
    const mine: JobCheckpoint = { attempt: execution.attempt, number };
    const last = this.#saved.get(execution.jobId);
    if (last === undefined || isAfter(mine, last)) this.#saved.set(execution.jobId, mine);
  }

  /** Checks that an attempt starts with what earlier attempts have saved. */
  #checkGoesOn({ runId, jobId, attempt, checkpoint }: RunRequest): void {
    const saved = this.#saved.get(jobId);
    if (saved === undefined || saved.attempt >= attempt) return;
    const given = checkpoint?.kind === 'json' ? (JSON.parse(checkpoint.json) as JobCheckpoint) : undefined;
    if (given !== undefined && !isAfter(saved, given)) return;
    const [kept, had] = [saved, given ?? {}].map((one) => JSON.stringify(one));
    this.#world.violation(1, `${runId} begins with ${had ?? ''}, after ${kept ?? ''} was saved`);
  }

  overfilled(host: string): void {
    this.#world.violation(10, `the pool of ${host} was given more runs than it has room for`);
  }

  /** All runs of the job, in the order of their start. */
  of(jobId: JobId): readonly Execution[] {
    return this.#byJob.get(jobId) ?? [];
  }

  get(runId: string): Execution | undefined {
    return this.#byRun.get(runId);
  }

  /** Whether the code of the run is running at this moment. */
  isLive(runId: string): boolean {
    const execution = this.#byRun.get(runId);
    return execution !== undefined && execution.endedMs === undefined;
  }

  all(): readonly Execution[] {
    return [...this.#byRun.values()];
  }

  running(jobId: JobId): readonly Execution[] {
    return this.of(jobId).filter(({ endedMs }) => endedMs === undefined);
  }

  /** Draws how the attempt ends and how long it takes. */
  script(request: RunRequest, random: Random): { outcome: RunOutcome | 'kills-cell'; durationMs: number } {
    const script = scriptOf(request);
    const durationMs = 2 + random() * script.longMs * this.#scale;
    const dice = random();
    const failure = { reason: 'HANDLER_FAILED', message: 'as its script says' } as const;
    if (dice < script.failRate) return { durationMs, outcome: { kind: 'failed', failure, retryable: true } };
    if (dice < script.failRate + script.rejectRate) {
      return { durationMs, outcome: { kind: 'failed', failure, retryable: false } };
    }
    if (dice < script.failRate + script.rejectRate + script.killRate) return { durationMs, outcome: 'kills-cell' };
    const output: JobOutput = { runId: request.runId, attempt: request.attempt };
    const json = JSON.stringify({ ...output, fill: 'x'.repeat(script.outputBytes) });
    return { durationMs, outcome: { kind: 'succeeded', output: { kind: 'json', json } } };
  }
}

function scriptOf({ input }: RunRequest): JobScript {
  if (input.kind === 'streamed') throw new Error('the model streams nothing');
  const text = input.kind === 'json' ? input.json : Buffer.from(input.bytes).toString('utf8');
  return JSON.parse(text) as JobScript;
}

function isAfter(one: JobCheckpoint, other: JobCheckpoint): boolean {
  return one.attempt > other.attempt || (one.attempt === other.attempt && one.number > other.number);
}
