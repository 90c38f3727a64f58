/**
 * Watches every commit that the store applies. A job may only follow the edges of its state machine, a terminal state
 * is final, a result comes from the attempt that held the job, and CANCELLED means that the job's code is gone.
 */
import type { CommitGroup } from '../../../src/application/ports/job-store.ts';
import { defaultShardLimits } from '../../../src/actors/shard/services/shard-services.ts';
import { isTerminal, type JobRecord, type JobState, type Payload, type TrailEntry } from '../../../src/domain/job.ts';
import { type JobId, jobIdParts } from '../../../src/domain/job-id.ts';
import { eraseJob } from '../../../src/domain/payload-life.ts';
import { edges } from '../../../src/domain/state-machine.ts';
import type { Executions, JobOutput } from './executions.ts';
import type { StoreExtras } from './store-extras.ts';
import { epochMs, type Host } from './host.ts';
import type { World } from './world.ts';

export interface RecordWatchParts {
  readonly world: World;
  readonly executions: Executions;
  readonly extras: StoreExtras;
  readonly backlogMax: number;
}

interface Owner {
  readonly host: Host;
  readonly sinceMs: number;
}

/** The limit minus the moments between a decision and its commit. */
const silenceMs = defaultShardLimits.runLostAfterMs - 1;

export class RecordWatch {
  /** When each event became durable, by job and number. */
  readonly durableAtMs = new Map<JobId, Map<number, number>>();
  readonly #parts: RecordWatchParts;
  /** All records of a number, because a checkpoint changes the record and not its number. */
  readonly #versions = new Map<JobId, Map<number, JobRecord[]>>();
  readonly #newest = new Map<JobId, JobRecord>();
  /** Maps an idempotency key to its job, for the whole simulation. */
  readonly #jobOfKey = new Map<string, JobId>();
  /** Maps a unique key to its unfinished job. */
  readonly #holders = new Map<string, JobId>();
  /** Jobs for which another time was requested. */
  readonly #movable = new Set<JobId>();
  /** Jobs whose erasing was requested. */
  readonly #erasable = new Set<JobId>();
  readonly #beforeErase = new Map<JobId, JobRecord>();
  readonly #unfinished = new Map<number, number>();
  readonly #owners = new Map<string, Owner>();
  /** Maps `<host>/<runId>` to the time at which that owner last heard of the run. */
  readonly #heardMs = new Map<string, number>();

  constructor(parts: RecordWatchParts) {
    this.#parts = parts;
  }

  /** The host owns the shard in this epoch from now on. */
  tookShard(shard: number, epoch: number, host: Host): void {
    this.#owners.set(`${shard}/${epoch}`, { host, sinceMs: this.#parts.world.nowMs });
  }

