/** However submits fall into turns and calls fail: each gets its own outcome, in order, within the limits. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Init } from '../../../src/contract/codec.ts';
import type { SubmitJobRequest } from '../../../src/contract/messages.ts';
import { createSubmitCoalescer, requestBytes } from '../../../src/client/submit-coalescer.ts';

describe('submit coalescer', () => {
  it('loses nothing, doubles nothing, keeps order and limits', async () => {
    const turn = fc.array(fc.nat(2_000), { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(fc.array(turn, { maxLength: 6 }), fc.infiniteStream(fc.nat(9)), async (turns, luck) => {
        const limits = { maxJobs: 5, maxBytes: 6_000 };
        const sent: string[] = [];
        const coalesced = createSubmitCoalescer<string>(async (requests) => {
          const bytes = requests.reduce((sum, request) => sum + requestBytes(request), 0);
          expect(requests.length).toBeLessThanOrEqual(limits.maxJobs);
          if (requests.length > 1) expect(bytes).toBeLessThanOrEqual(limits.maxBytes);
          const names = requests.map((request) => request.job?.handler ?? '');
          sent.push(...names);
          const fate = luck.next().value as number;
          if (fate === 0) throw new Error('the call failed');
          if (fate === 1) return names.slice(1).map((name) => ({ ok: name }));
          return names.map((name) => (Number(name) % 7 === 0 ? { error: new Error(`item ${name}`) } : { ok: name }));
        }, limits);
        let next = 0;
        let settled = 0;
        const all: Promise<void>[] = [];
        for (const sizes of turns) {
          for (const size of sizes) {
            const name = String(next++);
            const request: Init<SubmitJobRequest> = { job: { handler: name, input: { json: 'x'.repeat(size) } } };
            all.push(
              coalesced(request).then(
                () => void (settled += 1),
                () => void (settled += 1),
              ),
            );
          }
          await new Promise(setImmediate);
        }
        await Promise.all(all);
        expect(settled).toBe(next);
        expect(sent).toEqual(Array.from({ length: next }, (_, index) => String(index)));
      }),
      { numRuns: 80 },
    );
  });

  it('gives each submit its own outcome', async () => {
    const coalesced = createSubmitCoalescer<string>(
      async (requests) =>
        requests.map(({ job }) => (job?.handler === 'bad' ? { error: new Error('bad') } : { ok: job?.handler ?? '' })),
      { maxJobs: 10, maxBytes: 10_000 },
    );
    const [first, second, third] = ['a', 'bad', 'c'].map((handler) => coalesced({ job: { handler } }));
    await expect(second).rejects.toThrow('bad');
    expect([await first, await third]).toEqual(['a', 'c']);
  });
});
