/** A shard whose jobs become cold, and what must hold of it after each step of a property test. */
import { expect } from 'vitest';
import type { ShardCore } from '../../src/actors/shard/core/shard-core.ts';
import type { DispatchWindows } from '../../src/actors/shard/services/dispatch-windows.ts';
import type { WorkMessage } from '../../src/application/ports/bus.ts';
import { TroupeError } from '../../src/domain/errors.ts';
import { isTerminal, type JobRecord } from '../../src/domain/job.ts';
import type { JobId } from '../../src/domain/job-id.ts';
import { coldQueues, type ColdStep, type ColdSubmit } from './cold-steps.ts';
import { testSpec } from './jobs.ts';
import type { ShardHarness } from './shard-harness.ts';
import { WorkStream } from './work-stream.ts';

/** What a caller may be told at any time. */
const mayBeTold = new Set([
  'JOB_STATE_FORBIDS',
  'JOB_NOT_FOUND',
  'OVERLOADED',
  'SHARD_UNAVAILABLE',
  'STORE_UNAVAILABLE',
  'UNIQUE_KEY_TAKEN',
  'REPLACEMENT_PENDING',
  'BACKLOG_FULL',
  'OUTCOME_UNKNOWN',
]);
const told = (error: unknown): undefined => {
  if (!(error instanceof TroupeError) || !mayBeTold.has(error.code)) throw error;
  return undefined;
};

function toggle<T>(set: Set<T>, value: T): void {
  if (!set.delete(value)) set.add(value);
}

interface Run {
  readonly jobId: JobId;
  readonly token: string;
}

export class ColdCase extends WorkStream {
  readonly windows: DispatchWindows;
  readonly core: () => ShardCore;
  readonly jobs = new Set<JobId>();
  /** Which job each idempotency key has. */
  readonly keys = new Map<string, JobId>();
  /** The last terminal record that was seen. */
  readonly ends = new Map<JobId, string>();
  readonly open = new Set<Promise<unknown>>();
  runs: Run[] = [];
  /** Windows of other shards are in use, which makes all smaller. */
  othersInUse = 0;
  /** The latest date before the clock was set back. */
  wallMs = 0;
  trouble: Error | undefined;

  constructor(shard: ShardHarness, windows: DispatchWindows, core: () => ShardCore) {
    super(shard);
    this.windows = windows;
    this.core = core;
  }

  jobAt(at: number): JobId | undefined {
    return [...this.jobs][at % Math.max(1, this.jobs.size)];
  }

  async ask(asked: Promise<unknown>, waits: boolean): Promise<void> {
    const settled = asked.catch(told).catch((error: unknown) => {
      this.trouble ??= error instanceof Error ? error : new Error(String(error));
    });
    this.open.add(settled);
    void settled.then(() => this.open.delete(settled));
    if (waits) await this.shard.kit.advance(100);
  }

  async deliver(place: number): Promise<void> {
    const message = this.stream.get(place);
    if (message === undefined || this.shard.missing.has(message.need.handler)) return;
    const claimed = await this.claim(message, place);
    if (claimed !== undefined && claimed !== 'later') this.drop([place]);
  }

  async claim({ jobId, epoch, again }: WorkMessage, place: number): Promise<string | undefined> {
    const { kit } = this.shard;
    const claim = { jobId, epoch, node: 'n1', ackTo: `ack-${place}`, ...(again !== undefined && { again }) };
    let kind: string | undefined;
    const claimed = this.shard.send('claim', claim).then((result) => {
      kind = result.kind;
      if (result.kind !== 'granted') return;
      this.mayStart(jobId);
      this.runs.push({ jobId, token: result.token });
    });
    await this.ask(claimed, false);
    await kit.settle();
    return kind;
  }

  mayStart(jobId: JobId): void {
    const record = this.core().table.get(jobId)?.current;
    const { runAtMs } = record?.spec ?? {};
    if (record === undefined) throw new Error('the shard has started a job that it does not have');
    if (this.ends.has(jobId)) throw new Error('a job that had ended has started');
    const wallMs = Math.max(this.wallMs, this.shard.kit.clock.wallMs());
    if (runAtMs !== undefined && !this.rescheduled.has(jobId) && wallMs < runAtMs) throw new Error('started early');
  }

  readonly rescheduled = new Set<JobId>();

