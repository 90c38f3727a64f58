/** What may happen to a shard whose jobs become cold, for property tests. */
import fc from 'fast-check';
import type { AttemptOutcome } from '../../src/domain/attempt-outcome.ts';
import type { FlowRule } from '../../src/domain/flow-rule.ts';
import type { JobSpec, UniqueConflict } from '../../src/domain/job.ts';
import { type Priority, priorities } from '../../src/domain/priority.ts';
import type { ShardHarness } from './shard-harness.ts';
import { anyRule, failedAttempt } from './work-stream.ts';

export const coldQueues = ['q1', 'q2'] as const;
const names = ['k', 'toString', '__proto__'] as const;
const needs = ['test.echo', 'other.work'] as const;
const farMs = [500, 5_000, 15_000, 60_000] as const;

export interface ColdSubmit {
  readonly kind: 'submit';
  readonly count: number;
  readonly spec: Partial<JobSpec>;
  readonly inMs: number | undefined;
  readonly key: string | undefined;
}

export type ColdStep =
  | ColdSubmit
  | { readonly kind: 'rule'; readonly queue: string; readonly rule: FlowRule }
  | { readonly kind: 'missing' | 'rare'; readonly handler: string }
  | { readonly kind: 'deliver'; readonly at: number; readonly count: number }
  | { readonly kind: 'old claim'; readonly at: number }
  | { readonly kind: 'end'; readonly at: number; readonly outcome: AttemptOutcome }
  | { readonly kind: 'cancel' | 'get' | 'place' | 'readLog' | 'erase'; readonly at: number; readonly waits: boolean }
  | { readonly kind: 'reschedule'; readonly at: number; readonly inMs: number | undefined; readonly waits: boolean }
  | { readonly kind: 'reads'; readonly are: 'up' | 'down' | 'slow' }
  | { readonly kind: 'key writes' | 'keys' | 'broker' | 'restart' | 'wipe' }
  | { readonly kind: 'fates'; readonly fates: ShardHarness['fates'] }
  | { readonly kind: 'lose'; readonly at: number; readonly count: number }
  | { readonly kind: 'tight'; readonly is: boolean }
  | { readonly kind: 'windows' }
  | { readonly kind: 'wall'; readonly ms: number }
  | { readonly kind: 'advance'; readonly ms: number };

const at = fc.nat(1_000);
const waits = fc.boolean();
const spec: fc.Arbitrary<Partial<JobSpec>> = fc.record(
  {
    queue: fc.constantFrom(...coldQueues),
    priority: fc.constantFrom<Priority>(...priorities),
    handler: fc.constantFrom(...needs),
    concurrencyKey: fc.constantFrom(...names),
    fairnessKey: fc.constantFrom('a', 'constructor', '__proto__'),
    queueTimeoutMs: fc.constantFrom(...farMs),
    totalTimeoutMs: fc.constantFrom(...farMs),
    retry: fc.constantFrom(
      { maxAttempts: 3, initialMs: 30_000, coefficient: 2, maxMs: 60_000 },
      { maxAttempts: 3, initialMs: 500, coefficient: 1, maxMs: 500 },
    ),
    unique: fc.record(
      {
        key: fc.constantFrom(...names),
        onConflict: fc.constantFrom<UniqueConflict>('reject', 'return-existing', 'replace-waiting', 'replace'),
        windowMs: fc.constant(20_000),
      },
      { requiredKeys: ['key', 'onConflict'] },
    ),
  },
  { requiredKeys: ['queue', 'handler'] },
);
const maybe = <T>(one: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.oneof({ weight: 3, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: one });
export const coldStep: fc.Arbitrary<ColdStep> = fc.oneof(
  {
    weight: 18,
    arbitrary: fc.record({
      kind: fc.constant('submit'),
      count: fc.integer({ min: 1, max: 25 }),
      spec,
      inMs: maybe(fc.constantFrom(...farMs)),
      key: maybe(fc.constantFrom('a', 'b', 'c', '__proto__')),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('rule'), queue: fc.constantFrom(...coldQueues), rule: anyRule }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constantFrom('missing', 'rare'), handler: fc.constantFrom(...needs) }),
  },
  { weight: 18, arbitrary: fc.record({ kind: fc.constant('deliver'), at, count: fc.integer({ min: 1, max: 8 }) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('old claim'), at }) },
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constant('end'),
      at,
      outcome: fc.constantFrom<AttemptOutcome>({ kind: 'succeeded' }, { kind: 'released' }, failedAttempt),
    }),
  },
  {
    weight: 10,
    arbitrary: fc.record({ kind: fc.constantFrom('cancel', 'get', 'place', 'readLog', 'erase'), at, waits }),
  },
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant('reschedule'), at, inMs: maybe(fc.constantFrom(...farMs)), waits }),
  },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('reads'), are: fc.constantFrom('up', 'down', 'slow') }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constantFrom('key writes', 'keys', 'broker', 'restart', 'wipe') }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('fates'),
      fates: fc.array(fc.constantFrom('ok', 'done-but-unknown', 'lost-and-unknown', 'unavailable'), { maxLength: 4 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('lose'), at, count: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('tight'), is: fc.boolean() }) },
  { weight: 3, arbitrary: fc.constant({ kind: 'windows' }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('wall'), ms: fc.constantFrom(-3_000, 3_000) }) },
  {
    weight: 14,
    arbitrary: fc.record({ kind: fc.constant('advance'), ms: fc.constantFrom(1, 50, 600, 3_000, 12_000) }),
  },
);
