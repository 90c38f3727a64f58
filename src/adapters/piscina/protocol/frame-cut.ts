/**
 * Splits what is sent in one turn into frames that take only a moment to write and to read. A frame carries at least
 * one item, however large its input or output is.
 */
import type { CellCommand, CellEvent } from './cell-frames.ts';
import type { RunInput, RunOutput } from '../../../domain/attempt-outcome.ts';

export const frameAimBytes = 16 * 2 ** 20;
/** Assumed size of an item apart from its payloads. No item has more. */
const restBytes = 4_096;

export function inFrames<Item extends CellCommand | CellEvent>(items: readonly Item[]): readonly (readonly Item[])[] {
  const frames: Item[][] = [];
  let frame: Item[] = [];
  let held = 0;
  for (const item of items) {
    const bytes = sizeOf(item);
    if (frame.length > 0 && held + bytes > frameAimBytes) {
      frames.push(frame);
      frame = [];
      held = 0;
    }
    frame.push(item);
    held += bytes;
  }
  if (frame.length > 0) frames.push(frame);
  return frames;
}

function sizeOf(item: CellCommand | CellEvent): number {
  if (item.kind === 'run') return restBytes + payloadSize(item.request.input) + payloadSize(item.request.checkpoint);
  if (item.kind === 'checkpoint') return restBytes + payloadSize(item.payload);
  if (item.kind === 'stream-ask') return restBytes + (item.ask.kind === 'write' ? item.ask.bytes.byteLength : 0);
  if (item.kind === 'stream-answer') {
    return restBytes + (item.answer.kind === 'piece' ? item.answer.bytes.byteLength : 0);
  }
  if (item.kind === 'profile-part') return restBytes + 2 * item.text.length;
  const hasOutput = item.kind === 'ended' && item.outcome.kind === 'succeeded';
  return restBytes + (hasOutput ? payloadSize(item.outcome.output) : 0);
}

/** V8 serialises a character in up to two bytes. */
function payloadSize(payload: RunInput | RunOutput | undefined): number {
  if (payload === undefined || payload.kind === 'streamed') return 0;
  return payload.kind === 'json' ? 2 * payload.json.length : payload.bytes.byteLength;
}
