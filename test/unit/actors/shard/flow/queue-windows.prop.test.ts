/**
 * Whatever happens to jobs, messages, rules, nodes and owners: limits hold, no window stays taken, and when all is well
 * again every job runs to its end.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { DispatchWindows } from '../../../../../src/actors/shard/services/dispatch-windows.ts';
import type { AttemptOutcome } from '../../../../../src/domain/attempt-outcome.ts';
import type { FlowRule } from '../../../../../src/domain/flow-rule.ts';
import { TroupeError } from '../../../../../src/domain/errors.ts';
import { isTerminal, type JobSpec } from '../../../../../src/domain/job.ts';
import type { JobId } from '../../../../../src/domain/job-id.ts';
import { type Priority, priorities } from '../../../../../src/domain/priority.ts';
import { testSpec } from '../../../../support/jobs.ts';
import { createShardHarness } from '../../../../support/shard-harness.ts';
import { anyRule, failedAttempt, WorkStream } from '../../../../support/work-stream.ts';

const queues = ['q1', 'q2'] as const;
const someKeys = ['k', 'toString', '__proto__'] as const;
const someVersions = ['1', '2'] as const;
const someNeeds = ['test.echo', 'other.work'] as const;

type Step =
  | { readonly kind: 'submit'; readonly count: number; readonly spec: Partial<JobSpec> }
  | { readonly kind: 'rule'; readonly queue: string; readonly rule: FlowRule }
  | { readonly kind: 'missing'; readonly handler: string }
  | { readonly kind: 'rare'; readonly handler: string }
  | { readonly kind: 'spread'; readonly version: string }
  | { readonly kind: 'silent'; readonly key: string }
  | { readonly kind: 'lease' }
  | { readonly kind: 'deliver'; readonly at: number; readonly count: number }
  | { readonly kind: 'end'; readonly at: number; readonly outcome: AttemptOutcome }
  | { readonly kind: 'cancel'; readonly at: number }
  | { readonly kind: 'broker' }
  | { readonly kind: 'lose'; readonly at: number; readonly count: number }
  | { readonly kind: 'wipe' }
  | { readonly kind: 'doubt' }
  | { readonly kind: 'restart' }
  | { readonly kind: 'advance'; readonly ms: number };

const at = fc.nat(1_000);
const spec: fc.Arbitrary<Partial<JobSpec>> = fc.record(
  {
    queue: fc.constantFrom(...queues),
    priority: fc.constantFrom<Priority>(...priorities),
    handler: fc.constantFrom(...someNeeds),
    handlerVersion: fc.constantFrom(...someVersions),
    concurrencyKey: fc.constantFrom(...someKeys),
    fairnessKey: fc.constantFrom('a', 'b', 'constructor', '__proto__'),
  },
  { requiredKeys: ['queue', 'handler'] },
);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ kind: fc.constant('submit'), count: fc.integer({ min: 1, max: 12 }), spec }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('rule'), queue: fc.constantFrom(...queues), rule: anyRule }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('missing'), handler: fc.constantFrom(...someNeeds) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('rare'), handler: fc.constantFrom(...someNeeds) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('spread'), version: fc.constantFrom(...someVersions) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('silent'), key: fc.constantFrom(...someKeys) }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'lease' }) },
  { weight: 18, arbitrary: fc.record({ kind: fc.constant('deliver'), at, count: fc.integer({ min: 1, max: 8 }) }) },
  {
    weight: 15,
    arbitrary: fc.record({
      kind: fc.constant('end'),
      at,
      outcome: fc.constantFrom<AttemptOutcome>({ kind: 'succeeded' }, { kind: 'released' }, failedAttempt),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('cancel'), at }) },
  { weight: 3, arbitrary: fc.constant({ kind: 'broker' }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('lose'), at, count: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'wipe' }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'doubt' }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'restart' }) },
  { weight: 9, arbitrary: fc.record({ kind: fc.constant('advance'), ms: fc.constantFrom(1, 50, 600, 3_000) }) },
);

const unlessEnded = (error: unknown): void => {
  if (!(error instanceof TroupeError) || error.code !== 'JOB_STATE_FORBIDS') throw error;
};

const unlessUnsure = (error: unknown): false => {
  if (!(error instanceof TroupeError) || error.code !== 'SHARD_UNAVAILABLE') throw error;
  return false;
};

function toggle<T>(set: Set<T>, value: T): void {
  if (!set.delete(value)) set.add(value);
}

interface Run {
  readonly jobId: JobId;
  readonly token: string;
}

class Case extends WorkStream {
  readonly jobs: JobId[] = [];
  runs: Run[] = [];

  async deliver(place: number): Promise<void> {
    const message = this.stream.get(place);
    if (message === undefined || this.shard.missing.has(message.need.handler)) return;
    const { jobId, epoch, again } = message;
    const claim = { jobId, epoch, node: 'n1', ackTo: `ack-${place}`, ...(again !== undefined && { again }) };
    const claimed = await this.shard.call('claim', claim);
    if (claimed.kind === 'later') return;
    this.drop([place]);
    if (claimed.kind === 'granted') this.runs.push({ jobId, token: claimed.token });
  }

  /** A node whose report an unsure owner does not judge keeps it, and reports again. */
  async end(run: Run, outcome: AttemptOutcome): Promise<void> {
    const isTaken = await this.shard.call('report', { ...run, outcome }).then(() => true, unlessUnsure);
    if (isTaken) this.runs = this.runs.filter((one) => one !== run);
  }

  async beat(): Promise<void> {
    const runs = this.runs.map(({ jobId, token }) => ({ jobId, token }));
    if (runs.length > 0) await this.shard.call('heartbeat', { node: 'n1', runs }).catch(() => undefined);
  }

  async step(step: Step): Promise<void> {
    const { shard } = this;
    switch (step.kind) {
      case 'submit': {
        const queueNo = 1 + queues.indexOf(step.spec.queue as 'q1');
        const items = Array.from({ length: step.count }, () => ({ spec: testSpec({ ...step.spec, queueNo }) }));
        const answers = await shard.kit.outcome(shard.sendAll('submit', items), 1_000);
        this.jobs.push(...answers.map(({ record }) => record.id));
        return;
      }
      case 'rule':
        shard.setRule(step.queue, step.rule);
        return;
      case 'missing':
        toggle(shard.missing, step.handler);
        return;
      case 'rare':
        toggle(shard.rare, step.handler);
        return;
      case 'spread':
        toggle(shard.spread, step.version);
        return;
      case 'silent':
        toggle(shard.silentKeys, step.key);
        return;
      case 'lease':
        shard.lease = !shard.lease;
        return;
      case 'deliver':
        for (const place of this.picked(step.at, step.count)) await this.deliver(place);
        return;
      case 'end': {
        const run = this.runs[step.at % Math.max(1, this.runs.length)];
        if (run !== undefined) await this.end(run, step.outcome);
        return;
      }
      case 'cancel': {
        const jobId = this.jobs[step.at % Math.max(1, this.jobs.length)];
        if (jobId !== undefined) await shard.call('cancel', { jobId, reason: '' }).catch(unlessEnded);
        return;
      }
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
      case 'doubt':
        shard.doubt();
        return;
      case 'restart':
        await shard.start();
        return;
      case 'advance':
        await this.beat();
        await shard.kit.advance(step.ms);
    }
  }

  /** Some node has every handler, every home answers, no queue has a limit, NATS is up, and the node takes and ends all that it gets. */
  async allIsWell(): Promise<void> {
    const { shard } = this;
    shard.broker = 'up';
    shard.lease = true;
    shard.silentKeys.clear();
    shard.missing.clear();
    for (const queue of queues) shard.setRule(queue, {});
    for (let turn = 0; turn < 300; turn += 1) {
      for (const place of this.picked(0, Infinity)) await this.deliver(place);
      for (const run of [...this.runs]) await this.end(run, { kind: 'succeeded' });
      await shard.kit.advance(500);
      if (turn % 20 === 19 && (await this.open()).length === 0) return;
    }
  }

  async open(): Promise<readonly string[]> {
    const found = await Promise.all(this.jobs.map((jobId) => this.shard.call('get', { jobId }).catch(() => undefined)));
    return found.flatMap((view) => (view === undefined || isTerminal(view.record.state) ? [] : [view.record.state]));
  }
}

it.each([
  ['every record in memory', Infinity],
  ['only the records of the next jobs in memory', 0],
])('no job is forgotten, and no window stays taken, with %s', async (_name, memoryTightBytes) => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 80 }), async (steps) => {
      const windows = new DispatchWindows({ floor: { most: 4, least: 1 }, outMax: 12, most: 6 });
      const shard = await createShardHarness({ dispatchWindows: windows, backlogMax: 5_000, memoryTightBytes });
      try {
        await shard.start();
        const one = new Case(shard);
        for (const each of steps) {
          await one.step(each);
          expect(windows.inUse).toBeGreaterThanOrEqual(0);
        }
        await one.allIsWell();
        expect(await one.open()).toEqual([]);
        expect(windows.inUse).toBe(0);
      } finally {
        await shard.close();
      }
    }),
    { numRuns: 30 },
  );
});
