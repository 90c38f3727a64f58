/** Whatever comes in which turn and however batches end: nothing is lost or doubled, order is kept, bounds hold. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jsonBytes } from '../../../../src/application/protocol/json-bytes.ts';
import { createShardBatcher } from '../../../../src/application/protocol/shard-batcher.ts';
import type { ShardClient } from '../../../../src/application/ports/shard-link.ts';
import type { CancelItem, ItemResult } from '../../../../src/application/ports/shard-protocol.ts';
import { TroupeError } from '../../../../src/domain/errors.ts';
import { parseJobId } from '../../../../src/domain/job-id.ts';
import { createManualClock } from '../manual-clock.ts';

const jobId = parseJobId('019abcde-0000-7000-8000-000000000000');

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('call' as const), shard: fc.nat(1), size: fc.nat(300) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('turn' as const) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('answer' as const), fails: fc.boolean() }) },
);
const limits = fc.record({
  maxItems: fc.integer({ min: 1, max: 5 }),
  maxQueued: fc.integer({ min: 1, max: 8 }),
  maxInFlight: fc.integer({ min: 1, max: 3 }),
  maxBytes: fc.integer({ min: 20_000, max: 60_000 }),
});

describe('shard batcher, any order of events', () => {
  it('settles every accepted item once with its own answer, in order, within its bounds', async () => {
    await fc.assert(
      fc.asyncProperty(limits, fc.array(step, { maxLength: 60 }), async (bounds, steps) => {
        const open: { items: readonly CancelItem[]; finish: (fails: boolean) => void }[] = [];
        const inFlight = new Map<number, number>();
        const sent = new Map<number, number[]>();
        const flushes: (() => void)[] = [];
        const call = (
          shard: number,
          _verb: string,
          items: readonly unknown[],
        ): Promise<readonly ItemResult<unknown>[]> =>
          new Promise((resolve, reject) => {
            const batch = items as readonly CancelItem[];
            inFlight.set(shard, (inFlight.get(shard) ?? 0) + 1);
            expect(inFlight.get(shard)).toBeLessThanOrEqual(bounds.maxInFlight);
            expect(batch.length).toBeLessThanOrEqual(bounds.maxItems);
            expect(jsonBytes(batch)).toBeLessThanOrEqual(bounds.maxBytes + 2);
            sent.set(shard, [...(sent.get(shard) ?? []), ...batch.map((item) => Number(item.reason.split(':')[0]))]);
            const finish = (fails: boolean): void => {
              inFlight.set(shard, (inFlight.get(shard) ?? 0) - 1);
              if (fails) reject(new TroupeError('OUTCOME_UNKNOWN'));
              else resolve(batch.map((item) => ({ ok: item.reason })));
            };
            open.push({ items: batch, finish });
          });
        const batcher = createShardBatcher({
          client: { call: call as ShardClient['call'] },
          clock: createManualClock(),
          timeoutMs: 1_000,
          atTurnEnd: (flush) => flushes.push(flush),
          ...bounds,
        });
        let settled = 0;
        let next = 0;
        const outcomes: Promise<void>[] = [];
        const endTurn = (): void => {
          for (const flush of flushes.splice(0)) flush();
        };
        const submit = (shard: number, size: number): void => {
          if (!jobId) throw new Error('not a job id');
          const reason = `${next++}:${'x'.repeat(size)}`;
          outcomes.push(
            batcher.call(shard, 'cancel', { jobId, reason }, { tenant: 'acme' }).then(
              (result) => {
                settled += 1;
                expect(result).toBe(reason);
              },
              (error: unknown) => {
                settled += 1;
                expect(['OVERLOADED', 'OUTCOME_UNKNOWN']).toContain(TroupeError.from(error).code);
              },
            ),
          );
        };
        for (const action of steps) {
          if (action.kind === 'call') submit(action.shard, action.size);
          else if (action.kind === 'turn') endTurn();
          else {
            open.shift()?.finish(action.fails);
            await new Promise(setImmediate);
          }
          expect(batcher.queued()).toBeLessThanOrEqual(2 * bounds.maxQueued);
        }
        while (settled < next) {
          endTurn();
          open.shift()?.finish(false);
          await new Promise(setImmediate);
        }
        await Promise.all(outcomes);
        expect(batcher.queued()).toBe(0);
        for (const numbers of sent.values()) expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
      }),
      { numRuns: 150 },
    );
  });
});
