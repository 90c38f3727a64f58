// Frames between node and cell: whole whatever the pieces they come in; the first that is none ends the channel.
import { duplexPair, type Duplex } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CellChannel, frameMaxBytes } from '../../../../../src/adapters/piscina/protocol/cell-channel.ts';
import { parseCommands, parseEvents } from '../../../../../src/adapters/piscina/protocol/cell-frame-shape.ts';

interface Heard {
  readonly frames: unknown[];
  readonly broken: string[];
}

function listen(stream: Duplex, heard: Heard): CellChannel<unknown, unknown> {
  return new CellChannel<unknown, unknown>(stream, {
    parse: (body) => body,
    onFrame: (frame) => heard.frames.push(frame),
    onBroken: (why) => heard.broken.push(why),
    onClosed: () => undefined,
  });
}

/** What a side writes, as bytes. */
async function bytesOf(frames: readonly unknown[]): Promise<Buffer> {
  const [near, far] = duplexPair();
  const pieces: Buffer[] = [];
  far.on('data', (piece: Buffer) => pieces.push(piece));
  const channel = listen(near, { frames: [], broken: [] });
  await Promise.all(frames.map((frame) => channel.send(frame)));
  return Buffer.concat(pieces);
}

async function hear(pieces: readonly Uint8Array[]): Promise<Heard> {
  const [near, far] = duplexPair();
  const heard = { frames: [], broken: [] };
  listen(far, heard);
  for (const piece of pieces) await new Promise((done) => near.write(piece, done));
  return heard;
}

const value = fc.anything({ withBigInt: true, withDate: true, withMap: true, withTypedArray: true });

describe('a channel', () => {
  it('gives frames as they were sent, however they are cut', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(value, { maxLength: 4 }), fc.array(fc.nat(400)), async (frames, cuts) => {
        const sendable = frames.filter(isCloneable).filter((frame) => frame !== undefined);
        const bytes = await bytesOf(sendable);
        const at = [0, ...cuts.filter((cut) => cut < bytes.byteLength).sort((a, b) => a - b), bytes.byteLength];
        const pieces = at.slice(1).map((end, piece) => bytes.subarray(at[piece], end));
        const heard = await hear(pieces.filter(({ byteLength }) => byteLength > 0));
        expect(heard).toEqual({ frames: sendable.map((frame) => structuredClone(frame)), broken: [] });
      }),
    );
  });

  it('is over with the first thing that is no frame, whatever follows', async () => {
    const good = await bytesOf([['a']]);
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 8, maxLength: 200 }), async (noise) => {
        fc.pre(Buffer.from(noise).readUInt32BE(0) !== good.readUInt32BE(0));
        const { frames, broken } = await hear([good, noise, good]);
        expect(frames).toEqual([['a']]);
        expect(broken).toEqual(['it sent what is no frame']);
      }),
    );
  });

  it('refuses a length of nothing, and one past the bound, before it waits for it', async () => {
    const head = (await bytesOf([1])).subarray(0, 8);
    for (const bytes of [0, frameMaxBytes + 1, 2 ** 32 - 1]) {
      const forged = Buffer.from(head);
      forged.writeUInt32BE(bytes, 4);
      expect((await hear([forged])).broken).toEqual(['it sent what is no frame']);
    }
  });
});

describe('the shape of a frame', () => {
  it('is a list of known things; nothing else gets through, and nothing throws', () => {
    fc.assert(
      fc.property(fc.anything({ withNullPrototype: true }), (body) => {
        const isEmptyList = Array.isArray(body) && body.length === 0;
        expect(parseEvents(body) === undefined).toBe(!isEmptyList);
        expect(parseCommands(body) === undefined).toBe(!isEmptyList);
      }),
    );
  });

  it('is checked down to the outcome of a run', () => {
    const ended = (outcome: unknown): unknown => [{ kind: 'ended', runId: 'r', durationMs: 3, outcome }];
    expect(parseEvents(ended({ kind: 'succeeded' }))).toEqual(ended({ kind: 'succeeded' }));
    const failure = { reason: 'HANDLER_FAILED', message: 'm', code: 'C', stack: 's' };
    expect(parseEvents(ended({ kind: 'failed', retryable: true, failure }))).toBeDefined();
    const long = 'x'.repeat(4_000);
    const cause = { message: long, code: long };
    const [event] =
      parseEvents(
        ended({
          kind: 'failed',
          retryable: true,
          failure: { ...failure, message: long, code: long, causes: [cause], stack: long },
        }),
      ) ?? [];
    const told = event?.kind === 'ended' && event.outcome.kind === 'failed' ? event.outcome.failure : undefined;
    const [{ message, code } = { message: '' }] = told?.causes ?? [];
    expect([told?.message, told?.code, message, code, told?.stack].map((text) => text?.length)).toEqual([
      1_000, 100, 300, 100, 4_000,
    ]);
    for (const outcome of [
      undefined,
      'succeeded',
      { kind: 'won' },
      { kind: 'succeeded', output: { kind: 'json', json: 1 } },
      { kind: 'failed', retryable: true, failure: { ...failure, reason: 'NO_REASON' } },
      { kind: 'failed', retryable: true, failure: { ...failure, code: undefined } },
      { kind: 'snoozed', delayMs: -1 },
      { kind: 'lost' },
    ])
      expect(parseEvents(ended(outcome))).toBeUndefined();
  });
});

function isCloneable(frame: unknown): boolean {
  try {
    structuredClone(frame);
    return true;
  } catch {
    return false;
  }
}