  saw(record: JobRecord): void {
    if (!isTerminal(record.state)) {
      if (this.ends.has(record.id)) this.trouble ??= new Error('a job lives again');
      return;
    }
    const end = `${record.state} ${record.seq}`;
    const before = this.ends.get(record.id);
    if (before !== undefined && before !== end) this.trouble ??= new Error(`two ends: ${before}, ${end}`);
    this.ends.set(record.id, end);
  }

  async submit({ count, spec, inMs, key }: ColdSubmit): Promise<void> {
    const { shard } = this;
    const queueNo = 1 + coldQueues.indexOf(spec.queue as 'q1');
    const runAt = inMs === undefined ? {} : { runAtMs: shard.kit.clock.wallMs() + inMs };
    for (let n = 0; n < count; n += 1) {
      const keyed = key === undefined ? {} : { keyHash: `${key}${n}`, contentHash: 'c' };
      const asked = shard.send('submit', { spec: testSpec({ ...spec, ...runAt, queueNo }), ...keyed });
      await this.ask(
        asked.then(({ record, duplicate }) => {
          this.jobs.add(record.id);
          this.saw(record);
          if (keyed.keyHash === undefined) return;
          const known = this.keys.get(keyed.keyHash);
          this.keys.set(keyed.keyHash, known ?? record.id);
          if (known !== undefined && known !== record.id)
            throw new Error(`key ${keyed.keyHash} has two jobs, ${duplicate}`);
        }),
        false,
      );
    }
    await shard.kit.advance(50);
  }

  async step(step: ColdStep): Promise<void> {
    const { shard } = this;
    switch (step.kind) {
      case 'submit':
        await this.submit(step);
        return;
      case 'rule':
        shard.setRule(step.queue, step.rule);
        return;
      case 'missing':
      case 'rare':
        toggle(shard[step.kind], step.handler);
        return;
      case 'deliver':
        for (const place of this.picked(step.at, step.count)) await this.deliver(place);
        return;
      case 'old claim': {
        const message = shard.work[step.at % Math.max(1, shard.work.length)];
        if (message !== undefined) await this.claim(message, -1);
        return;
      }
      case 'end': {
        const run = this.runs[step.at % Math.max(1, this.runs.length)];
        if (run === undefined) return;
        this.runs = this.runs.filter((one) => one !== run);
        await this.ask(shard.send('report', { ...run, outcome: step.outcome }), true);
        return;
      }
      case 'cancel':
      case 'get':
      case 'place':
      case 'readLog':
      case 'erase': {
        const jobId = this.jobAt(step.at);
        if (jobId === undefined) return;
        const item = { jobId, reason: '', seen: { attempt: 0, number: 0 } };
        const asked = shard.send(step.kind, item).then((answer) => {
          if (step.kind !== 'erase' && 'record' in answer) this.saw(answer.record);
        });
        await this.ask(asked, step.waits);
        return;
      }
      case 'reschedule': {
        const jobId = this.jobAt(step.at);
        if (jobId === undefined) return;
        this.rescheduled.add(jobId);
        const runAt = step.inMs === undefined ? {} : { runAtMs: shard.kit.clock.wallMs() + step.inMs };
        await this.ask(shard.send('reschedule', { jobId, ...runAt }), step.waits);
        return;
      }
      case 'reads':
        shard.reads = step.are;
        return;
      case 'key writes':
        shard.keyWrites = shard.keyWrites === 'up' ? 'down' : 'up';
        return;
      case 'keys':
        shard.keys = shard.keys === 'up' ? 'down' : 'up';
        return;
      case 'broker':
        shard.broker = shard.broker === 'up' ? 'down' : 'up';
        return;
      case 'lose':
        this.drop(this.picked(step.at, step.count));
        return;
      case 'wipe':
        this.drop(this.picked(0, Infinity));
        shard.replaceStreams();
        return;
      case 'fates':
        shard.fates.push(...step.fates);
        return;
      case 'restart':
        // Keys have to be written before the shard serves.
        shard.keyWrites = 'up';
        await shard.start();
        return;
      case 'windows':
        this.crowd(this.othersInUse === 0 ? 12 : 0);
        return;
      case 'tight':
        shard.memory.tight = step.is;
        return;
      case 'wall':
        this.wallMs = Math.max(this.wallMs, shard.kit.clock.wallMs());
        shard.kit.clock.stepWall(step.ms);
        return;
      case 'advance':
        await this.beat();
        await shard.kit.advance(step.ms);
    }
  }

