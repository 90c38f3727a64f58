import { describe, expect, it } from 'vitest';
import { operatorWatch } from '../../../src/compose/operator-watch.ts';

describe('calls with the operator token', () => {
  it('are all counted, and said in the log once a minute', () => {
    let [nowMs, counted, said] = [0, 0, 0];
    const called = operatorWatch({
      clock: { monotonicMs: () => nowMs },
      log: { warn: () => void (said += 1) },
      telemetry: { counter: () => ({ add: (n = 1) => void (counted += n) }) },
    });
    for (const atMs of [0, 1, 59_999, 60_000, 60_001, 200_000]) {
      nowMs = atMs;
      called();
    }
    expect([counted, said]).toEqual([6, 3]);
  });
});
