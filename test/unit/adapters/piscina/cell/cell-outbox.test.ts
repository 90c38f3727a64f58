/** What a cell may hold back, and for how long: checked in frames, with fake timers. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type CellEvent, heldEndsMax } from '../../../../../src/adapters/piscina/protocol/cell-frames.ts';
import { CellOutbox } from '../../../../../src/adapters/piscina/cell/cell-outbox.ts';

const success = (runId: string): CellEvent => ({ kind: 'ended', runId, outcome: { kind: 'succeeded' }, durationMs: 1 });
const start = (runId: string): CellEvent => ({ kind: 'started', runId });

let patienceMs: number;
let frames: (readonly CellEvent[])[];
let outbox: CellOutbox;

beforeEach(() => {
  vi.useFakeTimers();
  patienceMs = 100;
  frames = [];
  outbox = new CellOutbox({
    patienceMs: () => patienceMs,
    send(frame) {
      frames.push(frame);
      return Promise.resolve();
    },
  });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('while runs wait for a thread', () => {
  it('starts and successes wait for company, counted from the first', () => {
    outbox.emit(start('a'));
    vi.advanceTimersByTime(60);
    outbox.emit(success('a'));
    vi.advanceTimersByTime(39);
    expect(frames).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(frames).toEqual([[start('a'), success('a')]]);
  });

  it('anything else goes at once and takes along what waits, in order', () => {
    const stopped: CellEvent = { kind: 'ended', runId: 'b', outcome: { kind: 'stopped' }, durationMs: 1 };
    outbox.emit(success('a'));
    outbox.emit(stopped);
    vi.advanceTimersByTime(0);
    expect(frames).toEqual([[success('a'), stopped]]);
    vi.advanceTimersByTime(1_000);
    expect(frames).toHaveLength(1);
  });

  it('no more ends are held than the parent counts in', () => {
    for (let key = 1; key <= heldEndsMax; key += 1) outbox.emit(success(`r${key}`));
    vi.advanceTimersByTime(0);
    expect(frames.map((frame) => frame.length)).toEqual([heldEndsMax]);
  });
});

it('with nothing waiting, what one turn brings is one frame', () => {
  patienceMs = 0;
  outbox.emit(start('a'));
  outbox.emit(success('a'));
  vi.advanceTimersByTime(0);
  expect(frames).toEqual([[start('a'), success('a')]]);
});

it('says what it held when it is flushed, and nothing twice', async () => {
  outbox.emit(success('a'));
  await outbox.flush();
  vi.advanceTimersByTime(1_000);
  expect(frames).toEqual([[success('a')]]);
});
