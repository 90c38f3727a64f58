import { describe, expect, it } from 'vitest';
import { Checkpoints } from '../../../../../src/adapters/sqlite/thread/checkpoints.ts';
import type { StoreRequest } from '../../../../../src/adapters/sqlite/thread/thread-messages.ts';

/** A commit of one record of this many characters, or a payload of as many bytes. */
function written(characters: number, isPayload = false): readonly StoreRequest[] {
  const text = 'x'.repeat(characters);
  const args = isPayload ? ['id', new Uint8Array(characters)] : [{ shard: 1 }, [[7, 'id', 1, 2, text, null, null]]];
  return [{ id: 1, isWrite: true, name: isPayload ? 'putPayload' : 'commit', args }];
}

const mib = 1 << 20;
const never = (): never => expect.fail('called');

describe('checkpoints', () => {
  it('come after 2 MiB while nothing else is to do, and after 32 MiB at the latest', () => {
    let count = 0;
    const checkpoints = new Checkpoints({ checkpoint: () => ((count += 1), 0), onLong: never, onFailed: never });
    checkpoints.written(written(mib / 4));
    checkpoints.turn(true, 0);
    expect(count).toBe(0);
    checkpoints.written(written(mib));
    checkpoints.turn(false, 0);
    expect(count).toBe(0);
    checkpoints.turn(true, 0);
    expect(count).toBe(1);
    checkpoints.turn(true, 0);
    expect(count).toBe(1);
    checkpoints.written(written(16 * mib, true));
    checkpoints.turn(false, 0);
    expect(count).toBe(2);
  });

  it('count small commits, too', () => {
    let count = 0;
    const checkpoints = new Checkpoints({ checkpoint: () => ((count += 1), 0), onLong: never, onFailed: never });
    for (let n = 0; n < 100; n += 1) {
      checkpoints.written(written(300));
      checkpoints.turn(true, 0);
    }
    expect(count).toBe(1);
  });

  it('that fail are reported and tried again after a rest', () => {
    const failed: unknown[] = [];
    let count = 0;
    const checkpoints = new Checkpoints({
      checkpoint: () => {
        count += 1;
        if (count === 1) throw new Error('the disk is full');
        return 0;
      },
      onLong: never,
      onFailed: (error) => failed.push(error),
    });
    checkpoints.written(written(2 * mib));
    for (const nowMs of [10_000, 10_001, 10_999]) checkpoints.turn(true, nowMs);
    expect([count, failed]).toEqual([1, [new Error('the disk is full')]]);
    checkpoints.turn(true, 11_000);
    checkpoints.turn(true, 11_001);
    expect(count).toBe(2);
  });

  it('of a log that a reader has held up are foretold, as is the one that closes the database', () => {
    const pages = [10_000, 17_000, 0];
    const long: number[] = [];
    const checkpoints = new Checkpoints({
      checkpoint: () => pages.shift() ?? 0,
      onLong: (bytes) => long.push(Math.floor(bytes / mib)),
      onFailed: never,
    });
    for (let n = 0; n < 2; n += 1) {
      checkpoints.written(written(16 * mib, true));
      checkpoints.turn(true, 0);
    }
    checkpoints.foretell();
    checkpoints.written(written(16 * mib, true));
    checkpoints.turn(true, 0);
    checkpoints.foretell();
    expect(long).toEqual([132, 164]);
  });
});
