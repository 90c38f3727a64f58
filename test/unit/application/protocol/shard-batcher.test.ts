import { describe, expect, it } from 'vitest';
import type { BatchCallOptions } from '../../../../src/application/protocol/batch-queue.ts';
import { createShardBatcher, type ShardBatcherOptions } from '../../../../src/application/protocol/shard-batcher.ts';
import type { ShardClient } from '../../../../src/application/ports/shard-link.ts';
import type { ReportItem, ItemResult } from '../../../../src/application/ports/shard-protocol.ts';
import { TroupeError } from '../../../../src/domain/errors.ts';
import { parseJobId } from '../../../../src/domain/job-id.ts';
import { createManualClock } from '../manual-clock.ts';

interface OpenBatch {
  readonly shard: number;
  readonly verb: string;
  readonly items: readonly unknown[];
  answer(results: readonly ItemResult<unknown>[]): void;
  fail(error: unknown): void;
}

/** A link whose answers the test gives by hand, and a turn that ends when the test says so. */
function setUp(options: Partial<ShardBatcherOptions> = {}) {
  const batches: OpenBatch[] = [];
  const flushes: (() => void)[] = [];
  const client: ShardClient = {
    call: (shard, verb, items) =>
      new Promise((resolve, reject) => {
        batches.push({ shard, verb, items, answer: resolve as OpenBatch['answer'], fail: reject });
      }),
  };
  const clock = createManualClock();
  const batcher = createShardBatcher({
    client,
    clock,
    timeoutMs: 1_000,
    maxQueued: 10,
    atTurnEnd: (flush) => flushes.push(flush),
    ...options,
  });
  const endTurn = (): void => {
    for (const flush of flushes.splice(0)) flush();
  };
  const report = (number: number, options: Partial<BatchCallOptions> = {}, shard = 0): Promise<unknown> =>
    batcher.call(shard, 'report', completion(number), { tenant: 'acme', ...options });
  return { batcher, batches, clock, endTurn, report };
}

function completion(number: number): ReportItem {
  const jobId = parseJobId('019abcde-0000-7000-8000-000000000000');
  if (!jobId) throw new Error('not a job id');
  return { jobId, token: `t${number}`, outcome: { kind: 'stopped' } };
}

const recorded = { ok: { kind: 'recorded', state: 'SUCCEEDED' } } as const;
const tokens = (batch: OpenBatch | undefined): string[] => (batch?.items as ReportItem[]).map((item) => item.token);

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return error instanceof TroupeError ? error.code : 'no TroupeError';
}

