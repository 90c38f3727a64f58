// Declared queues beside present ones: applying makes them the same, whatever both were.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyQueues, plansOf } from '../../../src/client/apply-queues.ts';
import { TroupeClientError } from '../../../src/client/client-error.ts';
import type { QueueInfo, QueueSettingsInfo, QueueSettingsInput } from '../../../src/client/job-types.ts';
import { type DeclaredQueues, planQueues } from '../../../src/client/queue-plan.ts';
import type { QueuesClient } from '../../../src/client/queues-client.ts';
import { defaultQueueSettings } from '../../../src/domain/queue.ts';

/** Null for what is to be none, absent for what stays: as the gateway merges. */
function merged(present: QueueSettingsInfo, input: QueueSettingsInput): QueueSettingsInfo {
  const limit = <T>(value: T | null | undefined, former: T | undefined) =>
    value === undefined ? former : (value ?? undefined);
  const retentionMs = input.retentionMs ?? present.retentionMs;
  const retry = { ...present.retry, ...input.retry };
  const isCapped = input.retry?.maxDelayMs !== undefined && input.retry.initialDelayMs === undefined;
  const flow = input.flow ?? {};
  const { perSecond = 0, burst } =
    limit<{ readonly perSecond: number; readonly burst?: number }>(flow.rate, present.flow.rate) ?? {};
  const heartbeatTimeoutMs = limit(input.heartbeatTimeoutMs, present.heartbeatTimeoutMs);
  const [maxDepth, maxBytes] = [limit(input.maxDepth, present.maxDepth), limit(input.maxBytes, present.maxBytes)];
  const maxRunning = limit(flow.maxRunning, present.flow.maxRunning);
  const maxRunningPerKey = limit(flow.maxRunningPerKey, present.flow.maxRunningPerKey);
  const weights = Object.entries(flow.fairnessWeights ?? present.flow.fairnessWeights);
  return {
    executionTimeoutMs: input.executionTimeoutMs ?? present.executionTimeoutMs,
    retentionMs,
    payloadRetentionMs: input.payloadRetentionMs ?? retentionMs,
    retry: {
      ...retry,
      ...(isCapped && { initialDelayMs: Math.min(retry.initialDelayMs, retry.maxDelayMs) }),
      ...(!isCapped && { maxDelayMs: Math.max(retry.maxDelayMs, retry.initialDelayMs) }),
    },
    ...(heartbeatTimeoutMs !== undefined && { heartbeatTimeoutMs }),
    ...(maxDepth !== undefined && { maxDepth }),
    ...(maxBytes !== undefined && { maxBytes }),
    publishedEvents: input.publishedEvents ?? present.publishedEvents,
    flow: {
      paused: flow.paused ?? present.flow.paused,
      ...(maxRunning !== undefined && { maxRunning }),
      ...(maxRunningPerKey !== undefined && { maxRunningPerKey }),
      ...(perSecond > 0 && { rate: { perSecond, burst: burst ?? Math.max(1, Math.ceil(perSecond)) } }),
      fairnessWeights: Object.fromEntries(weights.filter(([, weight]) => weight > 1)),
    },
  };
}

const { initialMs, maxMs, ...retryParts } = defaultQueueSettings.retry;
const blank: QueueSettingsInfo = {
  ...defaultQueueSettings,
  retry: { ...retryParts, initialDelayMs: initialMs, maxDelayMs: maxMs },
  payloadRetentionMs: defaultQueueSettings.retentionMs,
  flow: { paused: false, fairnessWeights: {} },
  publishedEvents: 'all',
};

class MemoryQueues implements Pick<QueuesClient, 'create' | 'get' | 'list' | 'update' | 'delete'> {
  readonly rows = new Map<string, QueueInfo>();
  readonly calls: string[] = [];
  /** Before each change. */
  before: (name: string) => void = () => undefined;