  /** When owners took the shard. */
  takenMs(shard: number): readonly number[] {
    return [...this.#owners].flatMap(([key, { sinceMs }]) => (key.startsWith(`${shard}/`) ? [sinceMs] : []));
  }

  /** A shard on this host has granted the run, or has learned that it continues. */
  heard(host: Host, runId: string): void {
    this.#heardMs.set(`${host.name}/${runId}`, this.#parts.world.nowMs);
  }

  /** From now on only `StartTimes` knows when the job may run. */
  mayMove(id: JobId): void {
    this.#movable.add(id);
  }

  /** From now on the job's payloads may be erased. */
  mayErase(id: JobId): void {
    this.#erasable.add(id);
  }

  /** Whether erasing was requested. Then some payloads may be gone before the record says so. */
  isErasable(id: JobId): boolean {
    return this.#erasable.has(id);
  }

  /** Undefined if the job was not erased. */
  beforeErase(id: JobId): JobRecord | undefined {
    return this.#beforeErase.get(id);
  }

  /** The last durable record of the job. */
  newest(id: JobId): JobRecord | undefined {
    return this.#newest.get(id);
  }

  all(): readonly JobRecord[] {
    return [...this.#newest.values()];
  }

  /** The last durable record with this number. Undefined if there never was one. */
  version(id: JobId, seq: number): JobRecord | undefined {
    return this.#versions.get(id)?.get(seq)?.at(-1);
  }

  /** Whether this record was durable at any time. */
  wasDurable({ id, seq, state, updatedAtMs }: JobRecord): boolean {
    const versions = this.#versions.get(id)?.get(seq) ?? [];
    return versions.some((one) => one.state === state && one.updatedAtMs === updatedAtMs);
  }

  /** Checks every record of an applied group against its predecessor. */
  committed(group: CommitGroup, before: ReadonlyMap<JobId, JobRecord>): void {
    for (const record of group.records) {
      const { world } = this.#parts;
      const present = before.get(record.id);
      if (world.isTraced) world.note('store', `${record.id} ${record.state}@${record.seq} epoch ${group.epoch}`);
      if (present !== undefined && isTerminal(present.state)) this.#checkUnchanged(present, record);
      else this.#checkSteps(present, record);
      if (present?.state !== record.state) {
        if (record.state === 'SUCCEEDED') this.#checkResult(group, present, record);
        if (record.state === 'CANCELLED') this.#checkCodeGone(group, present, record);
      }
      this.#checkKeys(present, record);
      this.#keep(present, record);
    }
  }

  /** Remembers the record, and checks the bound of the backlog. */
  #keep(present: JobRecord | undefined, record: JobRecord): void {
    const { world, backlogMax } = this.#parts;
    const versions = this.#versions.get(record.id) ?? new Map<number, JobRecord[]>();
    this.#versions.set(record.id, versions.set(record.seq, [...(versions.get(record.seq) ?? []), record]));
    this.#newest.set(record.id, record);
    const durable = this.durableAtMs.get(record.id) ?? new Map<number, number>();
    this.durableAtMs.set(record.id, durable);
    for (const { seq } of record.trail) if (!durable.has(seq)) durable.set(seq, world.nowMs);
    const { shard } = jobIdParts(record.id);
    const change = Number(!isTerminal(record.state)) - Number(present !== undefined && !isTerminal(present.state));
    const unfinished = (this.#unfinished.get(shard) ?? 0) + change;
    this.#unfinished.set(shard, unfinished);
    if (unfinished > backlogMax) {
      world.violation(10, `shard ${shard} holds ${unfinished} unfinished jobs, ${backlogMax} are allowed`);
    }
  }

  /** Checks that an idempotency key has one job, and that a unique key has one unfinished job. */
  #checkKeys(present: JobRecord | undefined, record: JobRecord): void {
    const { id, requestKey, spec, state } = record;
    const { world } = this.#parts;
    if (requestKey !== undefined && present === undefined) {
      const first = this.#jobOfKey.get(requestKey.keyHash) ?? id;
      this.#jobOfKey.set(requestKey.keyHash, first);
      if (first !== id) world.violation(4, `one key made ${first} and ${id}`);
    }
    const key = spec.unique?.key;
    if (key === undefined) return;
    const holder = this.#holders.get(key);
    if (isTerminal(state)) {
      if (holder === id) this.#holders.delete(key);
    } else {
      if (holder !== undefined && holder !== id) {
        world.violation(4, `${holder} has not ended, and ${id} has its unique key ${key}`);
      }
      this.#holders.set(key, id);
    }
  }

  #checkUnchanged(present: JobRecord, record: JobRecord): void {
    const isSame = present === record || JSON.stringify(present) === JSON.stringify(record);
    if (isSame) return;
    if (this.#erasable.has(record.id) && isErased(present, record)) this.#beforeErase.set(record.id, present);
    else this.#parts.world.violation(2, `${record.id} had ended as ${inShort(present)}, now it is ${inShort(record)}`);
  }

  /** Follows the new events of the trail from the old state to the new one. */
  #checkSteps(present: JobRecord | undefined, record: JobRecord): void {
    const { world } = this.#parts;
    const wrong = (what: string): void => {
      world.violation(2, `${record.id} ${what}: from ${inShort(present)} to ${inShort(record)}`);
    };
    if (present !== undefined && record.seq < present.seq) wrong('went back');
    if (present !== undefined && record.attempt < present.attempt) wrong('forgot an attempt');
    let state: JobState | undefined = present?.state;
    let seq = present?.seq ?? 0;
    for (const entry of record.trail) {
      if (entry.seq <= seq) {
        const known = present?.trail.find((other) => other.seq === entry.seq);
        if (known !== undefined && known.type !== entry.type) wrong(`rewrote its event ${entry.seq}`);
        continue;
      }
      if (entry.seq !== seq + 1 && record.trail[0] !== entry) wrong('skipped a number');
      const next = edgeFrom(state, entry);
      if (next === undefined) wrong(`has no way from ${state ?? 'nothing'} by ${entry.type}`);
      if (entry.type === 'queued' && present !== undefined && state === present.state)
        this.#checkNotEarly(present, entry);
      state = next;
      seq = entry.seq;
    }
    if (state !== record.state || seq !== record.seq) wrong('says another state than its trail');
  }

