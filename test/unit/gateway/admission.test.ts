/** How much one gateway takes on, and when it asks those to come back whom it sends away. */
import { describe, expect, it } from 'vitest';
import { createAdmission } from '../../../src/gateway/admission.ts';
import { createSendBudget } from '../../../src/gateway/send-budget.ts';
import { createManualClock } from '../application/manual-clock.ts';
import { natsTestTelemetry } from '../../support/nats.ts';

const sendMaxBytes = 3 * 1_048_576;
const limits = { maxJobs: 100, maxBytes: 1_000, maxWatches: 2 };

function setUp(random = 0) {
  const clock = createManualClock();
  const admission = createAdmission({
    telemetry: natsTestTelemetry,
    clock,
    random: () => random,
    limits,
    budget: createSendBudget(sendMaxBytes, natsTestTelemetry),
  });
  /** A submit that is under way until its `end` is called. */
  function begin(jobs: number, bytes = 0, tenant = 'acme') {
    const over = Promise.withResolvers<undefined>();
    return { done: admission.submit(tenant, { jobs, bytes }, () => over.promise), end: () => over.resolve(undefined) };
  }
  return { clock, admission, begin };
}

describe('a gateway', () => {
  it('takes jobs and bytes up to its limits, one submit of any size, and as much again once they are answered', async () => {
    const { admission, begin } = setUp();
    const large = begin(500, 5_000);
    await expect(begin(1).done).rejects.toMatchObject({ code: 'OVERLOADED', metadata: { limit: '100' } });
    await expect(begin(0, 1).done).rejects.toMatchObject({ code: 'OVERLOADED', metadata: { limit: '100' } });
    large.end();
    await large.done;
    const [most, bytes] = [begin(100, 999), begin(0, 1, 'other')];
    await expect(begin(0, 1, 'third').done).rejects.toMatchObject({ metadata: { limit: '1000' } });
    most.end();
    bytes.end();
    await Promise.all([most.done, bytes.done]);
    expect(admission.jobs()).toBe(0);
  });

  it('gives one tenant what nobody uses, but for room in which others find a place', async () => {
    const { begin } = setUp();
    const flood = Array.from({ length: 95 }, () => begin(1, 0, 'toString'));
    const refused = await Promise.allSettled(flood.slice(90).map(({ done }) => done));
    expect(refused.every(({ status }) => status === 'rejected')).toBe(true);
    // Whoever comes next shares what is left, and so does who comes after that.
    const others = Array.from({ length: 10 }, (_, at) => begin(1, 0, `tenant-${at}`));
    for (const { end } of [...flood.slice(0, 90), ...others]) end();
    await Promise.all([...flood.slice(0, 90), ...others].map(({ done }) => done));
    const again = Array.from({ length: 90 }, () => begin(1));
    for (const { end } of again) end();
    await Promise.all(again.map(({ done }) => done));
  });

  it('leaves room for others however large the submits of one tenant are', async () => {
    const { begin } = setUp();
    const large = Array.from({ length: 8 }, () => begin(1, 125, 'toString'));
    await expect(large.at(-1)?.done).rejects.toMatchObject({ code: 'OVERLOADED', metadata: { limit: '1000' } });
    const others = [begin(1, 60), begin(1, 30, 'other')];
    for (const { end } of [...large, ...others]) end();
    await Promise.all([...large.slice(0, -1), ...others].map(({ done }) => done));
  });

  it('counts what a submit finds out later that it holds, and gives all of it back', async () => {
    const { admission, begin } = setUp();
    const grown = Promise.withResolvers<undefined>();
    const alone = admission.submit('acme', { jobs: 1, bytes: 10 }, async (more) => {
      more(2_000);
      await grown.promise;
    });
    await expect(begin(1, 1).done).rejects.toMatchObject({ code: 'OVERLOADED', metadata: { limit: '1000' } });
    grown.resolve(undefined);
    await alone;
    const held = begin(1, 500);
    const refused = admission.submit('acme', { jobs: 1, bytes: 10 }, async (more) => more(600));
    await expect(refused).rejects.toMatchObject({ code: 'OVERLOADED', metadata: { limit: '1000' } });
    const all = begin(1, 400);
    held.end();
    all.end();
    await Promise.all([held.done, all.done]);
  });

  it('counts a submit that fails as answered', async () => {
    const { admission } = setUp();
    await expect(
      admission.submit('acme', { jobs: 9, bytes: 9 }, () => Promise.reject(new Error('no'))),
    ).rejects.toThrow('no');
    expect(admission.jobs()).toBe(0);
  });

  it('asks back when there should be room, by the rate at which jobs are answered; spread, so that not all come at once', async () => {
    const again: number[] = [];
    for (const random of [0, 0.999]) {
      const { clock, begin } = setUp(random);
      for (let second = 0; second < 600; second += 1) {
        const { done, end } = begin(10);
        end();
        await done;
        clock.advance(1_000);
      }
      const held = begin(100);
      // Ten a second go, and twenty must: a tenant alone may have ninety.
      const refusal = await begin(10).done.catch((error: unknown) => error as { retryAfterMs: number });
      again.push(refusal?.retryAfterMs ?? 0);
      held.end();
      await held.done;
    }
    expect(again[0]).toBeGreaterThan(1_800);
    expect(again[0]).toBeLessThan(2_200);
    expect(again[1]).toBeGreaterThan(3_600);
    expect(again[1]).toBeLessThan(4_400);
  });

  it('asks to stay away for 5 s while nothing is known', async () => {
    const { begin } = setUp();
    begin(100);
    await expect(begin(1).done).rejects.toMatchObject({ retryAfterMs: 5_000 });
  });

  it('keeps a place for a watch until it ends, however it ends', async () => {
    const { admission } = setUp();
    async function* news() {
      yield 1;
      yield 2;
    }
    const open = () => admission.watch('acme', news, (item) => item);
    const [first, second, third] = [open(), open(), open()];
    await first.next();
    await second.next();
    await expect(third.next()).rejects.toMatchObject({ code: 'OVERLOADED', metadata: { limit: '2' } });
    await first.return();
    const next = open();
    expect(await next.next()).toEqual({ value: 1, done: false });
    expect(admission.watches()).toBe(2);
  });
});

describe('downloads', () => {
  it('hold a part each, and leave room for other answers', async () => {
    const { admission } = setUp();
    async function* forEver(): AsyncGenerator<number, void> {
      for (;;) yield 1;
    }
    const open = [1, 2].map(() => admission.download('acme', forEver, (item) => item));
    for (const each of open) await each.next();
    const refused = admission.download('acme', forEver, (item) => item);
    await expect(refused.next()).rejects.toMatchObject({ code: 'OVERLOADED' });
    await open[0]?.return();
    expect(admission.watches()).toBe(1);
    const next = admission.download('acme', forEver, (item) => item);
    expect(await next.next()).toMatchObject({ value: 1 });
  });
});