  put(name: string, settings: QueueSettingsInfo): QueueInfo {
    const version = (this.rows.get(name)?.version ?? 0) + 1;
    const at = new Date(0);
    const queue = { name, settings, version, createdAt: at, updatedAt: at, quarantines: [] };
    this.rows.set(name, queue);
    return queue;
  }

  async *list(): AsyncGenerator<QueueInfo, void> {
    yield* [...this.rows.values()];
  }

  async get(name: string): Promise<QueueInfo> {
    return this.#present(name);
  }

  async create(name: string, settings: QueueSettingsInput = {}): Promise<QueueInfo> {
    this.#change('create', name);
    if (this.rows.has(name)) throw failure('QUEUE_EXISTS');
    return this.put(name, merged(blank, settings));
  }

  async update(name: string, version: number, settings: QueueSettingsInput): Promise<QueueInfo> {
    this.#change('update', name);
    const present = this.#present(name);
    if (present.version !== version) throw failure('QUEUE_VERSION_CONFLICT');
    return this.put(name, merged(present.settings, settings));
  }

  async delete(name: string): Promise<void> {
    this.#change('delete', name);
    this.#present(name);
    this.rows.delete(name);
  }

  #change(call: string, name: string): void {
    this.before(name);
    this.calls.push(`${call} ${name}`);
  }

  #present(name: string): QueueInfo {
    const queue = this.rows.get(name);
    if (queue === undefined) throw failure('QUEUE_NOT_FOUND');
    return queue;
  }
}

function failure(code: 'QUEUE_EXISTS' | 'QUEUE_VERSION_CONFLICT' | 'QUEUE_NOT_FOUND'): TroupeClientError {
  return new TroupeClientError({ code, message: code, status: 'ABORTED', retryable: false, outcome: 'none' });
}

async function apply(queues: MemoryQueues, declared: DeclaredQueues, prune = false): Promise<string[]> {
  const done: string[] = [];
  for await (const step of applyQueues(queues as unknown as QueuesClient, declared, { prune })) {
    done.push(`${step.name} ${step.done}`);
  }
  return done;
}

const count = (max: number) => fc.integer({ min: 1, max });
const limit = (max: number) => fc.option(count(max));
const settings: fc.Arbitrary<QueueSettingsInput> = fc.record(
  {
    executionTimeoutMs: fc.integer({ min: 10_000, max: 600_000 }),
    heartbeatTimeoutMs: fc.constantFrom(null, 1_000, 9_000),
    retentionMs: fc.integer({ min: 3_600_000, max: 7_200_000 }),
    payloadRetentionMs: fc.constantFrom(60_000, 3_600_000),
    maxDepth: limit(5),
    maxBytes: limit(5),
    publishedEvents: fc.constantFrom('all', 'ends'),
    retry: fc
      .record(
        {
          maxAttempts: fc.integer({ min: 1, max: 100 }),
          initialDelayMs: fc.integer({ min: 1, max: 100_000 }),
          maxDelayMs: fc.integer({ min: 1, max: 100_000 }),
          coefficient: fc.constantFrom(1, 2, 3),
          nonRetryableCodes: fc.subarray(['A', 'B', 'C']),
        },
        { requiredKeys: [] },
      )
      .filter(({ initialDelayMs = 0, maxDelayMs = Infinity }) => initialDelayMs <= maxDelayMs),
    flow: fc.record(
      {
        paused: fc.boolean(),
        maxRunning: limit(3),
        maxRunningPerKey: limit(3),
        rate: fc.record(
          { perSecond: fc.constantFrom(0.5, 1, 10), burst: fc.constantFrom(1, 20) },
          { requiredKeys: ['perSecond'] },
        ),
        fairnessWeights: fc.dictionary(fc.constantFrom('gold', 'silver'), count(3)),
      },
      { requiredKeys: [] },
    ),
  },
  { requiredKeys: [] },
);
const queueSet = fc
  .dictionary(fc.constantFrom('a', 'b', 'c', 'default'), settings)
  .map((queues) => new Map(Object.entries(queues)));

