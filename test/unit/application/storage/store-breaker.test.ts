import { describe, expect, it } from 'vitest';
import {
  failuresMax,
  guardReads,
  restMs,
  slowMs,
  StoreBreaker,
} from '../../../../src/application/storage/store-breaker.ts';
import { TroupeError } from '../../../../src/domain/errors.ts';

const away = new TroupeError('STORE_UNAVAILABLE', { message: 'timed out' });

function setUp() {
  let nowMs = 0;
  let asked = 0;
  const rests: boolean[] = [];
  const breaker = new StoreBreaker({ monotonicMs: () => nowMs }, (now) => rests.push(now));
  /** A read that takes so long; what became of it. */
  const read = (outcome: 'found' | TroupeError, tookMs = 0): Promise<string> =>
    breaker
      .run(async () => {
        asked += 1;
        nowMs += tookMs;
        if (outcome instanceof TroupeError) throw outcome;
        return outcome;
      })
      .catch((error: unknown) => (error as TroupeError).message);
  const failSlowly = async (times: number): Promise<void> => {
    for (let n = 0; n < times; n += 1) expect(await read(away, slowMs)).toBe('timed out');
  };
  return { breaker, read, failSlowly, rests, asked: () => asked, pass: (ms: number) => void (nowMs += ms) };
}

describe('a store that does not answer', () => {
  it('is not asked for a second after some slow failures in a row', async () => {
    const { read, failSlowly, rests, asked, pass } = setUp();
    await failSlowly(failuresMax);
    expect(rests).toEqual([true]);
    const before = asked();
    expect(await read('found')).toBe('the store has not answered for some seconds');
    pass(restMs - 1);
    expect(await read('found')).toBe('the store has not answered for some seconds');
    expect(asked()).toBe(before);
    pass(1);
    expect(await read('found')).toBe('found');
    expect(rests).toEqual([true, false]);
    expect(await read('found')).toBe('found');
  });

  it('gets one read at a time until one succeeds, and rests again after each that fails', async () => {
    const { breaker, read, failSlowly, rests, pass } = setUp();
    await failSlowly(failuresMax);
    pass(restMs);
    const first = Promise.withResolvers<string>();
    const trial = breaker.run(() => first.promise);
    expect(await read('found')).toBe('the store has not answered for some seconds');
    pass(slowMs);
    first.reject(away);
    await expect(trial).rejects.toBe(away);
    expect(await read('found')).toBe('the store has not answered for some seconds');
    pass(restMs);
    expect(await read('found')).toBe('found');
    expect(rests).toEqual([true, false]);
  });
});

describe('a store that answers', () => {
  it('is asked as long as a read succeeds in between', async () => {
    const { read, failSlowly, rests } = setUp();
    for (let n = 0; n < 5; n += 1) {
      await failSlowly(failuresMax - 1);
      expect(await read('found')).toBe('found');
    }
    expect(rests).toEqual([]);
  });

  it('does not rest for failures that come at once, or that are answers', async () => {
    const { read, rests } = setUp();
    for (let n = 0; n < 100; n += 1) {
      await read(away, slowMs - 1);
      await read(new TroupeError('PAYLOAD_GONE'), slowMs);
    }
    expect(rests).toEqual([]);
  });

  it('is asked again after a trial that failed for another reason', async () => {
    const { read, failSlowly, rests, pass } = setUp();
    await failSlowly(failuresMax);
    pass(restMs);
    await read(new TroupeError('INTERNAL_ERROR'));
    expect(await read('found')).toBe('found');
    expect(rests).toEqual([true, false]);
  });
});

describe('the guarded ports of a store', () => {
  it('are the store: reads go through the breaker, and all else as it is', async () => {
    class Payloads {
      readonly #bytes = new Uint8Array([7]);
      readonly links = 'links';
      writeHolds = (bytes: number): number => bytes + this.#bytes.length;
      getPayload(): Promise<Uint8Array> {
        return Promise.resolve(this.#bytes);
      }
      deletePayload(): Promise<void> {
        return this.#bytes.length > 0 ? Promise.reject(away) : Promise.resolve();
      }
      openPayload(): Promise<never> {
        return Promise.reject(new TroupeError('PAYLOAD_GONE'));
      }
    }
    const payloads = new Payloads();
    const store = { jobs: {}, queues: {}, documents: {}, payloads } as never;
    const telemetry = { gauge: () => ({ set: () => undefined }) } as never;
    const guarded = guardReads(store, { clock: { monotonicMs: () => 0 }, telemetry });
    expect(guarded.payloads.writeHolds?.(1)).toBe(2);
    expect(guarded.payloads.links).toBe('links');
    expect(await guarded.payloads.getPayload('x')).toEqual(new Uint8Array([7]));
    await expect(guarded.payloads.deletePayload('x')).rejects.toBe(away);
    await expect(guarded.payloads.openPayload('x')).rejects.toMatchObject({ code: 'PAYLOAD_GONE' });
  });

  it('rest for payloads alone if a bucket does not answer', async () => {
    let nowMs = 0;
    const gauge: number[] = [];
    const payloads = {
      isAway: false,
      getPayload: () => {
        nowMs += slowMs;
        return Promise.reject(away);
      },
    };
    const jobs = { findJob: () => Promise.resolve('a job') };
    const telemetry = { gauge: () => ({ set: (value: number) => gauge.push(value) }) } as never;
    const store = { jobs, queues: {}, documents: {}, payloads } as never;
    const guarded = guardReads(store, { clock: { monotonicMs: () => nowMs }, telemetry });
    for (let n = 0; n < failuresMax; n += 1) await expect(guarded.payloads.getPayload('x')).rejects.toBe(away);
    expect(gauge).toEqual([0, 1]);
    await expect(guarded.payloads.getPayload('x')).rejects.toThrow('the store has not answered for some seconds');
    expect(await guarded.jobs.findJob('x' as never)).toBe('a job');
    expect(guarded.payloads).toMatchObject({ isAway: false });
    payloads.isAway = true;
    expect(guarded.payloads).toMatchObject({ isAway: true });
  });
});