describe('shard batcher', () => {
  it('sends what one turn brings as one batch, in order', async () => {
    const { batches, endTurn, report } = setUp();
    const calls = [1, 2, 3].map((number) => report(number));
    expect(batches).toHaveLength(0);
    endTurn();
    expect(batches).toHaveLength(1);
    expect(tokens(batches[0])).toEqual(['t1', 't2', 't3']);
    batches[0]?.answer([recorded, { ok: { kind: 'stale' } }, recorded]);
    expect(await Promise.all(calls)).toEqual([recorded.ok, { kind: 'stale' }, recorded.ok]);
  });

  it('gathers while the allowed batches are under way, then sends at once', async () => {
    const { batches, endTurn, report } = setUp({ maxInFlight: 1 });
    const first = report(1);
    endTurn();
    const later = [2, 3].map((number) => report(number));
    endTurn();
    expect(batches).toHaveLength(1);
    batches[0]?.answer([recorded]);
    await first;
    expect(tokens(batches[1])).toEqual(['t2', 't3']);
    batches[1]?.answer([recorded, recorded]);
    await Promise.all(later);
  });

  it('keeps lanes of other shards and verbs apart', () => {
    const { batcher, batches, endTurn, report } = setUp();
    void report(1);
    void report(2, {}, 1);
    void batcher.call(0, 'get', { jobId: completion(3).jobId }, { tenant: 'acme' });
    endTurn();
    expect(batches.map(({ shard, verb }) => `${verb}/${shard}`)).toEqual(['report/0', 'report/1', 'get/0']);
  });

  it('splits by items and by bytes', () => {
    const byItems = setUp({ maxItems: 2, maxInFlight: 4 });
    for (const number of [1, 2, 3]) void byItems.report(number);
    byItems.endTurn();
    expect(byItems.batches.map((batch) => batch.items.length)).toEqual([2, 1]);

    const byBytes = setUp({ maxBytes: 600, maxInFlight: 4 });
    for (const number of [1, 2, 3]) void byBytes.report(number);
    byBytes.endTurn();
    expect(byBytes.batches.map((batch) => batch.items.length)).toEqual([2, 1]);
  });

  it('fails one item alone, and a batch as a whole for each item', async () => {
    const { batches, endTurn, report } = setUp();
    const calls = [1, 2].map((number) => report(number));
    endTurn();
    batches[0]?.answer([recorded, { error: { code: 'JOB_NOT_FOUND', message: 'gone' } }]);
    expect(await calls[0]).toEqual(recorded.ok);
    expect(await codeOf(calls[1] ?? Promise.resolve())).toBe('JOB_NOT_FOUND');

    const doomed = [3, 4].map((number) => codeOf(report(number)));
    endTurn();
    batches[1]?.fail(new TroupeError('SHARD_UNAVAILABLE'));
    expect(await Promise.all(doomed)).toEqual(['SHARD_UNAVAILABLE', 'SHARD_UNAVAILABLE']);
  });

  it('takes an error that this version does not know as an internal one', async () => {
    const { batches, endTurn, report } = setUp();
    const outcomes = [0, 1, 2].map((number) => report(number));
    endTurn();
    const later = { error: { code: 'OF_A_LATER_VERSION', message: 'm' } };
    const none = { error: { code: 'toString' } };
    batches[0]?.answer([later, none, recorded] as unknown as ItemResult<unknown>[]);
    const errors = await Promise.all(outcomes.slice(0, 2).map((outcome) => outcome.catch((error: unknown) => error)));
    expect(errors.map((error) => error instanceof TroupeError && [error.code, error.retryable])).toEqual([
      ['INTERNAL_ERROR', false],
      ['INTERNAL_ERROR', false],
    ]);
    await expect(outcomes[2]).resolves.toEqual(recorded.ok);
  });

  it('treats an answer that is too short as a bug of the other side', async () => {
    const { batches, endTurn, report } = setUp();
    const call = codeOf(report(1));
    endTurn();
    batches[0]?.answer([]);
    expect(await call).toBe('INTERNAL_ERROR');
  });

  it('refuses past maxQueued and says when to come back', async () => {
    const { batcher, batches, clock, endTurn, report } = setUp({ maxQueued: 2, maxInFlight: 1 });
    const first = report(0);
    endTurn();
    clock.advance(70);
    batches[0]?.answer([recorded]);
    await first;
    const blocker = report(1);
    endTurn();
    const waiting = [2, 3].map((number) => report(number));
    expect(batcher.queued()).toBe(2);
    await expect(report(4)).rejects.toMatchObject({
      code: 'OVERLOADED',
      retryAfterMs: 70,
    });
    batches[1]?.answer([recorded]);
    await blocker;
    batches[2]?.answer([recorded, recorded]);
    await Promise.all(waiting);
  });

  it('never sends what is past its deadline, and gives up what is under way', async () => {
    const { batches, clock, endTurn, report } = setUp({ maxInFlight: 1 });
    const past = report(0, { deadlineAtMs: clock.nowMs() });
    await expect(past).rejects.toMatchObject({ code: 'CALL_DEADLINE_EXCEEDED', metadata: { outcome: 'none' } });
    const deadlineAtMs = clock.nowMs() + 50;
    const sent = report(1, { deadlineAtMs });
    endTurn();
    const waiting = report(2, { deadlineAtMs });
    clock.advance(50);
    await expect(sent).rejects.toMatchObject({ code: 'CALL_DEADLINE_EXCEEDED', metadata: { outcome: 'unknown' } });
    await expect(waiting).rejects.toMatchObject({ metadata: { outcome: 'none' } });
    batches[0]?.answer([recorded]);
    expect(batches).toHaveLength(1);
    expect(clock.timers()).toBe(0);
  });

  it('forgets an aborted item that was not sent, and its place is free', async () => {
    const { batches, endTurn, report } = setUp({ maxQueued: 1 });
    const controller = new AbortController();
    const aborted = codeOf(report(1, { signal: controller.signal }));
    controller.abort();
    expect(await aborted).toBe('CALL_CANCELLED');
    void report(2);
    endTurn();
    expect(tokens(batches[0])).toEqual(['t2']);
    expect(await codeOf(report(3, { signal: controller.signal }))).toBe('CALL_CANCELLED');
  });

  it('lets many go in one turn with one look at the others, and each gives its room back once', async () => {
    const turns: (() => void)[] = [];
    const { batcher, batches, report } = setUp({ maxQueued: 30, maxInFlight: 1, atTurnEnd: (end) => turns.push(end) });
    const endTurn = (): void => {
      for (const end of turns.splice(0)) end();
    };
    const blocker = report(0);
    endTurn();
    const controller = new AbortController();
    const gone = Array.from({ length: 20 }, (_, at) => codeOf(report(at, { signal: controller.signal })));
    const stay = [101, 102, 103].map((number) => report(number));
    controller.abort();
    expect(new Set(await Promise.all(gone))).toEqual(new Set(['CALL_CANCELLED']));
    expect([turns.length, batcher.queued()]).toEqual([1, 3]);
    stay.push(...Array.from({ length: 24 }, (_, at) => report(104 + at)));
    expect(await codeOf(report(1))).toBe('OVERLOADED');
    batches[0]?.answer([recorded]);
    await blocker;
    expect(tokens(batches[1])).toEqual(Array.from({ length: 27 }, (_, at) => `t${101 + at}`));
    expect(batcher.queued()).toBe(0);
    endTurn();
    expect(batcher.queued()).toBe(0);
    batches[1]?.answer(stay.map(() => recorded));
    await Promise.all(stay);
    const again = Array.from({ length: 28 }, (_, at) => codeOf(report(at)));
    expect(await again.at(-1)).toBe('OVERLOADED');
    batcher.close();
    expect(new Set(await Promise.all(again.slice(0, -1)))).toEqual(new Set(['SHUTTING_DOWN']));
  });

  it('looks for what is past its deadline each 20 ms at most, and sends none of it', async () => {
    const { batches, clock, endTurn, report } = setUp({ maxInFlight: 1 });
    const blocker = report(0);
    endTurn();
    const settled: number[] = [];
    for (const number of [1, 2, 3]) {
      const call = report(number, { deadlineAtMs: clock.nowMs() + number });
      void codeOf(call).then(() => settled.push(number));
    }
    for (const [byMs, there] of [
      [1, [1]],
      [19, [1]],
      [1, [1, 2, 3]],
    ] as const) {
      clock.advance(byMs);
      await new Promise(setImmediate);
      expect(settled).toEqual(there);
    }
    batches[0]?.answer([recorded]);
    await blocker;
    expect(batches).toHaveLength(1);
    expect(clock.timers()).toBe(0);
  });

  it('refuses an item that no message can hold', async () => {
    const { report } = setUp({ maxBytes: 50 });
    expect(await codeOf(report(1))).toBe('PAYLOAD_TOO_LARGE');
  });

  it('rejects what waits when it is closed', async () => {
    const { batcher, report } = setUp();
    const call = codeOf(report(1));
    batcher.close();
    expect(await call).toBe('SHUTTING_DOWN');
    expect(await codeOf(report(2))).toBe('SHUTTING_DOWN');
  });

  it('lets tenants take turns, and none of them all of the room', async () => {
    const { batches, endTurn, report } = setUp({ maxQueued: 30, maxItems: 4, maxInFlight: 1 });
    const calls = [report(0)];
    endTurn();
    const flood = Array.from({ length: 40 }, (_, at) => codeOf(report(100 + at, { tenant: '__proto__' })));
    calls.push(...[1, 2, 3].map((number) => report(number)));
    const refused = (await Promise.all(flood.slice(27))).filter((code) => code === 'OVERLOADED');
    expect(refused).toHaveLength(13);
    const order: string[] = [];
    for (let at = 0; at < 9; at += 1) {
      order.push(...tokens(batches[at]));
      batches[at]?.answer(Array.from({ length: batches[at]?.items.length ?? 0 }, () => recorded));
      await new Promise(setImmediate);
      endTurn();
    }
    expect(order.slice(0, 9)).toEqual(['t0', 't100', 't1', 't101', 't2', 't102', 't3', 't103', 't104']);
    expect(order).toHaveLength(1 + 27 + 3);
    await Promise.all(calls);
  });
});
