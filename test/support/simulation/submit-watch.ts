/**
 * Checks the submits of operators. A submit with a key creates at most one job, however its input arrives. An operation
 * that submits jobs again creates at most one copy of each, and as many copies exist as it reported.
 */
import { fingerprint } from '../../../src/application/jobs/job-fingerprint.ts';
import { emptyJobRequest, type JobRequest } from '../../../src/application/jobs/job-request.ts';
import type { JobRecord } from '../../../src/domain/job.ts';
import type { JobId } from '../../../src/domain/job-id.ts';
import { epochMs } from './host.ts';
import type { RecordWatch } from './record-watch.ts';
import type { StoreExtras } from './store-extras.ts';
import type { World } from './world.ts';

export interface SubmitWatchParts {
  readonly world: World;
  readonly records: RecordWatch;
  readonly extras: StoreExtras;
  readonly tenant: string;
}

export class SubmitWatch {
  readonly #parts: SubmitWatchParts;
  readonly #inputs = new Set<string>();
  /** Maps an operation to the highest number of jobs that one of its calls reported as submitted again. */
  readonly #redriven = new Map<string, number>();

  constructor(parts: SubmitWatchParts) {
    this.#parts = parts;
  }

  /** The request has a key, and no other submit has the same input. */
  asked({ input }: JobRequest): void {
    if (input?.kind === 'json') this.#inputs.add(input.json);
  }

  /** A call of the operation has begun, or has reported how many jobs it submitted in all. */
  redrove(redriveId: string, jobs = 0): void {
    this.#redriven.set(redriveId, Math.max(jobs, this.#redriven.get(redriveId) ?? 0));
  }

  check(): void {
    const all = this.#parts.records.all();
    this.#checkSubmits(all.filter(({ spec }) => spec.retryOf === undefined));
    this.#checkCopies(all.filter(({ spec }) => spec.retryOf !== undefined));
  }

  #checkSubmits(records: readonly JobRecord[]): void {
    for (const [input, made] of Map.groupBy(records, (record) => this.#textOf(record))) {
      if (input === undefined || !this.#inputs.has(input) || made.length === 1) continue;
      this.#parts.world.violation(4, `one submit made ${made.map(({ id }) => id).join(' and ')}`);
    }
  }

  #checkCopies(copies: readonly JobRecord[]): void {
    const { world, records } = this.#parts;
    for (const [id, made] of Map.groupBy(copies, ({ spec }) => spec.retryOf)) {
      if (made.length <= this.#redriven.size) continue;
      const operations = [...this.#redriven.keys()].join(' and ');
      world.violation(4, `${operations} made ${made.map((copy) => copy.id).join(' and ')} of ${id ?? ''}`);
    }
    const keys = new Set(copies.map(({ requestKey }) => requestKey?.keyHash));
    for (const [redriveId, jobs] of this.#redriven) {
      // A job with a unique key may be answered with the job that holds the key.
      const isThere = ({ id, spec }: JobRecord): boolean =>
        spec.unique !== undefined || keys.has(this.#keyHash(redriveId, id));
      const there = records.all().filter(isThere).length;
      if (there >= jobs) continue;
      world.violation(1, `${redriveId} has submitted ${jobs} jobs again, and ${there} are there`);
    }
  }

  #keyHash(redriveId: string, id: JobId): string | undefined {
    const idempotencyKey = `redrive:${redriveId}:${id}`;
    return fingerprint(this.#parts.tenant, { ...emptyJobRequest, idempotencyKey })?.keyHash;
  }

  #textOf({ spec: { input } }: JobRecord): string | undefined {
    if (input.kind === 'json') return input.json;
    const bytes = input.kind === 'ref' ? this.#parts.extras.payload(input.id, epochMs) : undefined;
    return bytes && Buffer.from(bytes).toString('utf8');
  }
}
