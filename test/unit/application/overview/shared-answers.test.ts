import { describe, expect, it } from 'vitest';
import { type Alert, Sightings } from '../../../../src/application/overview/alerts.ts';
import { SharedAnswers } from '../../../../src/application/overview/shared-answers.ts';
import { createManualClock } from '../manual-clock.ts';

describe('shared answers', () => {
  it('are made once for all who ask while they are made or fresh, and apart for each key', async () => {
    const clock = createManualClock();
    const shared = new SharedAnswers<number>(clock, 1_000);
    let made = 0;
    let release = (): void => undefined;
    const make = async (): Promise<number> => {
      made += 1;
      const answer = made;
      await new Promise<void>((resolve) => (release = resolve));
      return answer;
    };
    const first = shared.read('a', make);
    // However long it takes.
    clock.advance(5_000);
    const second = shared.read('a', make);
    release();
    expect(await Promise.all([first, second])).toEqual([1, 1]);
    const late = shared.read('a', make);
    release();
    expect(await late).toBe(2);
    clock.advance(999);
    expect(await shared.read('a', make)).toBe(2);
    const other = shared.read('b', make);
    release();
    expect(await other).toBe(3);
    clock.advance(1);
    const again = shared.read('a', make);
    release();
    expect(await again).toBe(4);
  });

  it('do not keep a failure, but share it', async () => {
    const shared = new SharedAnswers<number>(createManualClock(), 1_000);
    let made = 0;
    const fail = async (): Promise<number> => {
      made += 1;
      throw new Error(`try ${made}`);
    };
    const both = await Promise.allSettled([shared.read('a', fail), shared.read('a', fail)]);
    expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(made).toBe(1);
    await expect(shared.read('a', fail)).rejects.toThrow('try 2');
  });
});

describe('sightings of problems', () => {
  const alert = (subject: string, more: Partial<Alert> = {}): Alert => ({
    ...{ kind: 'queue-fails', grade: 'doubtful', sentence: 'It fails.', subject, page: 'p', command: 'troupe top' },
    ...more,
  });
  const sinceOf = (seen: Sightings, nowMs: number, tenant = 'a', more: Partial<Alert> = {}): number | undefined =>
    seen.date(tenant, [alert('reports', more)], nowMs)[0]?.sinceMs;

  it('date a problem from when it was first seen, until it was away for a while', () => {
    const seen = new Sightings();
    expect([0, 20_000, 45_000].map((passedMs) => sinceOf(seen, 1_000_000 + passedMs))).toEqual([
      1_000_000, 1_000_000, 1_000_000,
    ]);
    expect(sinceOf(seen, 1_080_000)).toBe(1_080_000);
    expect(sinceOf(seen, 1_081_000, 'b')).toBe(1_081_000);
  });

  it('leave what is recorded as it is', () => {
    expect(sinceOf(new Sightings(), 1_000_000, 'a', { sinceMs: 5 })).toBe(5);
  });
});
