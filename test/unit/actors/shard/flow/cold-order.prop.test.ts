/**
 * That jobs become cold and are loaded again changes nothing of the order in which they are sent. Limits with a home are
 * left out: which job is the next then depends on when the home answers.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { DispatchWindows } from '../../../../../src/actors/shard/services/dispatch-windows.ts';
import type { WorkMessage } from '../../../../../src/application/ports/bus.ts';
import type { AttemptOutcome } from '../../../../../src/domain/attempt-outcome.ts';
import type { FlowRule } from '../../../../../src/domain/flow-rule.ts';
import type { JobSpec } from '../../../../../src/domain/job.ts';
import type { JobId } from '../../../../../src/domain/job-id.ts';
import type { Priority } from '../../../../../src/domain/priority.ts';
import { testSpec } from '../../../../support/jobs.ts';
import { createShardHarness } from '../../../../support/shard-harness.ts';

const at = fc.nat(1_000);
const spec: fc.Arbitrary<Partial<JobSpec>> = fc.record(
  {
    priority: fc.constantFrom<Priority>(0, 3),
    fairnessKey: fc.constantFrom('a', '__proto__'),
  },
  { requiredKeys: [] },
);
const rule: fc.Arbitrary<FlowRule> = fc.oneof(
  fc.constant({}),
  fc.constant({ paused: true }),
  fc.constant({ fairnessWeights: { a: 3 } }),
);
const outcomes = {
  succeeded: { kind: 'succeeded' },
  released: { kind: 'released' },
  failed: { kind: 'failed', retryable: true, failure: { reason: 'HANDLER_FAILED', message: 'no' } },
} as const satisfies Record<string, AttemptOutcome>;
const step = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('submit'), count: fc.integer({ min: 10, max: 60 }), spec }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('rule'), rule }) },
  { weight: 16, arbitrary: fc.record({ kind: fc.constant('run'), count: fc.integer({ min: 1, max: 40 }) }) },
  { weight: 9, arbitrary: fc.record({ kind: fc.constant('claim'), count: fc.integer({ min: 1, max: 6 }) }) },
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('end'), at, as: fc.constantFrom('succeeded', 'released', 'failed') }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('cancel', 'touch'), at }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('advance'), ms: fc.constantFrom(1, 1_100, 3_000) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** The jobs, by the order of their submits, in the order of their messages. */
async function sentBy(steps: readonly Step[], isTight: boolean): Promise<readonly number[]> {
  const windows = new DispatchWindows({ floor: { most: 2, least: 2 }, outMax: 1_000, most: 2 });
  const shard = await createShardHarness({ dispatchWindows: windows, backlogMax: 5_000 });
  try {
    shard.memory.tight = isTight;
    await shard.start();
    const jobs: JobId[] = [];
    const runs: { readonly jobId: JobId; readonly token: string }[] = [];
    const later: WorkMessage[] = [];
    let read = 0;
    for (const one of steps) {
      if (one.kind === 'submit') {
        const items = Array.from({ length: one.count }, () => ({ spec: testSpec(one.spec) }));
        const results = await shard.kit.outcome(shard.sendAll('submit', items), 1_000);
        jobs.push(...results.map(({ record }) => record.id));
      } else if (one.kind === 'rule') shard.setRule('default', one.rule);
      else if (one.kind === 'claim' || one.kind === 'run') {
        for (let left = one.count; left > 0; left -= 1) {
          const message = later.shift() ?? shard.work[read++];
          if (message === undefined) break;
          const { jobId, epoch, again = 0 } = message;
          const claimed = await shard.call('claim', { jobId, epoch, again, node: 'n1', ackTo: 'ack' });
          if (claimed.kind === 'later') later.push(message);
          if (claimed.kind !== 'granted') continue;
          const run = { jobId, token: claimed.token };
          if (one.kind === 'claim') runs.push(run);
          else await shard.call('report', { ...run, outcome: outcomes.succeeded });
        }
        read = Math.min(read, shard.work.length);
      } else if (one.kind === 'end') {
        const [run] = runs.splice(one.at % Math.max(1, runs.length), 1);
        if (run !== undefined) await shard.call('report', { ...run, outcome: outcomes[one.as] });
      } else if (one.kind === 'advance') {
        if (runs.length > 0) await shard.call('heartbeat', { node: 'n1', runs });
        await shard.kit.advance(one.ms);
      } else {
        const jobId = jobs[one.at % Math.max(1, jobs.length)];
        if (jobId === undefined || runs.some((run) => run.jobId === jobId)) continue;
        const verb = one.kind === 'cancel' ? 'cancel' : 'reschedule';
        await shard.call(verb, { jobId, reason: '' }).catch(() => undefined);
      }
      await shard.kit.settle();
    }
    return shard.work.map(({ jobId }) => jobs.indexOf(jobId));
  } finally {
    await shard.close();
  }
}

it('jobs are sent in the same order whether they were cold or not', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 40 }), async (steps) => {
      expect(await sentBy(steps, true)).toEqual(await sentBy(steps, false));
    }),
    { numRuns: 20 },
  );
}, 300_000);
