/** The delays of a job: of what the job, its handler and its queue state, the nearest wins. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mergeRetry } from '../../../../src/application/queues/settings-checks.ts';
import { defaultQueueSettings } from '../../../../src/domain/queue.ts';

const delayMs = fc.integer({ min: 1, max: 86_400_000 });
/** Stated together, the maximum is not less. */
const layer = fc
  .record({ initialMs: delayMs, maxMs: delayMs }, { requiredKeys: [] })
  .filter(({ initialMs = 0, maxMs = Infinity }) => initialMs <= maxMs);

describe('the delays of a merged retry policy', () => {
  it('never contradict each other, and each is as stated unless a nearer one overrules it', () => {
    const base = fc.tuple(delayMs, delayMs).map(([one, other]) => ({
      ...defaultQueueSettings.retry,
      initialMs: Math.min(one, other),
      maxMs: Math.max(one, other),
    }));
    fc.assert(
      fc.property(fc.array(layer, { maxLength: 3 }), base, (layers, queue) => {
        const merged = mergeRetry(layers, queue);
        const all = [...layers, queue];
        const initialAt = all.findIndex(({ initialMs }) => initialMs !== undefined);
        const maxAt = all.findIndex(({ maxMs }) => maxMs !== undefined);
        const [initialMs, maxMs] = [all[initialAt]?.initialMs ?? 0, all[maxAt]?.maxMs ?? 0];
        expect(merged.initialMs).toBeLessThanOrEqual(merged.maxMs);
        if (initialAt <= maxAt) expect(merged).toMatchObject({ initialMs, maxMs: Math.max(maxMs, initialMs) });
        else expect(merged).toMatchObject({ maxMs, initialMs: Math.min(initialMs, maxMs) });
      }),
      { numRuns: 1_000 },
    );
  });

  it.each([
    { said: 'a job caps its handler', layers: [{ maxMs: 500 }, { initialMs: 2_000 }], delays: [500, 500] },
    { said: 'a job caps its queue', layers: [{ maxMs: 500 }, undefined], delays: [500, 500] },
    { said: 'a job raises its queue', layers: [{ initialMs: 90_000 }], delays: [90_000, 90_000] },
    { said: 'a job raises its handler', layers: [{ initialMs: 900 }, { maxMs: 300 }], delays: [900, 900] },
  ])('$said', ({ layers, delays: [initialMs, maxMs] }) => {
    expect(mergeRetry(layers, defaultQueueSettings.retry)).toMatchObject({ initialMs, maxMs });
  });
});
