/**
 * Jobs of one level that differ in nothing that could hold one of them back alone are sent in the order in which they
 * came, whatever nodes come and go, whatever limits change, and whatever other jobs do.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { DispatchWindows } from '../../../../../src/actors/shard/services/dispatch-windows.ts';
import type { FlowRule } from '../../../../../src/domain/flow-rule.ts';
import type { JobSpec } from '../../../../../src/domain/job.ts';
import type { JobId } from '../../../../../src/domain/job-id.ts';
import { testSpec } from '../../../../support/jobs.ts';
import { createShardHarness, type ShardHarness } from '../../../../support/shard-harness.ts';

const handlers = ['test.echo', 'other.work'] as const;
const versions = ['1', '2'] as const;
const keys = ['k', 'l'] as const;

const rule: fc.Arbitrary<FlowRule> = fc.oneof(
  fc.constant({}),
  fc.constant({ paused: true }),
  fc.record({ maxRunning: fc.integer({ min: 1, max: 9 }) }),
  fc.record({ maxRunning: fc.integer({ min: 1, max: 9 }), maxRunningPerKey: fc.integer({ min: 1, max: 3 }) }),
  fc.record({ maxRunningPerKey: fc.integer({ min: 1, max: 3 }) }),
);
const spec: fc.Arbitrary<Partial<JobSpec>> = fc.record(
  {
    handler: fc.constantFrom(...handlers),
    handlerVersion: fc.constantFrom(...versions),
    concurrencyKey: fc.constantFrom(...keys),
  },
  { requiredKeys: ['handler'] },
);
const at = fc.nat(1_000);
const step = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('submit'), count: fc.integer({ min: 1, max: 9 }), spec }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('rule'), rule }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('missing'), name: fc.constantFrom(...handlers) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('rare'), name: fc.constantFrom(...handlers) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('spread'), name: fc.constantFrom(...versions) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('silent'), name: fc.constantFrom(...keys) }) },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('claim'), count: fc.integer({ min: 1, max: 6 }) }) },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('end'), at }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('cancel'), at }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('advance'), ms: fc.constantFrom(1, 300, 1_100, 3_000) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

function toggle(set: Set<string>, value: string): void {
  if (!set.delete(value)) set.add(value);
}

class Case {
  readonly shard: ShardHarness;
  /** The jobs of each kind, in the order in which they came. */
  readonly kinds = new Map<string, JobId[]>();
  readonly cancelled = new Set<JobId>();
  #read = 0;
  #runs: { readonly jobId: JobId; readonly token: string }[] = [];

  constructor(shard: ShardHarness) {
    this.shard = shard;
  }

  async step(step: Step): Promise<void> {
    const { shard } = this;
    switch (step.kind) {
      case 'submit': {
        const items = Array.from({ length: step.count }, () => ({ spec: testSpec(step.spec) }));
        const results = await shard.kit.outcome(shard.sendAll('submit', items), 1_000);
        const { handler, handlerVersion, concurrencyKey } = step.spec;
        const kind = [handler, handlerVersion, concurrencyKey].join(' ');
        this.kinds.set(kind, [...(this.kinds.get(kind) ?? []), ...results.map(({ record }) => record.id)]);
        return;
      }
      case 'rule':
        shard.setRule('default', step.rule);
        return;
      case 'missing':
      case 'rare':
      case 'spread':
        toggle(shard[step.kind], step.name);
        return;
      case 'silent':
        toggle(shard.silentKeys, step.name);
        return;
      case 'claim':
        for (const { jobId, epoch, again = 0 } of shard.work.slice(this.#read, this.#read + step.count)) {
          this.#read += 1;
          const claimed = await shard.call('claim', { jobId, epoch, again, node: 'n1', ackTo: 'ack' });
          if (claimed.kind === 'granted') this.#runs.push({ jobId, token: claimed.token });
        }
        return;
      case 'end': {
        const [run] = this.#runs.splice(step.at % Math.max(1, this.#runs.length), 1);
        if (run !== undefined) await shard.call('report', { ...run, outcome: { kind: 'succeeded' } });
        return;
      }
      case 'cancel': {
        const jobs = [...this.kinds.values()].flat();
        const jobId = jobs[step.at % Math.max(1, jobs.length)];
        if (jobId === undefined || this.#runs.some((run) => run.jobId === jobId)) return;
        await shard.call('cancel', { jobId, reason: '' }).catch(() => undefined);
        this.cancelled.add(jobId);
        return;
      }
      case 'advance':
        if (this.#runs.length > 0) await shard.call('heartbeat', { node: 'n1', runs: this.#runs });
        await shard.kit.advance(step.ms);
    }
  }

  /** The jobs of each kind that were not cancelled, in the order of their first messages. */
  check(): void {
    const sent = new Set(this.shard.work.map(({ jobId }) => jobId));
    for (const [kind, jobs] of this.kinds) {
      const came = jobs.filter((id) => !this.cancelled.has(id));
      const inTurn = [...sent].filter((id) => came.includes(id));
      expect({ kind, jobs: inTurn.map((id) => came.indexOf(id)) }).toEqual({ kind, jobs: [...inTurn.keys()] });
    }
  }
}

it.each([
  ['every record in memory', Infinity],
  ['only the records of the next jobs in memory', 0],
])('jobs that are alike are sent in the order in which they came, with %s', async (_name, memoryTightBytes) => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60 }), async (steps) => {
      const windows = new DispatchWindows({ floor: { most: 4, least: 4 }, outMax: 1_000, most: 4 });
      const shard = await createShardHarness({ dispatchWindows: windows, backlogMax: 5_000, memoryTightBytes });
      try {
        await shard.start();
        const one = new Case(shard);
        for (const each of steps) {
          await one.step(each);
          one.check();
        }
      } finally {
        await shard.close();
      }
    }),
    { numRuns: 40 },
  );
});
