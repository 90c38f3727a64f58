/**
 * Records what clients, watchers, subscribers and handlers observe during a test, and checks that the observations are
 * consistent: no accepted job is lost, each job ends once and in the same way for everybody, events are numbered
 * without gaps, and results do not change.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isTerminal, type JobState } from '../../src/domain/job.ts';
import type { JobInfo } from '../../src/client/index.ts';

/** Through which interface somebody saw the state of a job. */
export type Observer = 'submit' | 'watch' | 'get' | 'list' | 'event' | 'final';

export interface Execution {
  readonly what: 'start' | 'end' | 'stopped';
  readonly jobId: string;
  readonly attempt: number;
  readonly pid: number;
  readonly atMs: number;
}

export interface EventSighting {
  readonly jobId: string;
  readonly seq: number;
  readonly type: string;
  readonly id: string;
}

export interface HistoryCheck {
  /**
   * The events of a durable subscriber. Leave it out if JetStream was wiped, because no subscriber can have them all
   * then.
   */
  readonly events?: readonly EventSighting[];
  readonly executions?: readonly Execution[];
}

/** What is kept of a job. Small, so that a million of them fit into memory. */
interface JobFacts {
  /** `STATE@seq` of each end that was observed. More than one means a broken promise. */
  readonly ends: Set<string>;
  readonly results: Set<string>;
  /** What the first reader saw after everything was over. */
  final?: string;
  watchedSeq: number;
  /** Event types in the order of their numbers. */
  readonly heard: string[];
  eventsMayBeMissing: boolean;
  hasStarted: boolean;
  hasRunToItsEnd: boolean;
  readonly wrong: string[];
}

function noFacts(): JobFacts {
  return {
    ends: new Set(),
    results: new Set(),
    watchedSeq: 0,
    heard: [],
    eventsMayBeMissing: false,
    hasStarted: false,
    hasRunToItsEnd: false,
    wrong: [],
  };
}

export class History {
  /** Job ids, with the key under which each was submitted. */
  readonly acked = new Map<string, string>();
  readonly #keys = new Map<string, Set<string>>();
  readonly #jobs = new Map<string, JobFacts>();
  #hearsEvents = false;
  #seesRuns = false;

  accepted(jobId: string, key: string): void {
    this.acked.set(jobId, key);
    const ids = this.#keys.get(key) ?? new Set();
    this.#keys.set(key, ids.add(jobId));
  }

  saw(by: Observer, job: Pick<JobInfo, 'id' | 'state' | 'seq' | 'output'>): void {
    const facts = this.#of(job.id);
    if (by === 'watch') {
      if (job.seq < facts.watchedSeq)
        facts.wrong.push(`watch of ${job.id} went back from ${facts.watchedSeq} to ${job.seq}`);
      facts.watchedSeq = job.seq;
    }
    if (!isEnd(job.state)) return;
    facts.ends.add(`${job.state}@${job.seq}`);
    if (job.output !== undefined) facts.results.add(resultHash(job.output));
    if (by === 'final') facts.final ??= `${job.state}@${job.seq}`;
  }

  /** Records an event that a durable subscriber received. */
  heard({ id, jobId, seq, type }: EventSighting): void {
    this.#hearsEvents = true;
    const { heard, wrong, eventsMayBeMissing } = this.#of(jobId);
    const known = heard[seq - 1];
    if (known !== undefined) {
      if (known !== type) wrong.push(`event ${id} was ${known} and ${type}`);
      return;
    }
    if (seq !== heard.length + 1 && !eventsMayBeMissing)
      wrong.push(`event ${id} came where ${heard.length + 1} was due`);
    const hasEnded = isEnd(heard.at(-1)?.toUpperCase() ?? '');
    // What NATS has lost is published again, behind the end if that came meanwhile.
    const isOlder = eventsMayBeMissing && seq <= heard.length;
    if (hasEnded && !isOlder) wrong.push(`event ${id} (${type}) came after the end`);
    heard[seq - 1] = type;
  }

  /** Records a line of the ledger that the test handlers write. */
  ran({ what, jobId }: Execution): void {
    this.#seesRuns = true;
    const facts = this.#of(jobId);
    facts.hasStarted = true;
    if (what === 'end') facts.hasRunToItsEnd = true;
  }

