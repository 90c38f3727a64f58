/**
 * What clients, watchers, subscribers and handlers saw of a run, and the check that it could have been: nothing accepted
 * is lost, each job ends once and for everybody in the same way, events are numbered without gaps, results stay.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isTerminal } from '../../src/domain/job.ts';
import type { JobState } from '../../src/domain/job.ts';
import type { JobInfo } from '../../src/client/index.ts';

/** Where somebody saw a state of a job. */
export type Observer = 'submit' | 'watch' | 'get' | 'list' | 'event' | 'final';

export interface Sighting {
  readonly by: Observer;
  readonly jobId: string;
  readonly state: string;
  readonly seq: number;
  /** Of the output, where there was one to see. */
  readonly result?: string;
}

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

export class History {
  /** Jobs by their id, with the key they were submitted under. */
  readonly acked = new Map<string, string>();
  readonly #keys = new Map<string, Set<string>>();
  readonly #sightings: Sighting[] = [];

  accepted(jobId: string, key: string): void {
    this.acked.set(jobId, key);
    const ids = this.#keys.get(key) ?? new Set();
    this.#keys.set(key, ids.add(jobId));
  }

  saw(by: Observer, job: Pick<JobInfo, 'id' | 'state' | 'seq' | 'output'>): void {
    this.#sightings.push({
      by,
      jobId: job.id,
      state: job.state,
      seq: job.seq,
      ...(job.output !== undefined && { result: resultHash(job.output) }),
    });
  }

  /** Everything that is wrong, in words; empty when the run could have been. */
  check(more: HistoryCheck = {}): readonly string[] {
    return [
      ...this.#lost(),
      ...this.#doubled(),
      ...this.#states(),
      ...this.#watches(),
      ...(more.events === undefined ? [] : this.#events(more.events)),
      ...(more.executions === undefined ? [] : this.#executions(more.executions)),
    ];
  }

  #of(jobId: string): readonly Sighting[] {
    return this.#sightings.filter((sighting) => sighting.jobId === jobId);
  }

  /** acked − final = ∅ */
  #lost(): string[] {
    const final = new Set(
      this.#sightings.filter(({ by, state }) => by === 'final' && isEnd(state)).map((s) => s.jobId),
    );
    return [...this.acked.keys()].filter((id) => !final.has(id)).map((id) => `${id} was accepted and has no end`);
  }

  #doubled(): string[] {
    return [...this.#keys]
      .filter(([, ids]) => ids.size > 1)
      .map(([key, ids]) => `key ${key} made ${ids.size} jobs: ${[...ids].join(', ')}`);
  }

  /** One end and one result for all observers. */
  #states(): string[] {
    const wrong: string[] = [];
    for (const jobId of new Set(this.#sightings.map((sighting) => sighting.jobId))) {
      const ends = this.#of(jobId).filter(({ state }) => isEnd(state));
      const states = new Set(ends.map(({ state, seq }) => `${state}@${seq}`));
      if (states.size > 1) wrong.push(`${jobId} ended in ${[...states].join(' and ')}`);
      const results = new Set(ends.flatMap(({ result }) => (result === undefined ? [] : [result])));
      if (results.size > 1) wrong.push(`${jobId} has ${results.size} results`);
    }
    return wrong;
  }

  /** Sightings of one watch come in the order they were recorded. */
  #watches(): string[] {
    const last = new Map<string, number>();
    const wrong: string[] = [];
    for (const { by, jobId, seq } of this.#sightings) {
      if (by !== 'watch') continue;
      if (seq < (last.get(jobId) ?? 0))
        wrong.push(`watch of ${jobId} went back from ${last.get(jobId) ?? 0} to ${seq}`);
      last.set(jobId, seq);
    }
    return wrong;
  }

  #events(events: readonly EventSighting[]): string[] {
    const wrong: string[] = [];
    const next = new Map<string, number>();
    const seen = new Map<string, string>();
    const ends = new Map<string, EventSighting>();
    for (const event of events) {
      if (!this.acked.has(event.jobId)) continue;
      const known = seen.get(event.id);
      if (known !== undefined) {
        if (known !== event.type) wrong.push(`event ${event.id} was ${known} and ${event.type}`);
        continue;
      }
      seen.set(event.id, event.type);
      const expected = (next.get(event.jobId) ?? 0) + 1;
      if (event.seq !== expected) wrong.push(`event ${event.id} came where ${expected} was due`);
      next.set(event.jobId, event.seq);
      if (ends.has(event.jobId)) wrong.push(`event ${event.id} (${event.type}) came after the end`);
      if (isEnd(event.type.toUpperCase())) ends.set(event.jobId, event);
    }
    for (const jobId of this.acked.keys()) {
      const end = ends.get(jobId);
      const final = this.#of(jobId).find(({ by }) => by === 'final');
      if (end === undefined) wrong.push(`no event tells the end of ${jobId}`);
      else if (final !== undefined && `${final.state}@${final.seq}` !== `${end.type.toUpperCase()}@${end.seq}`) {
        wrong.push(`${jobId} ended as ${final.state}@${final.seq}, its last event is ${end.type}@${end.seq}`);
      }
    }
    return wrong;
  }

  /** No phantom runs; no success without a run that went to its end. */
  #executions(executions: readonly Execution[]): string[] {
    const ended = new Set(executions.filter(({ what }) => what === 'end').map(({ jobId }) => jobId));
    const phantoms = new Set(executions.map(({ jobId }) => jobId).filter((id) => !this.acked.has(id)));
    const hollow = this.#sightings.filter(
      ({ by, state, jobId }) => by === 'final' && state === 'SUCCEEDED' && !ended.has(jobId),
    );
    return [
      ...[...phantoms].map((id) => `${id} ran and was never accepted`),
      ...hollow.map(({ jobId }) => `${jobId} SUCCEEDED without a run that ended`),
    ];
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