  crowd(others: number): void {
    for (; this.othersInUse < others; this.othersInUse += 1) this.windows.opened();
    for (; this.othersInUse > others; this.othersInUse -= 1) this.windows.closed();
  }

  async beat(): Promise<void> {
    const runs = this.runs.map(({ jobId, token }) => ({ jobId, token }));
    if (runs.length > 0) await this.ask(this.shard.send('heartbeat', { node: 'n1', runs }), false);
  }

  /** What must hold whenever nothing is on its way to the store. */
  async check(): Promise<void> {
    const { core, shard } = this;
    if (this.trouble !== undefined) throw this.trouble;
    await shard.kit.settle();
    if (shard.fates.length > 0 || core().undurable > core().keys.backlog) return;
    const { table } = core();
    const counts: Record<string, number> = {};
    const uniques = new Map<string, JobId>();
    for (const id of this.jobs) {
      const record = await shard.store.jobs.findJob(id);
      if (record === undefined) throw new Error(`lost ${id}`);
      this.saw(record);
      if (isTerminal(record.state)) {
        expect([id, table.get(id)?.current.state, table.cold.find(id)]).toEqual([id, undefined, undefined]);
        continue;
      }
      counts[record.state] = (counts[record.state] ?? 0) + 1;
      const entry = table.get(id);
      const slot = table.cold.find(id);
      if ((entry === undefined) === (slot === undefined)) throw new Error(`${id} is in two places or none`);
      if (slot !== undefined) expect(table.cold.stateOf(slot)).toBe(record.state);
      else expect(entry?.current.state).toBe(record.state);
      const { unique } = record.spec;
      if (unique === undefined) continue;
      const name = unique.key;
      if (uniques.has(name)) throw new Error(`unique key ${name} has two jobs`);
      uniques.set(name, id);
    }
    const states = new Set(['SCHEDULED', 'RETRYING']);
    const warmLater = [...table.entries()].filter(({ current }) => states.has(current.state));
    expect(new Set(table.later())).toEqual(new Set(warmLater));
    if (this.open.size > 0) return;
    const known = Object.fromEntries(Object.entries(table.counts).filter(([, count]) => count > 0));
    expect(known).toEqual(counts);
    let [waiting, later, running] = [0, 0, 0];
    for (const index of table.queues.all()) {
      const sum = index.waitingCounts.reduce((all, one) => all + one, 0);
      expect(index.waitingCount).toBe(sum);
      waiting += sum;
      later += index.laterCount;
      running += index.runningCount;
    }
    expect([waiting, later, running]).toEqual([
      counts['QUEUED'] ?? 0,
      (counts['SCHEDULED'] ?? 0) + (counts['RETRYING'] ?? 0),
      (counts['RUNNING'] ?? 0) + (counts['CANCELLING'] ?? 0),
    ]);
    const unfinished = coldQueues.map((_, n) => table.unfinished.ofQueue(n + 1));
    const sum = JSON.stringify(unfinished)
      .match(/\d+/g)
      ?.reduce((all, one) => all + Number(one), 0);
    expect(sum).toBe(waiting + later + running);
  }

  async allIsWell(): Promise<void> {
    const { shard } = this;
    [shard.broker, shard.reads, shard.keyWrites, shard.keys] = ['up', 'up', 'up', 'up'];
    shard.missing.clear();
    shard.fates.length = 0;
    this.crowd(0);
    for (const queue of coldQueues) shard.setRule(queue, {});
    for (let turn = 0; turn < 400; turn += 1) {
      for (const place of this.picked(0, Infinity)) await this.deliver(place);
      for (const run of this.runs.splice(0))
        await this.ask(shard.send('report', { ...run, outcome: { kind: 'succeeded' } }), false);
      await shard.kit.advance(500);
      if (turn % 20 === 19 && this.core().table.size === 0 && this.open.size === 0) return;
    }
  }

  async unfinished(): Promise<readonly string[]> {
    const found = await Promise.all([...this.jobs].map((jobId) => this.shard.store.jobs.findJob(jobId)));
    return found.flatMap((record) => (record === undefined || isTerminal(record.state) ? [] : [record.state]));
  }
}