  /**
   * Call this when JetStream has lost its data: events may then be missing for every job whose last event has not been
   * heard.
   */
  excuseEvents(): void {
    for (const id of this.acked.keys()) {
      const facts = this.#of(id);
      if (!isEnd(facts.heard.at(-1)?.toUpperCase() ?? '')) facts.eventsMayBeMissing = true;
    }
  }

  /** True if the last event of the job was heard, or may be missing. */
  hasHeardTheEnd(jobId: string): boolean {
    const { heard, eventsMayBeMissing } = this.#of(jobId);
    return eventsMayBeMissing || isEnd(heard.at(-1)?.toUpperCase() ?? '');
  }

  /** Returns a description of everything that is wrong. Empty if the history is consistent. */
  check(more: HistoryCheck = {}): readonly string[] {
    for (const event of more.events ?? []) this.heard(event);
    for (const execution of more.executions ?? []) this.ran(execution);
    if (more.events !== undefined) this.#hearsEvents = true;
    if (more.executions !== undefined) this.#seesRuns = true;
    const doubled = [...this.#keys]
      .filter(([, ids]) => ids.size > 1)
      .map(([key, ids]) => `key ${key} made ${ids.size} jobs: ${[...ids].join(', ')}`);
    const phantoms = [...this.#jobs]
      .filter(([id, { hasStarted }]) => hasStarted && !this.acked.has(id))
      .map(([id]) => `${id} ran and was never accepted`);
    return [...doubled, ...phantoms, ...[...this.acked.keys()].flatMap((id) => this.#wrongWith(id))];
  }

  #of(jobId: string): JobFacts {
    const facts = this.#jobs.get(jobId) ?? noFacts();
    this.#jobs.set(jobId, facts);
    return facts;
  }

  #wrongWith(id: string): readonly string[] {
    const facts = this.#of(id);
    const wrong = [...facts.wrong];
    if (facts.final === undefined) wrong.push(`${id} was accepted and has no end`);
    if (facts.ends.size > 1) wrong.push(`${id} ended in ${[...facts.ends].join(' and ')}`);
    if (facts.results.size > 1) wrong.push(`${id} has ${facts.results.size} results`);
    if (this.#hearsEvents && !facts.eventsMayBeMissing) {
      const { length } = facts.heard;
      const end = facts.heard.at(-1)?.toUpperCase() ?? '';
      if (!isEnd(end)) wrong.push(`no event tells the end of ${id}`);
      else if (facts.final !== undefined && facts.final !== `${end}@${length}`)
        wrong.push(`${id} ended as ${facts.final}, its last event is ${end}@${length}`);
    }
    if (this.#seesRuns && facts.final?.startsWith('SUCCEEDED') === true && !facts.hasRunToItsEnd)
      wrong.push(`${id} SUCCEEDED without a run that ended`);
    return wrong;
  }
}

function isEnd(state: string): boolean {
  return isTerminal(state as JobState);
}

export function resultHash(output: unknown): string {
  const bytes = output instanceof Uint8Array ? output : Buffer.from(JSON.stringify(output));
  return createHash('sha256').update(bytes).digest('hex');
}

export function readLedger(path: string): readonly Execution[] {
  let text = '';
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    // No handler has run yet.
  }
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Execution);
}

/**
 * Most attempts of a ledger that ran at the same time and held their jobs. A run without an end in the ledger ended with its
 * node at `killedMs`, or when it began if that was later.
 *
 * The number of an attempt does not tell its runs apart: an owner that dies before the store has a claim leaves a job that
 * is claimed again under the same number, while the first run may be over or may go on elsewhere. The later run holds the
 * job. So a run lasts until the next line of its job.
 */
export function mostAtOnce(executions: readonly Execution[], killedMs: number): number {
  const changes: { readonly atMs: number; readonly by: 1 | -1 }[] = [];
  executions.forEach(({ what, jobId, atMs }, place) => {
    if (what !== 'start') return;
    const next = executions.find((line, at) => at > place && line.jobId === jobId);
    const givenUpMs = Math.max(atMs, Math.min(killedMs, next?.atMs ?? Infinity));
    changes.push(
      { atMs, by: 1 },
      { atMs: next === undefined || next.what === 'start' ? givenUpMs : next.atMs, by: -1 },
    );
  });
  let [now, most] = [0, 0];
  for (const { by } of changes.toSorted((a, b) => a.atMs - b.atMs || a.by - b.by)) {
    now += by;
    most = Math.max(most, now);
  }
  return most;
}
