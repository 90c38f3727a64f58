/**
 * Reads what a recovery needs of a partition. Records are made of their JSON here, in the thread of the database, and
 * most of them never reach the loop: of a job that waits only its brief does, in columns, because these are the cheapest
 * to send. Briefs of one page share their specs.
 */
import type { DatabaseSync } from 'node:sqlite';
import { jobIdParts, type JobId } from '../../../domain/job-id.ts';
import {
  besidesInputBytes,
  inputBytes,
  type JobBrief,
  type SharedSpec,
  sharedSpecOf,
  withUnique,
} from '../../../domain/job-brief.ts';
import type { JobRecord, JobSpec, JobState, RequestKey, UniqueKey } from '../../../domain/job.ts';
import type { RecoveryTerms } from '../../../application/ports/job-store.ts';
import { partNeeded, stampMsOf } from '../../../application/storage/recovered-page.ts';
import { given } from '../../../domain/given.ts';
import { neverMs } from './commit-operation.ts';

/** Rows that are read at a time. That takes some milliseconds; then commits get their turn. */
const pageRows = 500;

/** The keys of a job that has any. They are its own, so no other job shares them. */
type OwnKeys = readonly [row: number, requestKey: RequestKey | undefined, unique: UniqueKey | undefined];

export interface BriefColumns {
  /** One after the other: a single text is the cheapest to send. */
  readonly ids: string;
  /** `briefNumbers` for each job. */
  readonly numbers: Float64Array;
  readonly specs: readonly SharedSpec[];
  readonly keys: readonly OwnKeys[];
}

const waitingStates = ['QUEUED', 'SCHEDULED', 'RETRYING'] as const satisfies readonly JobState[];
/** Spec, state, time of creation, since when it waits or when it is due, first start (NaN: none), sizes of the input and of the rest. */
const briefNumbers = 7;
const idChars = 36;

export interface RecoveryRows {
  /** The JSON of records. */
  readonly records: readonly string[];
  readonly briefs: BriefColumns;
  readonly stampedMs: number;
  /** The last row. The next page begins behind it. Undefined: it was the last page. */
  readonly last: JobId | undefined;
}

export function createRecoveryRead(file: DatabaseSync) {
  const page = file.prepare(
    `SELECT id, expires_at, record FROM jobs
     WHERE shard = ? AND bucket = ? AND (queue_no, id) > (?, ?) AND expires_at > ? ORDER BY queue_no, id LIMIT ?`,
  );
  page.setReturnArrays(true);
  return {
    /** The first rows of a partition, or those after a job. */
    readForRecovery(
      partition: { readonly shard: number; readonly bucket: number },
      after: JobId | undefined,
      terms: RecoveryTerms,
      nowMs: number,
    ): RecoveryRows {
      const queueNo = after === undefined ? -1 : jobIdParts(after).queueNo;
      const { shard, bucket } = partition;
      const rows = page.all(shard, bucket, queueNo, after ?? '', nowMs, pageRows) as unknown as readonly Row[];
      return { ...rowsNeeded(rows, terms), last: rows.length < pageRows ? undefined : rows.at(-1)?.[0] };
    },
  };
}

type Row = readonly [id: JobId, expiresAtMs: number, record: string];

function rowsNeeded(rows: readonly Row[], terms: RecoveryTerms): Omit<RecoveryRows, 'last'> {
  const records: string[] = [];
  const briefs = new BriefsOfPage(rows.length);
  let stampedMs = 0;
  for (const [, expiresAtMs, json] of rows) {
    // Only jobs that have ended expire. Of the others all is needed if briefs are not wanted.
    if (expiresAtMs === neverMs && !terms.isBrief) {
      records.push(json);
      continue;
    }
    const record = JSON.parse(json) as JobRecord;
    const part = partNeeded(record, terms);
    if (part === 'all') records.push(json);
    else stampedMs = Math.max(stampedMs, stampMsOf(record, terms));
    if (part === 'brief') briefs.add(record);
  }
  return { records, briefs: briefs.columns(), stampedMs };
}

class BriefsOfPage {
  #ids = '';
  #size = 0;
  readonly #numbers: Float64Array;
  readonly #keys: OwnKeys[] = [];
  readonly #specs: SharedSpec[] = [];
  /** The number of each spec, by its text. */
  readonly #specNos = new Map<string, number>();
  #last: { readonly spec: JobSpec; readonly no: number } | undefined;

