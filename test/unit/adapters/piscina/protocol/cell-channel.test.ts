// Frames between node and cell: whole whatever the pieces they come in; the first that is none ends the channel.
import { duplexPair, type Duplex } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CellChannel, frameMaxBytes } from '../../../../../src/adapters/piscina/protocol/cell-channel.ts';
import {
  channelMacsOf,
  newKeyBytes,
  type ChannelMacs,
  type FrameMac,
} from '../../../../../src/adapters/piscina/protocol/frame-mac.ts';
import { parseCommands, parseEvents } from '../../../../../src/adapters/piscina/protocol/cell-frame-shape.ts';

interface Heard {
  readonly frames: unknown[];
  readonly broken: string[];
}

const keys = newKeyBytes();
/** Each side counts by itself, so each gets MACs of its own. */
const macs = (): ChannelMacs => channelMacsOf(keys);

function listen(stream: Duplex, heard: Heard): CellChannel<unknown, unknown> {
  return new CellChannel<unknown, unknown>(stream, {
    macs: { sent: macs().toCell, received: macs().toNode },
    parse: (body) => body,
    onFrame: (frame) => heard.frames.push(frame),
    onBroken: (why) => heard.broken.push(why),
    onClosed: () => undefined,
  });
}

/** What a side writes, as bytes; each frame by itself. */
async function piecesOf(frames: readonly unknown[], mac: FrameMac = macs().toNode): Promise<readonly Buffer[]> {
  const [near, far] = duplexPair();
  const pieces: Buffer[] = [];
  far.on('data', (piece: Buffer) => pieces.push(piece));
  const channel = new CellChannel<unknown, unknown>(near, {
    macs: { sent: mac, received: macs().toCell },
    parse: (body) => body,
    onFrame: () => undefined,
    onBroken: () => undefined,
    onClosed: () => undefined,
  });
  const sent: Buffer[] = [];
  for (const frame of frames) {
    await channel.send(frame);
    sent.push(Buffer.concat(pieces.splice(0)));
  }
  return sent;
}

async function bytesOf(frames: readonly unknown[]): Promise<Buffer> {
  return Buffer.concat(await piecesOf(frames));
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
      fc.asyncProperty(fc.uint8Array({ minLength: 24, maxLength: 200 }), async (noise) => {
        fc.pre(Buffer.from(noise).readUInt32BE(0) !== good.readUInt32BE(0));
        const { frames, broken } = await hear([good, noise, good]);
        expect(frames).toEqual([['a']]);
        expect(broken).toEqual(['it sent what is no frame']);
      }),
    );
  });

  it('refuses a length of nothing, and one past the bound, before it waits for it', async () => {
    const head = (await bytesOf([1])).subarray(0, 24);
    for (const bytes of [0, frameMaxBytes + 1, 2 ** 32 - 1]) {
      const forged = Buffer.from(head);
      forged.writeUInt32BE(bytes, 4);
      expect((await hear([forged])).broken).toEqual(['it sent what is no frame']);
    }
  });
});

describe('the MAC of a frame', () => {
  const wrong = ['it sent a frame with a wrong MAC'];

  it('does not fit when one bit of the frame is another, wherever it is', async () => {
    const small = await bytesOf([['a frame']]);
    const large = await bytesOf([['a frame', new Uint8Array(20_000)]]);
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(small, large), fc.nat(), fc.nat(7), async (good, place, bit) => {
        const at = 8 + (place % (good.byteLength - 8));
        const forged = Buffer.from(good);
        forged.writeUInt8((forged[at] ?? 0) ^ (1 << bit), at);
        expect(await hear([forged, good])).toEqual({ frames: [], broken: wrong });
      }),
    );
  });

  it('does not fit a frame that is repeated, left out, or moved', async () => {
    const large = 'b'.repeat(20_000);
    const pieces = await piecesOf(['a', large, 'c', large]);
    const told = async (order: readonly number[]): Promise<Heard> => hear(order.flatMap((at) => pieces[at] ?? []));
    expect(await told([0, 1, 2, 3])).toEqual({ frames: ['a', large, 'c', large], broken: [] });
    expect(await told([0, 0])).toEqual({ frames: ['a'], broken: wrong });
    expect(await told([0, 2])).toEqual({ frames: ['a'], broken: wrong });
    expect(await told([0, 3])).toEqual({ frames: ['a'], broken: wrong });
    expect(await told([1])).toEqual({ frames: [], broken: wrong });
    expect(await told([0, 1, 0])).toEqual({ frames: ['a', large], broken: wrong });
    expect(await told([0, 1, 2, 1])).toEqual({ frames: ['a', large, 'c'], broken: wrong });
  });

  it('does not fit in the other direction, nor in another process', async () => {
    expect(await hear(await piecesOf(['a'], macs().toCell))).toEqual({ frames: [], broken: wrong });
    const elsewhere = channelMacsOf(newKeyBytes()).toNode;
    expect(await hear(await piecesOf(['a'], elsewhere))).toEqual({ frames: [], broken: wrong });
  });

  it('is asked for before anything is decoded', async () => {
    const [near, far] = duplexPair();
    const decoded: unknown[] = [];
    const broken: string[] = [];
    new CellChannel<unknown, unknown>(far, {
      macs: { sent: macs().toNode, received: macs().toCell },
      parse: (body) => decoded.push(body),
      onFrame: () => undefined,
      onBroken: (why) => broken.push(why),
      onClosed: () => undefined,
    });
    const bytes = await bytesOf(['a']);
    await new Promise((done) => near.write(bytes, done));
    expect({ decoded, broken }).toEqual({ decoded: [], broken: wrong });
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
