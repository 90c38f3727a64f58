/** What a node took ahead and cannot run soon goes back, so that another node can. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { eventually, type Harness, startPool, zooDir } from '../support/rogue-handlers/harness.ts';

let cells: Harness;
beforeEach(async () => {
  cells = await startPool({ handlerDirs: [zooDir], threads: 1, lookaheadMs: 200 });
});
afterEach(async () => {
  await cells.stop();
});

it('a run that waits behind a long one is given back unbegun, and no more is taken ahead until something ends', async () => {
  // On a slow machine it takes some until short runs are believed to be short.
  while (cells.pool.capacity() <= 1) await cells.run('noop').ended;
  const long = cells.run('endless');
  await long.started;
  const behind = cells.run('noop');
  expect((await behind.ended).outcome).toEqual({ kind: 'released' });
  expect(behind.ends).toBe(1);
  expect(cells.pool.capacity()).toBe(0);
  cells.pool.cancel(long.runId);
  await long.ended;
  await eventually('there is room again', () => cells.pool.capacity() > 0);
});
