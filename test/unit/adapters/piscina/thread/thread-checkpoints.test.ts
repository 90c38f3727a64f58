// `ctx.checkpoint` of one run, with the real slot memory between it and its cell and a clock of its own.
import { describe, expect, it } from 'vitest';
import { createSlotMemory, RunSlot } from '../../../../../src/adapters/piscina/protocol/run-slot.ts';
import { ThreadCheckpoints } from '../../../../../src/adapters/piscina/thread/thread-checkpoints.ts';
import type { CheckpointNote } from '../../../../../src/adapters/piscina/protocol/thread-messages.ts';

function voice() {
  const memory = createSlotMemory();
  const [thread, cell] = [new RunSlot(memory), new RunSlot(memory)];
  const clock = { nowMs: 0 };
  const sent: CheckpointNote[] = [];
  const checkpoints = new ThreadCheckpoints(
    thread,
    (note) => sent.push(note),
    () => clock.nowMs,
  );
  const values = () =>
    sent.map(({ payload }) => (payload.kind === 'json' ? (JSON.parse(payload.json) as unknown) : ''));
  return { checkpoints, cell, clock, sent, values };
}

describe('checkpoints of a thread', () => {
  it('are under way one at a time; in a synchronous loop the newest follows when the former is durable', () => {
    const { checkpoints, cell, clock, sent, values } = voice();
    for (let n = 1; n <= 1_000; n += 1) {
      clock.nowMs += 1;
      void checkpoints.save(n);
      const last = sent.at(-1);
      if (n % 300 === 0 && last !== undefined) cell.settleCheckpoint(last.number, true);
    }
    expect(values()).toEqual([1, 301, 601, 901]);
  });

  it('wait for a while after one, longer after a large one, and not at all once the run is to stop', () => {
    const { checkpoints, cell, clock, values } = voice();
    const large = 'x'.repeat(500_000);
    const settle = (number: number) => {
      cell.settleCheckpoint(number, true);
    };
    void checkpoints.save('small');
    settle(1);
    for (const nowMs of [99, 100]) {
      clock.nowMs = nowMs;
      void checkpoints.save(`${nowMs}${large}`);
    }
    expect(values()).toHaveLength(2);
    settle(3);
    clock.nowMs = 500;
    void checkpoints.save('too soon');
    expect(values()).toHaveLength(2);
    cell.requestStop();
    void checkpoints.save('last words');
    expect(values()).toEqual(['small', `100${large}`, 'last words']);
  });

  it('resolve when they or a later one are durable, and reject when none can be any more', async () => {
    const { checkpoints, cell, clock, values } = voice();
    const first = checkpoints.save(1);
    clock.nowMs = 1_000;
    const overtaken = [checkpoints.save(2), checkpoints.save(3)];
    cell.settleCheckpoint(1, true);
    await first;
    await Promise.resolve();
    expect(values()).toEqual([1, 3]);
    cell.settleCheckpoint(3, true);
    await Promise.all(overtaken);
    clock.nowMs = 2_000;
    const refused = checkpoints.save(4);
    cell.settleCheckpoint(4, false);
    await expect(refused).rejects.toThrow('not saved');
  });

  it('that wait when the run ends are sent, unless it has succeeded; later ones are refused', async () => {
    for (const keep of [true, false]) {
      const { checkpoints, values } = voice();
      const open = [checkpoints.save(1), checkpoints.save(2), checkpoints.save(3)];
      checkpoints.close(keep);
      expect(values()).toEqual(keep ? [1, 3] : [1]);
      for (const saved of [...open, checkpoints.save(4)]) await expect(saved).rejects.toThrow('has ended');
    }
  });

  it('hold the value as it was, and say at once what cannot be saved', () => {
    const { checkpoints, sent } = voice();
    const bytes = new Uint8Array([1]);
    void checkpoints.save(bytes);
    bytes[0] = 2;
    expect(sent[0]?.payload).toEqual({ kind: 'bytes', bytes: new Uint8Array([1]) });
    expect(() => checkpoints.save(undefined)).toThrow('undefined cannot be saved');
    expect(() => checkpoints.save({ a: new Map() })).toThrow('checkpoint.a: Map: JSON cannot represent it');
    expect(() => checkpoints.save('x'.repeat(1_048_576))).toThrow('has 1048578 bytes, at most 1048576 are allowed');
  });
});
