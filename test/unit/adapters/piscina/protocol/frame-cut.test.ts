// What goes between node and cell in one turn: whole and in order, in frames of a bounded size.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { CellEvent } from '../../../../../src/adapters/piscina/protocol/cell-frames.ts';
import { frameAimBytes, inFrames } from '../../../../../src/adapters/piscina/protocol/frame-cut.ts';

const returned = (at: number, bytes: number): CellEvent => ({
  kind: 'ended',
  runId: `r${at}`,
  outcome: { kind: 'succeeded', output: { kind: 'bytes', bytes: { byteLength: bytes } as Uint8Array } },
  durationMs: 1,
});

const sizeOf = (event: CellEvent): number =>
  event.kind === 'ended' && event.outcome.kind === 'succeeded' && event.outcome.output?.kind === 'bytes'
    ? event.outcome.output.bytes.byteLength
    : 0;

it('keeps the order, loses nothing, and only a frame of one item is larger than what is aimed at', () => {
  const sizes = fc.array(fc.oneof(fc.nat(4_096), fc.nat(2 ** 29)), { maxLength: 40 });
  fc.assert(
    fc.property(sizes, (bytes) => {
      const events = bytes.map((size, at) => returned(at, size));
      const frames = inFrames(events);
      expect(frames.flat()).toEqual(events);
      for (const frame of frames) {
        expect(frame.length).toBeGreaterThan(0);
        const total = frame.reduce((sum, event) => sum + sizeOf(event), 0);
        if (frame.length > 1) expect(total).toBeLessThanOrEqual(frameAimBytes);
      }
    }),
  );
});

it('small news of one turn is one frame', () => {
  const events = Array.from({ length: 1_000 }, (_, at): CellEvent => ({ kind: 'started', runId: `r${at}` }));
  expect(inFrames(events)).toHaveLength(1);
});
