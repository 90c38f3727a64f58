/**
 * What clients, watchers, subscribers and handlers saw of a run, and the check that it could have been: nothing accepted
 * is lost, each job ends once and for everybody in the same way, events are numbered without gaps, results stay.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isTerminal, type JobState } from '../../src/domain/job.ts';
import type { JobInfo } from '../../src/client/index.ts';

/** Where somebody saw a state of a job. */
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
  /** Events of a durable subscriber; absent where JetStream was wiped and no subscriber can have them all. */
  readonly events?: readonly EventSighting[];
  readonly executions?: readonly Execution[];
}

/** What is kept of a job: a few words, so that a million of them fit into memory. */
interface JobFacts {
  /** `STATE@seq` of each end that somebody saw: one, unless a promise is broken. */
  readonly ends: Set<string>;
  readonly results: Set<string>;
  /** What the first reader saw who asked when all was over. */
  final?: string;
  watchedSeq: number;
  /** Types of the events that were heard, in the order of their numbers. */
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
  /** Jobs by their id, with the key they were submitted under. */
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

  /** An event that a durable subscriber got. */
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
    const last = heard.at(-1);
    if (last !== undefined && isEnd(last.toUpperCase())) wrong.push(`event ${id} (${type}) came after the end`);
    heard[seq - 1] = type;
  }

  /** A line of the ledger that handlers write. */
  ran({ what, jobId }: Execution): void {
    this.#seesRuns = true;
    const facts = this.#of(jobId);
    facts.hasStarted = true;
    if (what === 'end') facts.hasRunToItsEnd = true;
  }

  /** JetStream lost what it had: of jobs whose last event was not heard yet, some may never be. */
  excuseEvents(): void {
    for (const id of this.acked.keys()) {
      const facts = this.#of(id);
      if (!isEnd(facts.heard.at(-1)?.toUpperCase() ?? '')) facts.eventsMayBeMissing = true;
    }
  }

  /** Whether the last event of the job was heard, or may be missing. */
  hasHeardTheEnd(jobId: string): boolean {
    const { heard, eventsMayBeMissing } = this.#of(jobId);
    return eventsMayBeMissing || isEnd(heard.at(-1)?.toUpperCase() ?? '');
  }

  /** Everything that is wrong, in words; empty when the run could have been. */
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
    // Nothing has run yet.
  }
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Execution);
}
