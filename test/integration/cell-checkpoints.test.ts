/** Checkpoints between a handler in its thread and the node: saved in a synchronous loop, handed to the next attempt. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { checkpointHandlersDir } from '../support/cluster.ts';
import { startPool, type Harness } from '../support/rogue-handlers/harness.ts';

let pool: Harness;

beforeAll(async () => {
  pool = await startPool({ handlerDirs: [checkpointHandlersDir] });
});
afterAll(async () => {
  await pool.stop();
});

it('are taken from a loop that never looks up, as often as they are durable, and the last one is kept', async () => {
  // Long enough for some to be durable meanwhile, also where the node or the cell gets no CPU for a while.
  const run = pool.run('test.hurries', { rounds: 1_000, ms: 3_000 });
  const { outcome, durationMs } = await run.ended;
  if (outcome.kind !== 'failed') throw new Error(JSON.stringify(outcome));
  expect(outcome.failure.code).toBe('TypeError,TypeError,TypeError,RangeError');
  const rounds = Number.parseInt(outcome.failure.message);
  const saved = run.checkpoints.map((payload) =>
    payload.kind === 'bytes' ? new DataView(payload.bytes.buffer, payload.bytes.byteOffset).getUint32(0) : -1,
  );
  expect(saved.length).toBeGreaterThan(2);
  expect(saved.length).toBeLessThanOrEqual(3 + durationMs / 100);
  expect(saved).toEqual(saved.toSorted((a, b) => a - b));
  expect([saved[0], saved.at(-1)]).toEqual([0, rounds - 1]);

  const next = pool.run(
    'test.hurries',
    { rounds: 1, ms: 0 },
    { attempt: 2, checkpoint: { kind: 'json', json: '[7]' } },
  );
  const found = { kind: 'json', json: '{"found":[7]}' };
  expect((await next.ended).outcome).toEqual({ kind: 'succeeded', output: found });
});