describe('declared queues', () => {
  it('differ from nothing once they are applied, and a second time nothing is done', async () => {
    await fc.assert(
      fc.asyncProperty(queueSet, queueSet, fc.boolean(), async (former, declared, prune) => {
        const queues = new MemoryQueues();
        await apply(queues, former);
        await apply(queues, declared, prune);
        const kinds = (await plansOf(queues as unknown as QueuesClient, declared)).map(({ name, kind }) => ({
          name,
          kind,
        }));
        for (const { name, kind } of kinds) {
          expect(kind).toBe(declared.has(name) ? 'unchanged' : 'undeclared');
          if (prune && kind === 'undeclared') expect(name).toBe('default');
        }
        expect(kinds.map(({ name }) => name)).toEqual(expect.arrayContaining([...declared.keys()]));
        queues.calls.length = 0;
        await apply(queues, declared, prune);
        expect(queues.calls).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });

  it('may be stopped anywhere: the next time does the rest', async () => {
    await fc.assert(
      fc.asyncProperty(queueSet, queueSet, fc.nat(4), async (former, declared, stopAt) => {
        const queues = new MemoryQueues();
        await apply(queues, former);
        let steps = 0;
        for await (const _step of applyQueues(queues as unknown as QueuesClient, declared, { prune: true })) {
          steps += 1;
          if (steps > stopAt) break;
        }
        await apply(queues, declared, true);
        const left = await plansOf(queues as unknown as QueuesClient, declared);
        expect(left.filter(({ kind, name }) => kind !== 'unchanged' && name !== 'default')).toEqual([]);
      }),
      { numRuns: 200 },
    );
  });

  it('are looked at again when somebody is faster, a bounded number of times', async () => {
    const queues = new MemoryQueues();
    queues.put('a', blank);
    const declared = new Map([['a', { maxDepth: 5 }]]);
    queues.before = (name) => {
      queues.before = () => undefined;
      queues.put(name, { ...blank, maxDepth: 9 });
    };
    expect(await apply(queues, declared)).toEqual(['a overtaken', 'a updated']);
    expect(queues.rows.get('a')?.settings.maxDepth).toBe(5);
    queues.put('a', blank);
    queues.before = (name) => void queues.put(name, { ...blank, maxBytes: queues.calls.length + 1 });
    await expect(apply(queues, declared)).rejects.toMatchObject({ code: 'QUEUE_VERSION_CONFLICT' });
  });

  it('are made when they vanish meanwhile, and changed when they appear', async () => {
    const queues = new MemoryQueues();
    queues.put('a', blank);
    queues.before = () => {
      queues.before = () => undefined;
      queues.rows.delete('a');
      queues.put('b', blank);
    };
    const declared = new Map([
      ['a', { maxDepth: 5 }],
      ['b', { maxDepth: 6 }],
    ]);
    expect(await apply(queues, declared)).toEqual(['a overtaken', 'a created', 'b overtaken', 'b updated']);
  });

  it('say which settings differ, in their units', () => {
    const queues = new MemoryQueues();
    const present = queues.put('a', merged(blank, { maxDepth: 7, flow: { fairnessWeights: { gold: 5 } } }));
    const declared = new Map([['a', { executionTimeoutMs: 90_000, flow: { rate: { perSecond: 2.5 } } }]]);
    expect(planQueues(declared, [present, queues.put('b', blank)])).toMatchObject([
      {
        kind: 'update',
        name: 'a',
        version: 1,
        changes: [
          { setting: 'executionTimeoutMs', from: 300_000, to: 90_000 },
          { setting: 'maxDepth', from: 7, to: null },
          { setting: 'flow.rate.perSecond', from: null, to: 2.5 },
          { setting: 'flow.rate.burst', from: null, to: 3 },
          { setting: 'flow.fairnessWeights.gold', from: 5, to: null },
        ],
      },
      { kind: 'undeclared', name: 'b' },
    ]);
  });
});