  #checkNotEarly(present: JobRecord, entry: TrailEntry): void {
    if (present.state !== 'SCHEDULED' && present.state !== 'RETRYING') return;
    if (entry.atMs >= present.readyAtMs || this.#movable.has(present.id)) return;
    this.#parts.world.violation(9, `${present.id} was queued ${present.readyAtMs - entry.atMs} ms before its time`);
  }

  /** The result must come from a run that succeeded and that held the job. */
  #checkResult(group: CommitGroup, present: JobRecord | undefined, record: JobRecord): void {
    const { world, executions } = this.#parts;
    const output = outputOf(record.output, this.#parts.extras);
    if (output === undefined) {
      world.violation(3, `${record.id} succeeded without an output`);
      return;
    }
    const run = executions.get(output.runId);
    if (run?.how !== 'succeeded')
      world.violation(3, `${record.id} succeeded by ${output.runId}, which has not succeeded`);
    const holders = [present?.run?.token, `${group.epoch}.${record.attempt}`];
    const isHolder = holders.some((token) => output.runId === `${record.id}#${token ?? ''}`);
    if (output.attempt !== record.attempt || !isHolder) {
      world.violation(3, `${record.id}: attempt ${record.attempt} recorded the result of ${output.runId}`);
    }
  }

  /**
   * Checks that no code runs of which the owner knows and has heard recently. Superseded code ends at its next
   * heartbeat.
   */
  #checkCodeGone({ epoch, partition }: CommitGroup, present: JobRecord | undefined, record: JobRecord): void {
    const { world, executions } = this.#parts;
    const owner = this.#owners.get(`${partition.shard}/${epoch}`);
    if (owner === undefined) return;
    for (const run of executions.running(record.id)) {
      const isKnown =
        run.runId === `${record.id}#${present?.run?.token ?? ''}` || run.runId.startsWith(`${record.id}#${epoch}.`);
      if (!isKnown || run.attempt !== record.attempt) continue;
      const heardMs = this.#heardMs.get(`${owner.host.name}/${run.runId}`) ?? 0;
      const sinceMs = Math.max(heardMs, owner.sinceMs, owner.host.awakeSinceMs);
      if (world.nowMs - sinceMs >= silenceMs) continue;
      world.violation(
        5,
        `${record.id} is CANCELLED while ${run.host} runs its code, heard of ${Math.round(world.nowMs - sinceMs)} ms ago`,
      );
    }
  }
}

/** Whether it is the same job without its payloads, and nothing else has changed. */
function isErased(present: JobRecord, record: JobRecord): boolean {
  const atMs = record.payloadsErasedAtMs;
  if (present.payloadsErasedAtMs !== undefined || atMs === undefined) return false;
  return JSON.stringify(eraseJob(present, atMs)) === JSON.stringify(record);
}

function edgeFrom(from: JobState | undefined, { type }: TrailEntry): JobState | undefined {
  const edge = edges.find((one) => ('from' in one ? one.from : undefined) === from && one.event === type);
  return edge?.to;
}

function outputOf(output: Payload | undefined, extras: StoreExtras): JobOutput | undefined {
  if (output === undefined) return undefined;
  if (output.kind === 'json') return JSON.parse(output.json) as JobOutput;
  if (output.kind !== 'ref') return undefined;
  const bytes = extras.payload(output.id, epochMs);
  return bytes === undefined ? undefined : (JSON.parse(Buffer.from(bytes).toString('utf8')) as JobOutput);
}

function inShort(record: JobRecord | undefined): string {
  return record === undefined ? 'nothing' : `${record.state}@${record.seq}`;
}
