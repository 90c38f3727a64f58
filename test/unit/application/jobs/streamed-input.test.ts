/** An input that comes piece by piece: the parts that are stored, and everything that must not become a payload. */
import { mayEverything } from '../../../support/callers.ts';
import { createHash, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { payloadPartBytes } from '../../../../src/application/ports/payload-store.ts';
import {
  checkStreamed,
  inputParts,
  inTime,
  uploadMaxMs,
  type InputPiece,
} from '../../../../src/application/jobs/streamed-input.ts';
import { emptyJobRequest } from '../../../../src/application/jobs/job-request.ts';
import { TroupeError } from '../../../../src/domain/errors.ts';
import { createManualClock } from '../manual-clock.ts';

const sha256 = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();
const chunk = (bytes: Uint8Array): InputPiece => ({ kind: 'chunk', bytes });

async function* piecesOf(pieces: readonly InputPiece[]): AsyncGenerator<InputPiece, void> {
  yield* pieces;
}

async function partsOf(
  pieces: readonly InputPiece[],
  bytes: number,
): Promise<{ parts: Uint8Array[]; sha: Uint8Array }> {
  const source = inputParts(piecesOf(pieces), bytes);
  const parts: Uint8Array[] = [];
  for (;;) {
    const next = await source.next();
    if (next.done === true) return { parts, sha: next.value };
    parts.push(next.value);
  }
}

async function fieldOf(pieces: readonly InputPiece[], bytes: number): Promise<string | undefined> {
  return partsOf(pieces, bytes).then(
    () => undefined,
    (error: unknown) => TroupeError.from(error).violations[0]?.field,
  );
}

describe('a streamed input', () => {
  it('becomes parts of one size and a checksum, however it is cut on its way', async () => {
    const whole = randomBytes(2 * payloadPartBytes + 100_000);
    const sizes = fc.oneof(fc.constantFrom(0, payloadPartBytes, 2 * payloadPartBytes), fc.nat(whole.byteLength));
    await fc.assert(
      fc.asyncProperty(
        sizes,
        fc.array(fc.integer({ min: 1, max: 700_000 }), { maxLength: 8 }),
        fc.boolean(),
        async (size, cuts, tells) => {
          const bytes = whole.subarray(0, size);
          const pieces: InputPiece[] = [];
          let from = 0;
          for (const cut of cuts) {
            pieces.push(chunk(bytes.subarray(from, from + cut)));
            from = Math.min(size, from + cut);
          }
          pieces.push(chunk(bytes.subarray(from)));
          if (tells) pieces.push({ kind: 'sha256', sha256: sha256(bytes) });
          const { parts, sha } = await partsOf(pieces, size);
          expect(Buffer.concat(parts).equals(bytes)).toBe(true);
          expect(sha).toEqual(sha256(bytes));
          expect(parts.length).toBe(Math.ceil(size / payloadPartBytes));
          expect(parts.slice(0, -1).every((part) => part.byteLength === payloadPartBytes)).toBe(true);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('that is not what was announced is thrown, with the field', async () => {
    const bytes = randomBytes(10);
    const told = (digest: Uint8Array): InputPiece => ({ kind: 'sha256', sha256: digest });
    expect(await fieldOf([chunk(bytes)], 11)).toBe('open.input_size_bytes');
    expect(await fieldOf([chunk(bytes)], 9)).toBe('open.input_size_bytes');
    expect(await fieldOf([], 1)).toBe('open.input_size_bytes');
    expect(await fieldOf([chunk(bytes), told(sha256(randomBytes(10)))], 10)).toBe('sha256');
    expect(await fieldOf([chunk(bytes), told(new Uint8Array(5))], 10)).toBe('sha256');
    expect(await fieldOf([told(sha256(bytes)), chunk(bytes)], 10)).toBe('sha256');
    expect(await fieldOf([chunk(bytes), told(sha256(bytes))], 10)).toBeUndefined();
  });

  it.each([-1, 1.5, NaN, Infinity])('of %d bytes is refused', (inputBytes) => {
    const request = { ...emptyJobRequest, handler: 'h' };
    expect(() => checkStreamed({ request, inputBytes })).toThrow(TroupeError);
    expect(() =>
      checkStreamed({ request: { ...request, input: { kind: 'json', json: '1' } }, inputBytes: 1 }),
    ).toThrow();
    expect(() => checkStreamed({ request, inputBytes: 0 })).not.toThrow();
  });

  it('ends when nobody waits for the answer any more, also where that looks like its end, and after an hour', async () => {
    const clock = createManualClock();
    const fromMs = clock.nowMs();
    const maxMs = uploadMaxMs(3);
    const context = { tenant: 't', principal: mayEverything, requestId: 'r' };
    const gone = new AbortController();
    async function* leaves(): AsyncGenerator<InputPiece, void> {
      yield chunk(new Uint8Array(1));
      gone.abort();
    }
    async function* slow(): AsyncGenerator<InputPiece, void> {
      yield chunk(new Uint8Array(1));
      clock.advance(maxMs);
      yield chunk(new Uint8Array(1));
      clock.advance(1);
      yield chunk(new Uint8Array(1));
    }
    const read = async (pieces: AsyncIterable<InputPiece>, signal?: AbortSignal): Promise<number> => {
      let count = 0;
      try {
        for await (const _ of inTime({ ...context, ...(signal && { signal }) }, { pieces, clock, fromMs, maxMs }))
          count += 1;
      } catch (error) {
        throw Object.assign(error as Error, { count });
      }
      return count;
    };
    await expect(read(leaves(), gone.signal)).rejects.toMatchObject({ code: 'CALL_CANCELLED', count: 1 });
    expect(await read(piecesOf([chunk(new Uint8Array(1))]))).toBe(1);
    await expect(read(slow())).rejects.toMatchObject({ code: 'CALL_DEADLINE_EXCEEDED', count: 2 });
  });
});
