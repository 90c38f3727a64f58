import { describe, expect, it } from 'vitest';
import { type ClientErrorFacts, TroupeClientError } from '../../../src/client/client-error.ts';
import { createBackoff, mayRepeat, withRetries } from '../../../src/client/retry.ts';

function failure(facts: Partial<ClientErrorFacts> = {}): TroupeClientError {
  return new TroupeClientError({
    code: 'SHARD_UNAVAILABLE',
    message: '',
    status: 'UNAVAILABLE',
    retryable: true,
    outcome: 'none',
    ...facts,
  });
}

describe('retries', () => {
  it('repeat what may be repeated, and only that', () => {
    expect(mayRepeat(failure(), 'if-not-done')).toBe(true);
    expect(mayRepeat(failure({ outcome: 'unknown' }), 'if-not-done')).toBe(false);
    expect(mayRepeat(failure({ outcome: 'unknown' }), 'always')).toBe(true);
    expect(mayRepeat(failure({ retryable: false }), 'always')).toBe(false);
    expect(mayRepeat(failure({ code: 'CALL_DEADLINE_EXCEEDED' }), 'always')).toBe(false);
    expect(mayRepeat(failure({ code: 'QUEUE_VERSION_CONFLICT' }), 'always')).toBe(false);
    expect(mayRepeat(new Error('a bug'), 'always')).toBe(false);
  });

  it('end after the last try with its error', async () => {
    const backoff = createBackoff({ maxAttempts: 3, initialMs: 1, maxMs: 1 });
    let tries = 0;
    const last = withRetries(backoff, 'always', undefined, async () => {
      tries += 1;
      throw failure({ message: `try ${tries}` });
    });
    await expect(last).rejects.toThrow('try 3');
    let good = 0;
    expect(
      await withRetries(backoff, 'always', undefined, async () => {
        good += 1;
        if (good < 3) throw failure();
        return good;
      }),
    ).toBe(3);
  });

  it('wait between nothing and twice as long each time, up to a bound, after what the gateway asks', () => {
    const longest = createBackoff({ initialMs: 100, maxMs: 500 }, () => 0.999_999);
    const delays = [1, 2, 3, 4, 5].map((attempt) => Math.round(longest.delayMs(attempt, undefined)));
    expect(delays).toEqual([100, 200, 400, 500, 500]);
    expect(createBackoff({}, () => 0).delayMs(3, 250)).toBe(250);
  });

  it('stop with the signal of the caller', async () => {
    const controller = new AbortController();
    const backoff = createBackoff({ initialMs: 60_000, maxMs: 60_000 }, () => 1);
    const waiting = withRetries(backoff, 'always', controller.signal, async () => {
      throw failure();
    });
    controller.abort();
    await expect(waiting).rejects.toMatchObject({ code: 'CALL_CANCELLED', outcome: 'unknown' });
  });
});