  constructor(most: number) {
    this.#numbers = new Float64Array(most * briefNumbers);
  }

  add(record: JobRecord): void {
    const { id, state, createdAtMs, readyAtMs, firstStartedAtMs, requestKey, spec } = record;
    const row = this.#size;
    this.#size += 1;
    this.#ids += id;
    if (requestKey !== undefined || spec.unique !== undefined) this.#keys.push([row, requestKey, spec.unique]);
    const at = row * briefNumbers;
    this.#numbers[at] = this.#specNo(spec);
    this.#numbers[at + 1] = waitingStates.findIndex((one) => one === state);
    this.#numbers[at + 2] = createdAtMs;
    this.#numbers[at + 3] = readyAtMs;
    this.#numbers[at + 4] = firstStartedAtMs ?? Number.NaN;
    this.#numbers[at + 5] = inputBytes(spec.input);
    this.#numbers[at + 6] = besidesInputBytes(record);
  }

  columns(): BriefColumns {
    const numbers = this.#numbers.slice(0, this.#size * briefNumbers);
    return { ids: this.#ids, numbers, specs: this.#specs, keys: this.#keys };
  }

  #specNo(spec: JobSpec): number {
    // Rows come by their queues, so the next spec is often the same.
    if (this.#last !== undefined && isSame(this.#last.spec, spec)) return this.#last.no;
    const text = textOf(spec);
    const no = this.#specNos.get(text) ?? this.#specs.push(sharedSpecOf(spec)) - 1;
    this.#specNos.set(text, no);
    this.#last = { spec, no };
    return no;
  }
}

function isSame(one: JobSpec, other: JobSpec): boolean {
  return (
    one.queueNo === other.queueNo &&
    one.handler === other.handler &&
    one.handlerVersion === other.handlerVersion &&
    one.priority === other.priority &&
    one.fairnessKey === other.fairnessKey &&
    one.concurrencyKey === other.concurrencyKey &&
    one.queueTimeoutMs === other.queueTimeoutMs &&
    one.totalTimeoutMs === other.totalTimeoutMs &&
    one.retentionMs === other.retentionMs &&
    one.queue === other.queue &&
    one.tenant === other.tenant
  );
}

/** Different for different shared specs. Lengths keep the keys, which may have any text, from running together. */
function textOf(spec: JobSpec): string {
  const { tenant, queue, queueNo, handler, handlerVersion, priority, fairnessKey, concurrencyKey } = spec;
  const { queueTimeoutMs, totalTimeoutMs, retentionMs } = spec;
  const numbers = `${queueNo},${priority},${queueTimeoutMs},${totalTimeoutMs},${retentionMs}`;
  const keys = `${fairnessKey?.length},${concurrencyKey?.length},${fairnessKey}${concurrencyKey}`;
  return `${numbers},${tenant}/${queue}/${handler}@${handlerVersion}/${keys}`;
}

/** The briefs of a page. Those with equal specs and no unique key have the same object as their spec. */
export function briefsOf({ ids, numbers, specs, keys }: BriefColumns): JobBrief[] {
  const keysByRow = new Map(keys.map((one) => [one[0], one]));
  return Array.from({ length: numbers.length / briefNumbers }, (_, row): JobBrief => {
    const id = ids.slice(row * idChars, (row + 1) * idChars) as JobId;
    const at = row * briefNumbers;
    const [spec, state] = [specs[numbers[at] ?? 0], waitingStates[numbers[at + 1] ?? 0]];
    if (spec === undefined || state === undefined) throw new Error('a page of briefs has no such spec or state');
    const [createdAtMs = 0, readyAtMs = 0] = [numbers[at + 2], numbers[at + 3]];
    const firstStartedAtMs = numbers[at + 4] ?? Number.NaN;
    const [bytes = 0, besidesBytes = 0] = [numbers[at + 5], numbers[at + 6]];
    const brief = { id, state, createdAtMs, readyAtMs, inputBytes: bytes, besidesBytes, spec };
    const own = keysByRow.size === 0 ? undefined : keysByRow.get(row);
    if (own === undefined && Number.isNaN(firstStartedAtMs)) return brief;
    const started = Number.isNaN(firstStartedAtMs) ? {} : { firstStartedAtMs };
    return { ...brief, ...started, spec: withUnique(spec, own?.[2]), ...given({ requestKey: own?.[1] }) };
  });
}
