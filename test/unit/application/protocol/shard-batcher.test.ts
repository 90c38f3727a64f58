import { describe, expect, it } from 'vitest';
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
  return { batcher, batches, clock, endTurn };
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
    const { batcher, batches, endTurn } = setUp();
    const calls = [1, 2, 3].map((number) => batcher.call(0, 'report', completion(number)));
    expect(batches).toHaveLength(0);
    endTurn();
    expect(batches).toHaveLength(1);
    expect(tokens(batches[0])).toEqual(['t1', 't2', 't3']);
    batches[0]?.answer([recorded, { ok: { kind: 'stale' } }, recorded]);
    expect(await Promise.all(calls)).toEqual([recorded.ok, { kind: 'stale' }, recorded.ok]);
  });

  it('gathers while the allowed batches are under way, then sends at once', async () => {
    const { batcher, batches, endTurn } = setUp({ maxInFlight: 1 });
    const first = batcher.call(0, 'report', completion(1));
    endTurn();
    const later = [2, 3].map((number) => batcher.call(0, 'report', completion(number)));
    endTurn();
    expect(batches).toHaveLength(1);
    batches[0]?.answer([recorded]);
    await first;
    expect(tokens(batches[1])).toEqual(['t2', 't3']);
    batches[1]?.answer([recorded, recorded]);
    await Promise.all(later);
  });

  it('keeps lanes of other shards and verbs apart', () => {
    const { batcher, batches, endTurn } = setUp();
    void batcher.call(0, 'report', completion(1));
    void batcher.call(1, 'report', completion(2));
    void batcher.call(0, 'get', { jobId: completion(3).jobId });
    endTurn();
    expect(batches.map(({ shard, verb }) => `${verb}/${shard}`)).toEqual(['report/0', 'report/1', 'get/0']);
  });

  it('splits by items and by bytes', () => {
    const byItems = setUp({ maxItems: 2, maxInFlight: 4 });
    for (const number of [1, 2, 3]) void byItems.batcher.call(0, 'report', completion(number));
    byItems.endTurn();
    expect(byItems.batches.map((batch) => batch.items.length)).toEqual([2, 1]);

    const byBytes = setUp({ maxBytes: 600, maxInFlight: 4 });
    for (const number of [1, 2, 3]) void byBytes.batcher.call(0, 'report', completion(number));
    byBytes.endTurn();
    expect(byBytes.batches.map((batch) => batch.items.length)).toEqual([2, 1]);
  });

  it('fails one item alone, and a batch as a whole for each item', async () => {
    const { batcher, batches, endTurn } = setUp();
    const calls = [1, 2].map((number) => batcher.call(0, 'report', completion(number)));
    endTurn();
    batches[0]?.answer([recorded, { error: { code: 'JOB_NOT_FOUND', message: 'gone' } }]);
    expect(await calls[0]).toEqual(recorded.ok);
    expect(await codeOf(calls[1] ?? Promise.resolve())).toBe('JOB_NOT_FOUND');

    const doomed = [3, 4].map((number) => codeOf(batcher.call(0, 'report', completion(number))));
    endTurn();
    batches[1]?.fail(new TroupeError('SHARD_UNAVAILABLE'));
    expect(await Promise.all(doomed)).toEqual(['SHARD_UNAVAILABLE', 'SHARD_UNAVAILABLE']);
  });

  it('takes an error that this version does not know as an internal one', async () => {
    const { batcher, batches, endTurn } = setUp();
    const outcomes = [0, 1, 2].map((number) => batcher.call(0, 'report', completion(number)));
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
    const { batcher, batches, endTurn } = setUp();
    const call = codeOf(batcher.call(0, 'report', completion(1)));
    endTurn();
    batches[0]?.answer([]);
    expect(await call).toBe('INTERNAL_ERROR');
  });

  it('refuses past maxQueued and says when to come back', async () => {
    const { batcher, batches, clock, endTurn } = setUp({ maxQueued: 2, maxInFlight: 1 });
    const first = batcher.call(0, 'report', completion(0));
    endTurn();
    clock.advance(70);
    batches[0]?.answer([recorded]);
    await first;
    const blocker = batcher.call(0, 'report', completion(1));
    endTurn();
    const waiting = [2, 3].map((number) => batcher.call(0, 'report', completion(number)));
    expect(batcher.queued()).toBe(2);
    await expect(batcher.call(0, 'report', completion(4))).rejects.toMatchObject({
      code: 'OVERLOADED',
      retryAfterMs: 70,
    });
    batches[1]?.answer([recorded]);
    await blocker;
    batches[2]?.answer([recorded, recorded]);
    await Promise.all(waiting);
  });

  it('never sends what is past its deadline, and gives up what is under way', async () => {
    const { batcher, batches, clock, endTurn } = setUp({ maxInFlight: 1 });
    const past = batcher.call(0, 'report', completion(0), { deadlineAtMs: clock.nowMs() });
    await expect(past).rejects.toMatchObject({ code: 'CALL_DEADLINE_EXCEEDED', metadata: { outcome: 'none' } });
    const deadlineAtMs = clock.nowMs() + 50;
    const sent = batcher.call(0, 'report', completion(1), { deadlineAtMs });
    endTurn();
    const waiting = batcher.call(0, 'report', completion(2), { deadlineAtMs });
    clock.advance(50);
    await expect(sent).rejects.toMatchObject({ code: 'CALL_DEADLINE_EXCEEDED', metadata: { outcome: 'unknown' } });
    await expect(waiting).rejects.toMatchObject({ metadata: { outcome: 'none' } });
    batches[0]?.answer([recorded]);
    expect(batches).toHaveLength(1);
    expect(clock.timers()).toBe(0);
  });

  it('forgets an aborted item that was not sent, and its place is free', async () => {
    const { batcher, batches, endTurn } = setUp({ maxQueued: 1 });
    const controller = new AbortController();
    const aborted = codeOf(batcher.call(0, 'report', completion(1), { signal: controller.signal }));
    controller.abort();
    expect(await aborted).toBe('CALL_CANCELLED');
    void batcher.call(0, 'report', completion(2));
    endTurn();
    expect(tokens(batches[0])).toEqual(['t2']);
    expect(await codeOf(batcher.call(0, 'report', completion(3), { signal: controller.signal }))).toBe(
      'CALL_CANCELLED',
    );
  });

  it('refuses an item that no message can hold', async () => {
    const { batcher } = setUp({ maxBytes: 50 });
    expect(await codeOf(batcher.call(0, 'report', completion(1)))).toBe('PAYLOAD_TOO_LARGE');
  });

  it('rejects what waits when it is closed', async () => {
    const { batcher } = setUp();
    const call = codeOf(batcher.call(0, 'report', completion(1)));
    batcher.close();
    expect(await call).toBe('SHUTTING_DOWN');
    expect(await codeOf(batcher.call(0, 'report', completion(2)))).toBe('SHUTTING_DOWN');
  });
});
