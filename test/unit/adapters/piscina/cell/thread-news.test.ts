// What a cell passes on of what a thread says: what has its shape, of known fields alone, and within its bounds.
import { serialize } from 'node:v8';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseEvents } from '../../../../../src/adapters/piscina/protocol/cell-frame-shape.ts';
import { NoteBounds } from '../../../../../src/adapters/piscina/cell/note-bounds.ts';
import { unaskedOutcome } from '../../../../../src/adapters/piscina/cell/run-endings.ts';
import type { ThreadNote } from '../../../../../src/adapters/piscina/protocol/thread-messages.ts';
import { noteFrom, resultFrom } from '../../../../../src/adapters/piscina/cell/thread-news.ts';

const anything = fc.anything({ withBigInt: true, withMap: true, withTypedArray: true, withNullPrototype: true });
const oneOf = (...values: readonly unknown[]) => fc.oneof(fc.constantFrom(...values), anything);
const note = fc.record(
  {
    kind: oneOf('log', 'note', 'checkpoint'),
    level: oneOf('info', 'warn'),
    text: oneOf('a line'),
    number: oneOf(0, 1, -1, 1.5, NaN),
    payload: fc.oneof(
      anything,
      fc.record({ kind: oneOf('json', 'bytes'), json: oneOf('1'), bytes: oneOf(new Uint8Array(2)) }),
    ),
    more: oneOf(new SharedArrayBuffer(8)),
  },
  { requiredKeys: [] },
);
const failure = fc.record(
  { reason: oneOf('HANDLER_FAILED'), message: oneOf('x', 'y'.repeat(10_000)), causes: oneOf([]), more: anything },
  { requiredKeys: [] },
);
const outcome = fc.record(
  {
    kind: oneOf('succeeded', 'failed', 'snoozed', 'stopped'),
    output: oneOf(undefined, { kind: 'json', json: '1', more: new SharedArrayBuffer(8) }),
    failure: fc.oneof(anything, failure),
    retryable: oneOf(true),
    delayMs: oneOf(5, 5.5, -1, NaN),
    more: oneOf(new SharedArrayBuffer(8)),
  },
  { requiredKeys: [] },
);
const result = fc.record(
  {
    outcome: fc.oneof(anything, outcome),
    durationMs: oneOf(1, -1, NaN),
    notes: oneOf(0, -1),
    thread: oneOf('free', 'busy'),
  },
  { requiredKeys: [] },
);

/** As the node gets it. */
function sent(event: unknown): unknown {
  serialize(event);
  return parseEvents([event]);
}

describe('whatever a thread says', () => {
  it('is no note, or one that can be sent and is understood', () => {
    fc.assert(
      fc.property(fc.oneof(anything, note), (message) => {
        const heard = noteFrom(message);
        if (heard === undefined) return;
        const event =
          heard.kind === 'note'
            ? { kind: 'progress', runId: 'r', fraction: 0, note: heard.text }
            : { ...heard, runId: 'r' };
        expect(sent(event)).toBeDefined();
      }),
      { numRuns: 2_000 },
    );
  });

  it('is no result, or one that can be sent and is understood', () => {
    fc.assert(
      fc.property(fc.oneof(anything, result), (message) => {
        const heard = resultFrom(message, 1_024);
        if (heard === undefined) return;
        const { durationMs } = heard;
        expect(sent({ kind: 'ended', runId: 'r', outcome: unaskedOutcome(heard.outcome), durationMs })).toBeDefined();
      }),
      { numRuns: 2_000 },
    );
  });
});

it('an output past the bound is refused, counted in bytes and not in characters', () => {
  const told = (json: string) => ({
    outcome: { kind: 'succeeded', output: { kind: 'json', json } },
    durationMs: 1,
    notes: 0,
    thread: 'free',
  });
  expect(resultFrom(told('x'.repeat(1_024)), 1_024)?.outcome.kind).toBe('succeeded');
  expect(resultFrom(told('é'.repeat(513)), 1_024)?.outcome).toMatchObject({
    kind: 'failed',
    failure: {
      reason: 'INVALID_OUTPUT',
      message: 'the output has 1026 bytes, at most 1024 are allowed: give a larger one with ctx.output.stream()',
    },
  });
});

describe('how much a run may say', () => {
  const line: ThreadNote = { kind: 'log', level: 'info', text: 'x' };
  const checkpoint = (bytes: number): ThreadNote => ({
    kind: 'checkpoint',
    number: 1,
    payload: { kind: 'bytes', bytes: new Uint8Array(bytes) },
  });

  it('500 notes at once and 150 a second', () => {
    const bounds = new NoteBounds();
    const admitted = (sinceMs: number): number => {
      let count = 0;
      while (count < 10_000 && bounds.admit(line, { sinceMs, stopping: false })) count += 1;
      return count;
    };
    expect(admitted(0)).toBe(500);
    // Each that was refused counts too.
    expect(admitted(10_000)).toBe(1_499);
  });

  it('one checkpoint under way and a last one, until one is settled', () => {
    const bounds = new NoteBounds();
    const admit = (): boolean => bounds.admit(checkpoint(10), { sinceMs: 0, stopping: false });
    expect([admit(), admit(), admit()]).toEqual([true, true, false]);
    bounds.settled();
    expect([admit(), admit(), admit()]).toEqual([true, true, false]);
  });

  it('2 MiB of checkpoints a second; while it is being stopped as fast as it is answered', () => {
    const admitted = (stopping: boolean): number => {
      const bounds = new NoteBounds();
      for (let count = 0; count < 100; count += 1) {
        if (!bounds.admit(checkpoint(2 ** 20), { sinceMs: 3_000, stopping })) return count;
        bounds.settled();
      }
      return 100;
    };
    expect(admitted(false)).toBe(10);
    expect(admitted(true)).toBe(100);
  });
});
